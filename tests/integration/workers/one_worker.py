"""One real worker process of ours, told by JSON what is different: `python one_worker.py '{"queues": ["events"]}'`.

`queues`, `threads`; `conf` and `transport` (options) change Celery's settings; `watch`: the watchdog's numbers; `torn`:
a net whose first round ends its thread. `dies`: where the process kills itself, as SIGKILL does: before_commit or
after_commit of a batch, or before_note of a message that it was given, or `at`: whenever an event with that CallSid is
handled. `hangs`: touches that file when a text of another service has its row, uncommitted, and goes no further. Task
`test.hold` touches FILE.began and ends when FILE.go is there. `sending`: at which step of sending texts (leased, turn,
answered, recording, recorded) the process kills itself, or with `stops` stands still, as SIGSTOP does. `placing`: the same
of placing a call (begun, marked, answered, recording, recorded). `keeping`: the same of storing a recording (leased,
streamed, fetched, checked, verified, planned, put, marking, marked). `transcribing`: the same of having a
recording written down (leased, read, answered, recording, recorded). `telling`: the same of telling a subscriber (taken,
answered, recording, recorded). `deleting`: a function of `recording_deletion`, and
`before` or `behind` it. `fresh_s`: how long a text that says "sending", or a call
that says "placing", may take to leave.
"""

import functools
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from threading import Event

import workers.app
import workers.watchdog
from shared.celery_transport import SafeQoS
from workers import (
    contract,
    events,
    execute,
    handed,
    leaving,
    placing,
    recording_deletion,
    recordings,
    relay,
    transcribing,
)
from workers.guard import Guard
from workers.house import app
from workers.watchdog import Watchdog

asked = json.loads(sys.argv[1])


@app.task(name="test.hold")
def hold(path: str) -> None:
    with Path(f"{path}.began").open("a") as file:
        file.write("began\n")
    while not Path(f"{path}.go").exists():
        Event().wait(0.01)


def tear(name: str) -> None:
    """The first round of that net raises what no net survives."""
    torn = []

    def once(*args):
        if not torn:
            torn.append(name)
            raise SystemExit(name)

    whole = workers.app.inbox.ring_overdue
    workers.app.inbox.ring_overdue = lambda redis: once() or whole(redis)


if watched := asked.get("watch"):
    kill_s = watched.pop("kill_s", 45.0)
    workers.watchdog.end_process = functools.partial(workers.watchdog.end_process, kill_s=kill_s)
    dog = Watchdog(asked.get("threads", 1), **watched)
    workers.app.Guard = functools.partial(Guard, dog=dog, look_s=watched["look_s"])
if asked.get("torn"):
    tear("sweep")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


committed, applied, promised = events._commit, events.apply, contract.texts.promises.keep


def dying(rt, batch):
    if asked["dies"] == "after_commit":
        committed(rt, batch)
    die()


def killed_by(conn, batch):
    outcomes = applied(conn, batch)
    if any(event.params.get("CallSid") == asked["at"] for event in batch):
        die()
    return outcomes


def hanging(*args, **kwargs):
    promised(*args, **kwargs)
    Path(asked["hangs"]).touch()
    Event().wait(60)


def halt() -> None:
    if halts:
        halts.clear()
        # To this very thread: another one that took the signal would let this one run on for a while.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP if asked.get("stops") else signal.SIGKILL)


halts = ["once"]


def halting(whole, *, first):
    """As `whole`, with the halt before it or behind it."""

    def halted(*args, **kwargs):
        if first:
            halt()
        done = whole(*args, **kwargs)
        if not first:
            halt()
        return done

    return halted


match asked.get("sending"):
    case "leased":
        leaving.hand_over = halting(leaving.hand_over, first=True)
    case "turn":
        leaving.side_by_side = halting(leaving.side_by_side, first=True)
    case "answered":
        leaving.side_by_side = halting(leaving.side_by_side, first=False)
    case "recording":
        handed.record = halting(handed.record, first=False)
    case "recorded":
        execute.tell = halting(execute.tell, first=True)
match asked.get("placing"):
    case "begun":
        placing.placed_calls.begin = halting(placing.placed_calls.begin, first=False)
    case "marked":
        placing.ask_twilio = halting(placing.ask_twilio, first=True)
    case "answered":
        placing.ask_twilio = halting(placing.ask_twilio, first=False)
    case "recording":
        placing.record = halting(placing.record, first=False)
    case "recorded":
        execute.tell = halting(execute.tell, first=True)
match asked.get("keeping"):
    case "leased":
        recordings._brought = halting(recordings._brought, first=True)
    case "streamed":
        recordings._advance = halting(recordings._advance, first=True)
    case "fetched":
        recordings._advance = halting(recordings._advance, first=False)
    case "checked":
        recordings.check = halting(recordings.check, first=False)
    case "verified":
        recordings._put = halting(recordings._put, first=True)
    case "planned":
        recordings._plan = halting(recordings._plan, first=False)
    case "put":
        recordings._put = halting(recordings._put, first=False)
    case "marking":
        recordings._follow = halting(recordings._follow, first=False)
    case "marked":
        recordings._record = halting(recordings._record, first=False)
match asked.get("telling"):
    case "taken":
        relay.Relay._carry = halting(relay.Relay._carry, first=True)
    case "answered":
        relay.Relay._record = halting(relay.Relay._record, first=True)
    case "recording":
        relay.outbox.record = halting(relay.outbox.record, first=False)
    case "recorded":
        execute.tell = halting(execute.tell, first=True)
match asked.get("transcribing"):
    case "leased":
        transcribing.request = halting(transcribing.request, first=True)
    case "read":
        transcribing.transcriber.ask = halting(transcribing.transcriber.ask, first=True)
    case "answered":
        transcribing.transcriber.ask = halting(transcribing.transcriber.ask, first=False)
    case "recording":
        transcribing.said.record = halting(transcribing.said.record, first=False)
    case "recorded":
        execute.tell = halting(execute.tell, first=True)
if step := asked.get("deleting"):
    name, _, place = step.partition(" ")
    setattr(recording_deletion, name, halting(getattr(recording_deletion, name), first=place == "before"))
placing.FRESH_S = asked.get("fresh_s", placing.FRESH_S)
leaving.FRESH_S = asked.get("fresh_s", leaving.FRESH_S)
if asked.get("dies") == "before_note":
    SafeQoS.append = lambda *_: die()
elif "dies" in asked:
    events._commit = dying
if "at" in asked:
    events.apply = killed_by
if "hangs" in asked:
    contract.texts.promises.keep = hanging
if "most_tries" in asked:
    events.MOST_TRIES = asked["most_tries"]
app.conf.broker_transport_options.update(asked.get("transport", {}))
app.conf.update(asked.get("conf", {}))
app.log_as("test")
worker = app.Worker(
    hostname=f"{asked.get('name', 'one')}@{socket.gethostname()}",
    queues=asked["queues"],
    pool_cls="threads",
    concurrency=asked.get("threads", 1),
    loglevel="WARNING",
    without_gossip=True,
    without_mingle=True,
)
worker.start()
sys.exit(worker.exitcode or 0)
