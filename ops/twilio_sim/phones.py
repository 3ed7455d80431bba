"""How the people behind outside phone numbers behave when Twilio rings or texts them."""

import re
from dataclasses import dataclass, replace
from typing import Any

from ops.twilio_sim.kinds import checked, within

ANSWERS = ("answer", "no-answer", "busy", "failed")
TEXT_FATES = ("delivered", "sent", "undelivered", "failed")


@dataclass(frozen=True)
class Phone:
    """`digits` are pressed one prompt at a time; `talk_s` is how long the person stays on an answered call.

    `texts` is how a text to it ends, with `error_code` when it ends badly; with a `create_error` there is
    not even a message.
    """

    answers: str = "answer"
    answer_after_s: float = 3.0
    talk_s: float = 10.0
    digits: str = ""
    speaks_s: float = 5.0
    answered_by: str = "human"
    texts: str = "delivered"
    error_code: int = 30003
    create_error: int = 0

    def changed(self, wishes: dict[str, Any]) -> "Phone":
        """Raises ValueError for an unknown key or a value that is none."""
        phone = replace(self, **checked(Phone, wishes))
        for name, value, known in (("answers", phone.answers, ANSWERS), ("texts", phone.texts, TEXT_FATES)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}")
        for name, seconds in (("answer_after_s", phone.answer_after_s), ("talk_s", phone.talk_s)):
            within(name, seconds, 0, 86400)
        within("speaks_s", phone.speaks_s, 0, 86400)
        return phone


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
