"""What Flower and the events of a worker get to see of a task's arguments: nothing.

Our own messages carry only the number of a row, but the queue contract of other services carries a phone number and a
text (`twilio_server.sms.send.v1`).
"""

from typing import Any

from celery import Task
from celery.exceptions import Reject
from celery.worker.request import Request

from shared import log

_BLANK = "(hidden)"


class QuietRequest(Request):
    """A request whose arguments are shown to nobody but the task itself."""

    @property
    def argsrepr(self) -> str:
        """Replaces the sender's own description."""
        return _BLANK

    @property
    def kwargsrepr(self) -> str:
        """Replaces the sender's own description."""
        return _BLANK

    def info(self, safe: bool = False) -> Any:
        """What `inspect active` and Flower's worker page show."""
        return {**super().info(safe=safe), "args": _BLANK, "kwargs": _BLANK}


class TaskBroke(Exception):
    """A task raised. The log says where; Flower gets no message, because drivers quote values in theirs."""


class QuietTask(Task):
    """The base of all our tasks: neither its arguments nor its failures tell Flower anything personal."""

    Request = f"{__name__}:QuietRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the task. Raises TaskBroke for every fault, Reject as it is."""
        try:
            return self.run(*args, **kwargs)
        except Reject:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it was, its message must not reach Flower
            log.get().error("task_broke", task=self.name, task_id=self.request.id, where=log.where(fault))
            broke = TaskBroke(type(fault).__name__)
        raise broke from None
