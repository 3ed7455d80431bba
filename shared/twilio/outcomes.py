"""What went wrong at Twilio, turned into what should happen next: by the class of its error code."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
from twilio.base.exceptions import TwilioException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from shared import metrics
from shared.domain.error_classes import ErrorRule, rule_of, rule_of_status
from shared.errors import Permanent, Transient, TwilioServerError, Unknown
from shared.twilio.wire import Answer, Refused

_TOO_MANY: Final = 429
_TIMED_OUT: Final = 408  # said by what stands between us and Twilio: the request may have got through


@contextmanager
def outcome(resource: str, *, creating: bool = False, listing: bool = False) -> Iterator[None]:
    """Turns whatever is raised into an outcome, and counts it.

    `listing`: a list that was refused says nothing of what it would have shown, so no refusal is final.
    """
    started, name, code = time.perf_counter(), "ok", ""
    try:
        yield
    except Exception as fault:
        known = outcome_of(fault, creating=creating)
        if listing and isinstance(known, Permanent):
            known = Transient(known.reason, twilio_code=known.twilio_code)
        name, code = type(known).__name__.lower(), str(getattr(known, "twilio_code", None) or "")
        if known is fault:
            raise
        raise known from fault
    finally:
        metrics.TWILIO_REQUESTS.labels(resource, name, code).inc()
        metrics.TWILIO_SECONDS.labels(resource).observe(time.perf_counter() - started)


def outcome_of(fault: Exception, *, creating: bool) -> Exception:
    """What should happen next. `creating`: the request makes something, so an answer that never came is not a no.

    A bug stays the exception it was.
    """
    if isinstance(fault, TwilioServerError):
        return fault
    if isinstance(fault, Refused):
        return _refusal(fault.answer, fault.code, creating=creating)
    if _never_left(fault):
        return Transient("twilio_unreachable")  # no byte of the request left: it is safe to repeat
    # ValueError: a success whose body is no JSON.
    if isinstance(fault, HTTPError | requests.RequestException | TwilioException | ValueError):
        return Unknown("no_answer") if creating else Transient("twilio_unavailable")
    return fault


def _refusal(answer: Answer, code: int | None, *, creating: bool) -> TwilioServerError:
    rule = _rule(answer.status, code)
    if answer.status >= 500 or answer.status == _TIMED_OUT or rule.repeat == "resolve":
        # Twilio's error 20500: the request may have been carried out all the same.
        return Unknown(f"twilio_{answer.status}") if creating else _passing(rule, answer)
    if rule.is_passing:
        return _passing(rule, answer)
    return Permanent(f"refused_{code or answer.status}", twilio_code=code or rule.code)


def _rule(status: int, code: int | None) -> ErrorRule:
    """The code's, if we know it and it does not contradict a status that is never about the text."""
    rule = rule_of(code)
    is_believed = rule.is_known and (rule.is_passing or status not in (401, _TOO_MANY))
    return rule if is_believed else rule_of_status(status)


def _passing(rule: ErrorRule, answer: Answer) -> Transient:
    """How long to wait is Twilio's word, else the rule's: 20429 is a limit on concurrency, so soon is fine."""
    if answer.status == _TOO_MANY:
        metrics.TWILIO_THROTTLED.inc()
    return Transient(
        _REASONS.get(rule.error_class, "twilio_{}").format(answer.status),
        retry_after_s=answer.retry_after_s or rule.wait_s or None,
        twilio_code=rule.code,
        error_class=rule.error_class if rule.is_passing else "transient",
        concurrency=answer.concurrency,
    )


# An account's trouble is an operator's slip more often than not; a text must not die of it.
_REASONS: Final = {"throttle": "throttled", "account": "credentials_{}"}


def _never_left(fault: Exception) -> bool:
    """No connection was made, for the SDK's requests (urllib3) and for those of media (requests wraps urllib3)."""
    if isinstance(fault, requests.ConnectTimeout):
        return True
    if isinstance(fault, requests.ConnectionError) and fault.args:
        fault = getattr(fault.args[0], "reason", None) or fault
    if isinstance(fault, SSLError):  # one that was met while reading an answer is no certificate's
        return bool(fault.args) and isinstance(fault.args[0], ssl.SSLCertVerificationError)
    return isinstance(fault, ConnectTimeoutError | NewConnectionError)
