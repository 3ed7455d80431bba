"""How the people behind outside phone numbers behave when Twilio rings or texts them."""

from dataclasses import dataclass, replace
from typing import Any

from ops.twilio_sim.kinds import checked, within

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
        """Raises ValueError for an unknown key or a value that is none."""
        phone = replace(self, **checked(Phone, wishes))
        for name, value, known in (("answers", phone.answers, ANSWERS), ("texts", phone.texts, TEXT_FATES)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}")
        for name, seconds in (("answer_after_s", phone.answer_after_s), ("talk_s", phone.talk_s)):
            within(name, seconds, 0, 86400)
        within("speaks_s", phone.speaks_s, 0, 86400)
        return phone
