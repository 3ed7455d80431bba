"""Knows the programme: which stories are told at the same time, and which need the stage for themselves."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import time_ns
from uuid import uuid4

from ops.demo.analytics import analytics
from ops.demo.answered_call import answered_call
from ops.demo.burst import burst
from ops.demo.check import Check, told
from ops.demo.flower_page import flower_page
from ops.demo.forged import forged
from ops.demo.hurry import hurried
from ops.demo.missed_call import missed_call
from ops.demo.recorded_call import recorded_call
from ops.demo.repeated_webhooks import repeated_webhooks
from ops.demo.sms_jobs import sms_by_celery, sms_by_http
from ops.demo.stage import Stage, stage

Story = tuple[str, Callable[[Stage], str]]

# In one lane one after the other, because they tell the same outside phone how to behave; the lanes at the same time.
LANES: tuple[tuple[Story, ...], ...] = (
    (
        ("missed call → text → delivered → reply heard → answered", missed_call),
        ("answered call → status callbacks → completed", answered_call),
    ),
    (
        ("recorded call → fetched, checked, stored, played back", recorded_call),
        ("same webhook twice → one effect", repeated_webhooks),
    ),
    (
        ("text by HTTP → queued → delivered", sms_by_http),
        ("text by Celery send_task → delivered", sms_by_celery),
    ),
)

# Afterwards and alone: Flower is searched for what the others said, the rush is measured, and somebody counts it all.
ALONE: tuple[Story, ...] = (
    ("forged signature → 403", forged),
    ("Flower: password, read-only, nothing personal", flower_page),
    ("200 signed webhooks at once → all answered", burst),
    ("analytics → heard of everything, signed, in order", analytics),
)


def play(env: Mapping[str, str], say: Callable[[str], None]) -> list[Check]:
    """Tell all stories to the stack that `env` describes (the variables of `.run/env`), a line each through `say`."""
    with hurried(env):
        return _played(env, say, mark=uuid4().hex[:8])


def _played(env: Mapping[str, str], say: Callable[[str], None], mark: str) -> list[Check]:
    checks: list[Check] = []
    began_ns = time_ns()
    with ThreadPoolExecutor(len(LANES)) as lanes:
        futures = [future for lane in LANES for future in _lane(lanes, lane, env, mark)]
        for future in futures:
            checks.append(_said(future.result(), say))
    for name, story in ALONE:
        checks.append(_said(told(name, lambda story=story: story(stage(env, mark, began_ns))), say))
    return checks


def _lane(
    lanes: ThreadPoolExecutor, stories: tuple[Story, ...], env: Mapping[str, str], mark: str
) -> list[Future[Check]]:
    """One future per story; a single thread of the pool tells them in their order."""
    futures: list[Future[Check]] = [Future() for _ in stories]
    lanes.submit(_tell, stories, futures, env, mark)
    return futures


def _tell(stories: tuple[Story, ...], futures: list[Future[Check]], env: Mapping[str, str], mark: str) -> None:
    for (name, story), future in zip(stories, futures, strict=True):
        future.set_result(told(name, lambda story=story: story(stage(env, mark))))


def _said(check: Check, say: Callable[[str], None]) -> Check:
    say(f"{'✔' if check.ok else '✘'} {check.name}  {check.took_ms} ms  {check.detail}")
    return check
