"""Does the message we write by hand (`shared.tasks`) still look like the one Celery would send?

Asked by every worker before it takes work, so that an upgrade of Celery that changes its protocol stops a deployment
instead of losing hints.
"""

import json
from base64 import b64decode
from typing import Any, Final

from celery import Celery
from kombu import Connection
from kombu.transport import virtual

from shared import tasks

# Told apart by nature: ids are random, the rest describes who published.
_DIFFERS: Final = frozenset(
    {"id", "root_id", "argsrepr", "kwargsrepr", "origin", "correlation_id", "reply_to", "delivery_tag"}
)


class MessageDiffers(Exception):
    """Celery's own message has another shape than ours."""


class _Channel(virtual.Channel):
    """Keeps what would be pushed."""

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        self.connection.caught.append((queue, message))  # type: ignore[attr-defined]

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        raise NotImplementedError  # nothing is ever read from here

    def _size(self, queue: str) -> int:
        return 0

    def _purge(self, queue: str) -> int:
        return 0


class _Transport(virtual.Transport):
    Channel = _Channel

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.caught: list[tuple[str, dict[str, Any]]] = []


def check(app: Celery) -> None:
    """Raises MessageDiffers, naming the difference."""
    ours = _flat(json.loads(tasks.message(tasks.RUN, [1], tasks.EVENTS)))
    theirs = _flat(_sent_by(app))
    if ours.keys() != theirs.keys():
        raise MessageDiffers(f"fields: {sorted(ours.keys() ^ theirs.keys())}")
    other = {name for name in ours if name.rpartition(".")[2] not in _DIFFERS and ours[name] != theirs[name]}
    if other:
        raise MessageDiffers(f"values: {sorted(other)}")


def _sent_by(app: Celery) -> dict[str, Any]:
    connection = Connection(transport=_Transport)
    producer = app.amqp.Producer(connection.channel(), auto_declare=False)
    app.send_task(tasks.RUN, args=[1], queue=tasks.EVENTS, producer=producer, retry=False, ignore_result=True)
    (queue, message), *_ = connection.transport.caught  # type: ignore[union-attr]
    if queue != tasks.EVENTS:
        raise MessageDiffers(f"queue: {queue}")
    return message


def _flat(message: dict[str, Any]) -> dict[str, Any]:
    flat = {f"headers.{name}": value for name, value in message["headers"].items()}
    flat |= {f"properties.{name}": value for name, value in message["properties"].items()}
    flat |= {name: message[name] for name in ("content-type", "content-encoding")}
    return {**flat, "body": json.loads(b64decode(message["body"]))}
