"""What Flower and the events of a worker get to see of a task's arguments: nothing.

Our own messages carry only the number of a row, but the queue contract of other services carries a phone number and a
text (`twilio_server.sms.send.v1`).
"""

from typing import Any

from celery import Task
from celery.worker.request import Request

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


class QuietTask(Task):
    """The base of all our tasks."""

    Request = f"{__name__}:QuietRequest"
