"""How the people behind outside phone numbers behave when Twilio rings or texts them."""

import re
from dataclasses import dataclass, replace
from typing import Any

from ops.twilio_sim.kinds import checked, within

ANSWERS = ("answer", "machine", "no-answer", "busy", "failed")
PICKED_UP_BY = (
    "", "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax", "unknown",
)  # fmt: skip
TEXT_FATES = ("delivered", "sent", "undelivered", "failed")


@dataclass(frozen=True)
class Phone:
    """`talk_s` is how long the person stays on an answered call, `leaves_after_s` when they hang up whatever is
    going on, a whisper too (None: never on their own).

    `digits` are pressed one prompt at a time; with commas each prompt gets what stands before the next one.
    `answers` "machine" is the carrier's voicemail: it picks up and presses nothing. `answered_by` is what the
    detection of answering machines finds after `amd_s`, by default what it is.

    `texts` is how a text to it ends, with `error_code` when it ends badly; with a `create_error` there is
    not even a message.
    """

    answers: str = "answer"
    answer_after_s: float = 3.0
    talk_s: float = 10.0
    digits: str = ""
    speaks_s: float = 5.0
    answered_by: str = ""
    amd_s: float = 2.0
    leaves_after_s: float | None = None
    texts: str = "delivered"
    error_code: int = 30003
    create_error: int = 0

    def changed(self, wishes: dict[str, Any]) -> "Phone":
        """Raises ValueError for an unknown key or a value that is none."""
        phone = replace(self, **checked(Phone, _with_keys(wishes)))
        for name, known in (("answers", ANSWERS), ("texts", TEXT_FATES), ("answered_by", PICKED_UP_BY)):
            if getattr(phone, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}")
        for name in ("answer_after_s", "talk_s", "speaks_s", "amd_s", "leaves_after_s"):
            within(name, getattr(phone, name) or 0.0, 0, 86400)
        return phone

    @property
    def picks_up(self) -> bool:
        return self.answers in ("answer", "machine")

    @property
    def keys(self) -> str:
        return "" if self.answers == "machine" else self.digits

    @property
    def picked_up_by(self) -> str:
        return self.answered_by or ("machine_start" if self.answers == "machine" else "human")


def keys_of(digits: Any) -> str:
    """A list has one answer for each prompt, "" for silence; it becomes text with commas. Raises ValueError."""
    if isinstance(digits, list) and all(isinstance(answer, str) for answer in digits):
        digits = "".join(f"{answer}," for answer in digits)
    if not isinstance(digits, str) or not re.fullmatch(r"[0-9*#,]*", digits):
        raise ValueError("digits must be keys like 12#, or a list of them")
    return digits


def _with_keys(wishes: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in wishes.items() if (name, value) != ("leaves_after_s", None)}
    return known | {"digits": keys_of(known["digits"])} if "digits" in known else known


# +1500 2|3|4 0 and five digits of an error code: its texts are refused at create, fail, or are undelivered with it.
# Area code 500 belongs to no place; Twilio's own test numbers are in it too.
_BY_NUMBER = re.compile(r"\+1500([234])0([0-9]{5})")


def phone_named(number: str) -> Phone:
    """The phone behind a number that says itself how it behaves, else an ordinary one."""
    found = _BY_NUMBER.fullmatch(number)
    if not found:
        return ORDINARY
    way, code = found[1], int(found[2])
    if way == "2":
        return Phone(create_error=code)
    return Phone(texts="failed" if way == "3" else "undelivered", error_code=code)


ORDINARY = Phone()
