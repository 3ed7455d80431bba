"""gunicorn's settings for the fallback receiver: one small process, with nothing of the ingress's that could fail with it."""

import os
from pathlib import Path
from typing import Any

# As in `gunicorn_conf.py`, so that a worker that has died is replaced at once.
import ingress.fallback_app
import ingress.lane  # noqa: F401
from ingress.gunicorn_common import *  # noqa: F403  # gunicorn reads a file's names
from shared.journal import Journal
from shared.settings import load

_settings = load(os.environ)

bind = [_settings.fallback_bind]
workers = 1
threads = 4  # for what the lane leaves to Flask; nobody asks anything else here


def on_starting(_server: Any) -> None:
    """As the ingress's. Raises JournalUnwritable."""
    Journal(Path(_settings.fallback_journal_dir), min_free_bytes=0).close()
