"""The story of a rush: two hundred signed status webhooks at once, each answered well, none lost."""

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

from ops.demo.check import need, until
from ops.demo.facts import processed
from ops.demo.signing import Post, call_status, post
from ops.demo.stage import PATIENCE_S, Stage
from ops.demo_world import BURST_CUSTOMER, BUSINESS

PATH = "/api/webhooks/status"
CALLS, STATUSES = 50, ("initiated", "ringing", "in-progress", "completed")

# A handful of connections, as a proxy in front of us keeps them. More would measure this script, not the service.
CONNECTIONS = 4

# Not the budget (50 ms, measured by the load test alone on its machine): beyond this something is broken.
SANE_MS = 2000.0


def burst(stage: Stage) -> str:
    call_sids = [f"CA{uuid4().hex}" for _ in range(CALLS)]
    posts = _posts(stage, call_sids)
    before = perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        shares = [posts[lane::CONNECTIONS] for lane in range(CONNECTIONS)]
        answers = [answer for share in senders.map(lambda share: _send(stage, share), shares) for answer in share]
    took_s = perf_counter() - before
    refused = sorted({status for status, _ in answers if not 200 <= status < 300})
    need(not refused, f"answered with {refused}")
    for call_sid in call_sids:
        keys = [f"call-status:{call_sid}:{status}" for status in STATUSES]
        until(lambda sid=call_sid, keys=keys: processed(stage, sid, *keys), "all of them are processed")
    return f"{len(posts)} x 2xx, {len(posts) / took_s:.0f}/s, {_shown(sorted(ms for _, ms in answers))}, all processed"


def _posts(stage: Stage, call_sids: list[str]) -> list[Post]:
    account, token = stage.env["TWILIO_ACCOUNT_SID"], stage.env["TWILIO_AUTH_TOKEN"].split(",")[0]
    url = stage.env["TS_PUBLIC_URL"].rstrip("/") + PATH
    return [
        post(url, call_status(account, call_sid, BUSINESS, BURST_CUSTOMER, status, sequence), token)
        for sequence, status in enumerate(STATUSES)
        for call_sid in call_sids
    ]


def _send(stage: Stage, posts: list[Post]) -> list[tuple[int, float]]:
    """HTTP status and milliseconds of each, one after the other on one connection."""
    where = urlsplit(stage.service.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_S)
    answers: list[tuple[int, float]] = []
    for webhook in posts:
        before = perf_counter()
        connection.request("POST", PATH, webhook.body, webhook.headers)
        answer = connection.getresponse()
        answer.read()
        answers.append((answer.status, (perf_counter() - before) * 1000))
    connection.close()
    return answers


def _shown(ordered_ms: list[float]) -> str:
    p50, p99 = ordered_ms[len(ordered_ms) // 2], ordered_ms[len(ordered_ms) * 99 // 100]
    need(p99 < SANE_MS, f"ack p99 {p99:.0f} ms")
    return f"ack p50 {p50:.1f} ms, p99 {p99:.1f} ms"
