"""Starts one process of the hands: `python -m workers events`.

As `celery -A workers.app worker …` would, but without the command-line plugins of every installed package: Flower's
alone cost each process 0.4 s of CPU (`time python -c 'import flower.command'`).
"""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from workers.house import app


@dataclass(frozen=True, slots=True)
class Service:
    """What one worker process reads, and how many tasks it does at once."""

    queues: tuple[str, ...]
    threads: int


# A process for each kind of work: a subscriber that hangs, or Twilio, starves nobody else.
WORKERS: Final[Mapping[str, Service]] = {
    # Batches take turns, so a second thread only prepares while the first commits.
    "events": Service(("events",), 2),
    # Sending waits for Twilio (60-200 ms a text): eight at once are 40-130 texts a second.
    "sms": Service(("sms", "sms.jobs"), 8),
    # People wait for these: each is one request to Twilio, and ten a second are many.
    "calls": Service(("calls",), 8),
    # Megabytes each. Ticks are beat's housekeeping: they wait on other services at times, and recordings wait best.
    "recordings": Service(("recordings", "ticks"), 4),
    # Minutes each, and nobody waits for them: an engine with two recordings in hand is busy.
    "transcripts": Service(("transcripts",), 2),
    # Its relay tells subscribers by couriers of its own; a task only rings for it.
    "notify": Service(("notify",), 2),
}


def main(arguments: list[str]) -> int:
    """Runs until it is told to stop; the exit code of the worker."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name == "beat":
        app.log_as(name)
        app.Beat(scheduler_cls="workers.beat:ClaimScheduler", loglevel="WARNING").run()
        return 0
    if name not in WORKERS:
        sys.exit(f"usage: python -m workers {'|'.join((*WORKERS, 'beat'))}")
    return _work(name, WORKERS[name])


def _work(name: str, service: Service) -> int:
    import workers.app  # noqa: F401 - the tasks; beat has no use for them

    app.log_as(name)
    worker = app.Worker(
        hostname=f"{name}@{socket.gethostname()}",
        queues=list(service.queues),
        pool_cls="threads",
        concurrency=service.threads,
        loglevel="WARNING",
        # Workers need not know each other: less traffic and a faster start. The heartbeat stays, for Flower.
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return worker.exitcode or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
