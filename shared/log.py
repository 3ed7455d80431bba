"""Structured logs on stdout: past-tense facts with fields, and no personal data in any of them.

A number is masked where it is logged; the processor here is the last net: whatever still looks like a phone number or a
key in any string is masked, and fields that carry texts or secrets are taken out.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO, cast

import structlog

from shared.domain.phone import scrubbed

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# Fields that hold people's words or the keys to them, whatever they were logged for.
_NEVER: Final = frozenset({"body", "text", "token", "auth_token", "secret", "authorization", "recording_url", "params"})
_KEY = re.compile(r"tsk_[a-z]{1,12}_([0-9A-Za-z]{8})_[0-9A-Za-z]{36}|whsec_[A-Za-z0-9+/=]{16,}")

_FRAMES: Final = 6  # from the line that raised up to the handler that called it

EventDict = MutableMapping[str, Any]


class Steady:
    """A stream that takes what it can: a full disk or a closed pipe costs lines, never the work that logged them."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._lost = out, 0

    def write(self, text: str) -> None:
        """Written with the next flush, if at all."""
        try:
            if self._lost:
                self._out.write(json.dumps({"event": "log_writes_lost", "level": "error", "count": self._lost}) + "\n")
            self._out.write(text)
            self._lost = 0
        except (OSError, ValueError):  # ValueError: the stream is closed, at the end of the process
            self._lost += 1

    def flush(self) -> None:
        """What cannot be written now stays in the stream's buffer, as far as that reaches."""
        try:
            self._out.flush()
        except (OSError, ValueError):
            self._lost += 1


@dataclass(frozen=True, slots=True)
class _Plain:
    """What `info_each` needs to write without structlog: who speaks, and where to."""

    said_by: Mapping[str, str]
    out: TextIO


_plain: _Plain | None = None


def configure(
    *, service: str, version: str, level: str = "info", form: str = "json", out: TextIO | None = None
) -> None:
    """Sets this process's log up; `form` is json for machines or console for people; `out` is stdout unless given."""
    global _plain
    steady = cast("TextIO", Steady(out or sys.stdout))
    said_by = {"service": service, "version": version}
    _plain = _Plain(said_by, steady) if form == "json" and _LEVELS[level] <= _LEVELS["info"] else None
    render = structlog.dev.ConsoleRenderer() if form == "console" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            # Not a context variable: the threads of a pool would not have it.
            cast("structlog.types.Processor", lambda _logger, _method, event: {**said_by, **event}),
            cast("structlog.types.Processor", exception_as_place),
            cast("structlog.types.Processor", without_personal_data),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(steady),
        cache_logger_on_first_use=True,
    )
    # Twilio's SDK logs phone numbers in the URLs of its requests at INFO.
    logging.getLogger("twilio.http_client").setLevel(logging.WARNING)


def get() -> Any:
    """The logger."""
    return structlog.get_logger()


def info_each(event: str, facts: Iterable[Mapping[str, object]]) -> None:
    """As `get().info(event, **fact)` for each fact, in one write: for the one place that logs thousands a second.

    The last net lies under these lines too; fields that must never be logged are the caller's duty here.
    """
    if _plain is None:
        for fact in facts:
            get().info(event, **fact)
        return
    common = {"event": event, "level": "info", "ts": _now(), **_plain.said_by}
    tail = json.dumps(common)[1:] + "\n"
    text = "".join([f"{json.dumps(fact)[:-1]}, {tail}" for fact in facts])
    _plain.out.write(_masked(text))
    _plain.out.flush()


def where(fault: BaseException) -> str:
    """Type and innermost frames of an exception, without its message: drivers quote values in theirs."""
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    path = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(fault).__name__} at {path}"


def exception_as_place(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """`exc_info` becomes `where`."""
    fault = event.pop("exc_info", None)
    if fault is True:
        fault = sys.exc_info()[1]
    return {**event, "where": where(fault)} if isinstance(fault, BaseException) else event


def without_personal_data(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Takes out what must not be logged and masks what slipped through."""
    return {name: _safe(value) for name, value in event.items() if name not in _NEVER}


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return _masked(value)
    if isinstance(value, dict):
        return {name: _safe(inner) for name, inner in value.items() if name not in _NEVER}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    return value


def _masked(text: str) -> str:
    text = scrubbed(text)
    if "tsk_" not in text and "whsec_" not in text:
        return text
    return _KEY.sub(lambda found: f"tsk_…{found.group(1) or ''}…", text)


def _now() -> str:
    """As structlog's TimeStamper writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
