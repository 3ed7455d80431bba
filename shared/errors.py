"""The outcomes of work: every failure is a type that says what happens next.

Raised by the clients of the outside world, read in three places only: `shared.twilio.client` makes them,
`workers.execute` turns them into a row's next state, `ingress.errors` into an HTTP answer.
"""

from datetime import datetime


class TwilioServerError(Exception):
    """What this service raises on purpose. Anything else is a bug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transient(TwilioServerError):
    """The world was not ready. Same work, later; counts as an attempt.

    If Twilio said so: `twilio_code` (of its error dictionary, or the one its HTTP status stands for), `error_class` of that
    code (transient, throttle, account), and `concurrency`, the account's requests that Twilio was working on.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after_s: float | None = None,
        twilio_code: int | None = None,
        error_class: str = "transient",
        concurrency: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.twilio_code = twilio_code
        self.error_class = error_class
        self.concurrency = concurrency

    @property
    def is_throttle(self) -> bool:
        """Too fast or too many: the pace is at fault, not the work."""
        return self.error_class == "throttle"


class Deferred(TwilioServerError):
    """Too early by rule, not by fault. Same work at `until`; does not count as an attempt."""

    def __init__(self, reason: str, *, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class Unknown(TwilioServerError):
    """It may have happened. Find out before anything else; never do it again blindly."""


class Permanent(TwilioServerError):
    """It will never work as it stands. `twilio_code` is the code of Twilio's error dictionary, if Twilio refused."""

    concurrency: int | None = None  # as `Transient` has it: a refusal says nothing of the pace

    def __init__(self, reason: str, *, twilio_code: int | None = None) -> None:
        super().__init__(reason)
        self.twilio_code = twilio_code


class OnHold(Permanent):
    """A legal hold forbids it, whoever asks."""

    def __init__(self) -> None:
        super().__init__("legal-hold")


class Unreadable(TwilioServerError):
    """A genuine message whose content we cannot read. Kept and set aside for a person, never refused."""


class Damaged(TwilioServerError):
    """What is in the store is not what was stored. `reason`: missing, truncated, changed or unreadable."""


class NotStored(TwilioServerError):
    """Neither store took the event: it must not be acknowledged."""
