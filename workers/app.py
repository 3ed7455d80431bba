"""The Celery application of a worker: its Runtime, its nets, and the names of tasks with what they do."""

from threading import Event
from typing import Any, Final

from celery import bootsteps
from celery.exceptions import Reject
from celery.signals import worker_shutdown

from shared import inbox, log, tasks
from shared.celery_transport import keep_bound
from shared.every import Every
from workers import (
    contract,
    dispatch,
    events,
    execute,
    hourly,
    housekeeping,
    message_check,
    number_owners,
    recording_audit,
    retention,
    sending,
)
from workers.catalogue import CATALOGUE
from workers.context import open_runtime
from workers.guard import Guard
from workers.house import FORGET, KEEP, RECONCILE_RECORDINGS, REFRESH_NUMBERS, REPORT_HOURS, VERIFY_RECORDINGS, app
from workers.relay import Relay
from workers.release import Releaser

# How often the nets look: what is overdue waits this long at the most, and an idle look costs next to nothing.
SWEEP_S: Final = 2.0
DISPATCH_S: Final = 1.0
BIND_S: Final = 5.0
# The relay waits by itself; this only lets its thread be stopped, and is what its pause after a fault grows from.
RELAY_S: Final = 0.001
# A text that could not be recorded goes round: as often as this, however fast PostgreSQL refuses.
REQUEUE_S: Final = 1.0


class Nets(bootsteps.StartStopStep):
    """Opens the Runtime before the first task, and runs what catches everything that a lost message would leave lying."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.nets: list[Every] = []

    def start(self, parent: Any) -> None:
        """Raises MessageDiffers when this Celery would not understand our hints."""
        message_check.check(app)
        rt = app.runtime = open_runtime(app.settings)
        guard = Guard(parent, rt.redis)
        self.nets = [
            Every("sweep", SWEEP_S, lambda: inbox.ring_overdue(rt.redis)),
            Every("dispatch", DISPATCH_S, lambda: dispatch.once(rt)),
            Every("bind", BIND_S, lambda: keep_bound(rt.redis, tasks.SMS_JOBS)),
            guard.watching,
        ]
        if tasks.SMS in app.amqp.queues.consume_from:
            releaser = Releaser(rt)
            self.nets.append(Every("release", lambda: releaser.pause_s, releaser.once))
        if tasks.NOTIFY in app.amqp.queues.consume_from:
            app.relay = Relay(rt)
            self.nets.append(Every("relay", RELAY_S, app.relay.once))
        guard.keep_alive(self.nets)
        for net in self.nets:
            net.start()
        log.get().info("worker_started", node=parent.hostname)

    def stop(self, parent: Any) -> None:
        """The pool may still be finishing its tasks: the Runtime stays open for them."""
        for net in self.nets:
            net.stop()
        if app.relay is not None:
            app.relay.close()


@worker_shutdown.connect
def _close(sender: Any, **_: Any) -> None:
    """Every task is finished."""
    if app.runtime is not None:
        app.runtime.close()
    log.get().info("worker_stopped", node=sender.hostname)


app.steps["worker"].add(Nets)


@app.task(name=tasks.DRAIN)
def drain() -> None:
    """The bell rang: empty the inbox."""
    events.drain(app.hands)


@app.task(name=tasks.RUN)
def run(job_id: int) -> None:
    """Do a promised job if it is ready."""
    execute.run(app.hands, CATALOGUE, job_id)


@app.task(name=tasks.SEND)
def send() -> None:
    """The bell rang: send the texts that have been let go."""
    sending.drain(app.hands)


@app.task(name=tasks.RELAY)
def relay() -> None:
    """The bell rang: subscribers may be told something."""
    tasks.relay_heard(app.hands.redis)
    if app.relay is not None:
        app.relay.bell()


@app.task(name=tasks.SMS_CONTRACT, bind=True)
def send_sms(self: Any, job: Any = None, *rest: Any, **more: Any) -> None:
    """Another service asks for a text. This message is the only copy until the row exists: it is not let go before."""
    asked = job if job is not None else more or list(rest)
    if not contract.take(app.hands, asked, self.request.id):
        Event().wait(REQUEUE_S)
        raise Reject("not_recorded", requeue=True)  # back into the queue, in one step of Redis


@app.task(name=REFRESH_NUMBERS)
def refresh_numbers() -> None:
    """Beat: whose numbers are these?"""
    number_owners.refresh(app.hands)


@app.task(name=FORGET)
def forget() -> None:
    """Beat: drop what nobody can ask for any more."""
    housekeeping.forget(app.hands)


@app.task(name=REPORT_HOURS)
def report_hours() -> None:
    """Beat: what were the last hours made of?"""
    hourly.report(app.hands)


@app.task(name=KEEP)
def keep_recordings() -> None:
    """Beat: what has been kept long enough goes."""
    retention.sweep(app.hands)


@app.task(name=RECONCILE_RECORDINGS)
def reconcile_recordings() -> None:
    """Beat: does Twilio's list of recordings say what we say?"""
    recording_audit.reconcile_lately(app.hands)


@app.task(name=VERIFY_RECORDINGS)
def verify_recordings() -> None:
    """Beat: is what was stored still what it was?"""
    recording_audit.verify_sample(app.hands)
