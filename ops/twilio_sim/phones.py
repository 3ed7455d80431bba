"""How the people behind outside phone numbers behave when Twilio rings or texts them."""

from dataclasses import dataclass, replace
from typing import Any

ANSWERS = ("answer", "no-answer", "busy", "failed")
TEXT_FATES = ("delivered", "sent", "undelivered", "failed")


@dataclass(frozen=True)
class Phone:
    """`digits` are pressed one prompt at a time; `talk_s` is how long the person stays on an answered call."""

    answers: str = "answer"
    answer_after_s: float = 3.0
    talk_s: float = 10.0
    digits: str = ""
    speaks_s: float = 5.0
    answered_by: str = "human"
    texts: str = "delivered"
    error_code: int = 30003

    def changed(self, wishes: dict[str, Any]) -> "Phone":
        """Raises ValueError for an unknown key or value."""
        for name, value in wishes.items():
            _check(name, value)
        return replace(self, **{n: _typed(n, v) for n, v in wishes.items()})


def _check(name: str, value: Any) -> None:
    if name not in Phone.__dataclass_fields__:
        raise ValueError(f"unknown key {name!r}")
    if name == "answers" and value not in ANSWERS:
        raise ValueError(f"answers must be one of {', '.join(ANSWERS)}")
    if name == "texts" and value not in TEXT_FATES:
        raise ValueError(f"texts must be one of {', '.join(TEXT_FATES)}")
    if name.endswith("_s") and not _is_seconds(value):
        raise ValueError(f"{name} must be seconds, 0 to 86400")


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86400


def _typed(name: str, value: Any) -> Any:
    if name.endswith("_s"):
        return float(value)
    return int(value) if name == "error_code" else str(value)
