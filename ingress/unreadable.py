"""What gunicorn's parser would not read is answered in our words: counted, and of a flood a few lines a second are logged.

gunicorn would log each one, with up to 8 KiB of whatever the client sent in it: a stranger's way to fill a disk, and
nothing that may stand in a log.
"""

import re
from typing import Any, Final

from gunicorn.http import errors

from ingress import problem, refusals
from ingress.problem import Problem
from shared import log, metrics

_KINDS: Final = (
    (errors.LimitRequestLine, 414, "uri-too-long", "The address is too long"),
    (errors.LimitRequestHeaders, 431, "head-too-large", "The head is too large"),
    (errors.ExpectationFailed, 417, "expectation-failed", "The expectation cannot be met"),
    (errors.UnsupportedTransferCoding, 501, "unknown-coding", "The transfer coding is not known"),
    (errors.ParseException, 400, "unreadable", "The request is not HTTP as we read it"),
)
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_SAMPLER: Final = refusals.Sampler(refusals.MOST_LINES_PER_S)


def is_answered(client: Any, fault: Exception) -> bool:
    """Answers a request that was no request on its socket `client`; False: the fault is ours, or no request's."""
    if isinstance(fault, errors.ConfigurationProblem):
        return False
    for kind, status, slug, title in _KINDS:
        if isinstance(fault, kind):
            reason = _CAPITAL.sub("_", type(fault).__name__).lower()
            _note(status, reason)
            client.sendall(
                problem.on_the_wire(Problem(status, slug, title, reason.replace("_", " ").capitalize() + "."), "")
            )
            return True
    return False


def _note(status: int, reason: str) -> None:
    metrics.HTTP_REQUESTS.labels("(none)", "", status).inc()
    if (left_out := _SAMPLER.take()) is not None:
        log.get().warning("request_unreadable", reason=reason, status=status, left_out=left_out)
