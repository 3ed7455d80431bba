"""What gunicorn loads in the fallback receiver's worker, after the fork."""

import atexit
import os

from ingress.fallback_app import create_app, open_fallback
from ingress.lane import Lane
from shared import log
from shared.settings import load
from shared.version import VERSION

_settings = load(os.environ)
log.configure(service="fallback", version=VERSION, level=_settings.log_level, form=_settings.log_format)
_runtime = open_fallback(_settings)
atexit.register(_runtime.close)
app = create_app(_runtime)
app.extensions["revive"] = _runtime.revive
if _settings.hot_lane:
    app.extensions["hot_lane"] = Lane(_runtime)
