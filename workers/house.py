"""The Celery application without its tasks: settings, queues, schedule. Beat and Flower need no more, and start faster."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import setup_logging

from shared import log
from shared.celery_transport import Connection
from shared.settings import Settings, load
from shared.version import VERSION
from workers import celery_log
from workers.celery_config import config

if TYPE_CHECKING:
    from workers.context import WorkerRuntime
    from workers.relay import Relay

REFRESH_NUMBERS: Final = "workers.refresh_numbers"
FORGET: Final = "workers.forget"
KEEP: Final = "workers.keep_recordings"
RECONCILE_RECORDINGS: Final = "workers.reconcile_recordings"
REPORT_HOURS: Final = "workers.report_hours"
VERIFY_RECORDINGS: Final = "workers.verify_recordings"
_TICKS: Final = {"queue": "ticks"}


class Lines(AMQP):
    """Celery's lines to the broker, over connections that ask soon enough whether it is back."""

    Connection = Connection


class House(Celery):
    """Celery with our settings, and with the Runtime once this process is a worker."""

    amqp_cls = f"{__name__}:{Lines.__name__}"

    def __init__(self, settings: Settings) -> None:
        super().__init__("twilio-server", task_cls="workers.quiet_request:QuietTask")
        self.settings = settings
        self.runtime: WorkerRuntime | None = None
        self.relay: Relay | None = None  # of the worker that tells subscribers
        self.conf.update(config(settings))
        self.conf.beat_schedule = {
            # The first caller of a number that nobody told us of is texted once its owner is known: while the phone rings.
            "refresh_numbers": {"task": REFRESH_NUMBERS, "schedule": timedelta(seconds=5), "options": _TICKS},
            "reconcile_recordings": {
                "task": RECONCILE_RECORDINGS,
                "schedule": timedelta(hours=1),
                "options": _TICKS,
            },
            "verify_recordings": {"task": VERIFY_RECORDINGS, "schedule": timedelta(days=1), "options": _TICKS},
            # Asks what is owed: a tick that is lost is made up for by the next.
            "report_hours": {"task": REPORT_HOURS, "schedule": timedelta(minutes=5), "options": _TICKS},
            "forget": {"task": FORGET, "schedule": timedelta(hours=1), "options": _TICKS},
            "keep_recordings": {"task": KEEP, "schedule": timedelta(hours=1), "options": _TICKS},
        }

    @property
    def hands(self) -> "WorkerRuntime":
        """The Runtime of this worker."""
        if self.runtime is None:
            raise RuntimeError("only a worker has a Runtime; it is opened by the Nets step")
        return self.runtime

    def log_as(self, service: str) -> None:
        """Sets this process's log up under the name of its service."""
        log.configure(service=service, version=VERSION, level=self.settings.log_level, form=self.settings.log_format)
        celery_log.listen()


app = House(load(os.environ))


@setup_logging.connect
def _log_as_we_do(**_: Any) -> None:
    """Connecting to this signal keeps Celery from setting up its own logging."""
    if not structlog.is_configured():
        app.log_as("celery")
