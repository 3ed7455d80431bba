"""Is this gunicorn the one our worker was written for?

The worker class overrides methods of gunicorn's threaded worker that are no promised interface. It is used with exactly
those sources it was tested with; with any other the ingress runs on plain gthread and says so: slower, never wrong.
"""

import hashlib
import inspect
import sys
from typing import Final

from gunicorn.http.parser import Parser
from gunicorn.http.unreader import IterUnreader, Unreader
from gunicorn.workers.gthread import TConn, ThreadWorker

OURS: Final = "ingress.loop.PatientWorker"
PLAIN: Final = "gthread"
# SHA-256 over the sources below, of every gunicorn release that the tests were run with.
_KNOWN: Final = frozenset({"23d4ab87b8e3297e0a49450a1c6ee84187d205e1728482bc3cf25db4a819e1a5"})
# Everything that is overridden, called or relied upon.
_RELIED_ON: Final = (TConn, ThreadWorker, Parser, Unreader, IterUnreader)


def fingerprint() -> str:
    """What the installed gunicorn is made of, where it concerns us."""
    return hashlib.sha256("".join(inspect.getsource(part) for part in _RELIED_ON).encode()).hexdigest()


def worker_class_for(version: str) -> str:
    """The worker class to use with the installed gunicorn, whose `version` is only told to the operator."""
    if fingerprint() in _KNOWN:
        return OURS
    sys.stderr.write(
        f"gunicorn {version} is not one the hot lane was tested with: it stays off, webhooks are answered by Flask\n"
    )
    return PLAIN
