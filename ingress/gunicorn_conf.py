"""gunicorn's settings for the ingress."""

import os
from pathlib import Path
from typing import Any

# Loaded here, once, and not in every worker after its fork: replacing workers under load then takes a fifth of a second
# instead of one and a half. So HUP replaces processes and reads settings and secrets again; new code needs a new master.
from ingress.gunicorn_common import *  # noqa: F403  # gunicorn reads a file's names
from shared.journal import Journal
from shared.settings import load

_settings = load(os.environ)

bind = [_settings.bind, _settings.admin_bind]
workers = _settings.web_workers
threads = _settings.web_threads


def on_starting(_server: Any) -> None:
    """Before the first worker: a service that cannot write its journal must not start. Raises JournalUnwritable."""
    Journal(Path(_settings.journal_dir), min_free_bytes=0).close()
