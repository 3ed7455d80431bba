"""What an operator does to a running service: one file a noun, each a group of commands of `ops/cli`.

What this tool counts is nobody's traffic: a replay in the shadow must not move the service's counters. So they are
imported here, before everything else, with the service's folder for them out of sight.
"""

import os

_folder = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
import shared.metrics  # noqa: E402, F401

if _folder is not None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder
