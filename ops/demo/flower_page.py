"""The story of a curious reader of Flower: asked for a password, can change nothing, learns no number and no text."""

import requests

from ops import demo_world
from ops.demo.check import need, until
from ops.demo.stage import PATIENCE_S, Stage

# Longer than Flower's own look at the workers takes; it shows tasks as their events arrive.
SHOWN_WITHIN_S = 10.0


def flower_page(stage: Stage) -> str:
    url = stage.env["FLOWER_URL"].rstrip("/")
    user, _, password = stage.env["FLOWER_BASIC_AUTH"].partition(":")
    for page in ("/", "/api/tasks", "/tasks"):
        need(requests.get(url + page, timeout=PATIENCE_S).status_code == 401, f"{page} opens without a password")
    with requests.Session() as reader:
        reader.auth = (user, password)
        tasks = until(lambda: _tasks(reader, url), "Flower shows tasks", SHOWN_WITHIN_S)
        _no_secrets(stage, reader, url, tasks)
        _cannot_change(reader, url)
    return "401 without a password, read-only, no number and no text in it"


def _tasks(reader: requests.Session, url: str) -> str:
    answer = reader.get(f"{url}/api/tasks", params={"limit": 10_000}, timeout=PATIENCE_S)
    need(answer.ok, f"/api/tasks: {answer.status_code}")
    # The story of the Celery job was told before: its task must be there, or there is nothing to learn from.
    need("twilio_server.sms.send.v1" in answer.text, "Flower has not seen the demo's task")
    return answer.text


def _no_secrets(stage: Stage, reader: requests.Session, url: str, tasks: str) -> None:
    known = [value for value in vars(demo_world).values() if str(value).startswith("+")]
    numbers = {number.removeprefix("+") for number in (*known, stage.missed_caller, stage.repeated_caller)}
    pages = tasks + reader.get(f"{url}/tasks", timeout=PATIENCE_S).text
    found = [secret for secret in (*sorted(numbers), stage.mark) if secret in pages]
    need(not found, f"Flower shows {found}")


def _cannot_change(reader: requests.Session, url: str) -> None:
    """Asks for what a read-only Flower refuses before it looks any further; there is no such worker, in case it looks."""
    for path in ("/api/worker/shutdown/nobody@nowhere", "/api/task/async-apply/workers.drain"):
        answer = reader.post(url + path, json={"args": []}, timeout=PATIENCE_S)
        need(answer.status_code == 403, f"Flower is not read-only: POST {path} gave {answer.status_code}")
