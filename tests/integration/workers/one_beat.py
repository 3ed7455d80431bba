"""One real beat process of ours with a schedule of seconds: `python one_beat.py '{"period_s": 1}'`.

`dies`: it kills itself, as SIGKILL does, between claiming its nth slot and sending it.
"""

import json
import os
import signal
import sys
from datetime import timedelta

from celery.beat import Scheduler

from workers.house import FORGET, app

asked = json.loads(sys.argv[1])
sent, slots = Scheduler.apply_async, []


def dying(self, entry, *args, **kwargs):
    slots.append(entry)
    if len(slots) == asked.get("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    return sent(self, entry, *args, **kwargs)


Scheduler.apply_async = dying
period = timedelta(seconds=asked["period_s"])
app.conf.beat_schedule = {"forget": {"task": FORGET, "schedule": period, "options": {"queue": "ticks"}}}
app.log_as("beat")
app.Beat(scheduler_cls="workers.beat:ClaimScheduler", loglevel="WARNING").run()
