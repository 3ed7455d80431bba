"""What gunicorn loads in each worker, after the fork: the application with its own connections."""

import atexit
import os

from ingress.app import create_app
from ingress.context import open_runtime
from ingress.lane import Lane
from shared import log
from shared.settings import load
from shared.version import VERSION

_settings = load(os.environ)
log.configure(service="ingress", version=VERSION, level=_settings.log_level, form=_settings.log_format)
_runtime = open_runtime(_settings)
atexit.register(_runtime.close)
app = create_app(_runtime)
app.extensions["revive"] = _runtime.revive
if _settings.hot_lane:
    app.extensions["hot_lane"] = Lane(_runtime)  # gunicorn's worker takes both from here (`ingress/loop.py`)
