"""What Ctrl-C, SIGTERM and a closed terminal mean: the first one asks for an orderly end, the second one for an end now."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class StopAsked(BaseException):
    """Someone wants the stack to end. Not an Exception: nobody may swallow it by accident."""


class Interrupts:
    """Installed once, in the main thread."""

    def __init__(self, kill: Callable[[], None]):
        self._kill, self._is_asked, self._holds = kill, False, 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._receive)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block that is not torn apart: a wish that comes meanwhile is met at its end."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if self._is_asked and not self._holds:
            raise StopAsked

    @contextmanager
    def closing(self) -> Iterator[None]:
        """The orderly end: from here on the next wish means now."""
        self._is_asked = True
        self._holds += 1
        yield

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_asked:
            self._kill()
        self._is_asked = True
        if not self._holds:
            raise StopAsked
