"""What the ingress needs in order to start, and what it does not."""

import os
import subprocess
import sys

import pytest

from tests.integration.ingress.lane.conftest import REPO, Server, children, status, until, webhook


def test_without_a_writable_journal_the_service_does_not_start_and_says_what_to_do(redis_url, database_url, tmp_path):
    (tmp_path / "file").write_text("")
    server = Server(redis_url, database_url, tmp_path, {"TS_JOURNAL_DIR": str(tmp_path / "file" / "journal")})
    with pytest.raises(AssertionError, match="TS_JOURNAL_DIR"):
        server.start()
    assert server.process.poll() not in (None, 0)


def test_a_worker_whose_disk_has_gone_bad_meanwhile_is_replaced_all_the_same(redis_url, database_url, tmp_path):
    server = Server(redis_url, database_url, tmp_path).start()
    try:
        folder = tmp_path / "journal"
        folder.rename(tmp_path / "moved")
        folder.write_text("no folder any more")
        (old,) = children(server)
        os.kill(old, 9)
        until(lambda: children(server) not in (set(), {old}))
        until(lambda: server.client().ask(webhook(params=status(1))).status == 204)
        assert server.metric('events_stored_total{where="inbox"}') >= 1
        folder.unlink()
        (tmp_path / "moved").rename(folder)
        until(lambda: server.client().ask(webhook(params=status(2))).status == 204)
        until(lambda: both(server))
    finally:
        server.stop()


def both(server) -> bool:
    """Whether events go into both stores again."""
    before = server.metric('events_stored_total{where="journal_and_inbox"}')
    assert server.client().ask(webhook(params=status(3))).status == 204
    return server.metric('events_stored_total{where="journal_and_inbox"}') > before


def test_redis_and_postgresql_may_come_later(database_url, tmp_path):
    server = Server("redis://127.0.0.1:1/0", "postgresql://nobody:x@127.0.0.1:1/none", tmp_path).start()
    try:
        assert server.client().ask(webhook()).status == 204
        assert server.metric('events_stored_total{where="journal"}') == 1
    finally:
        server.stop()


def test_settings_that_are_wrong_are_told_at_once():
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "ingress/gunicorn_conf.py", "ingress.wsgi:app"],
        cwd=REPO, env={"PATH": os.environ["PATH"], "TS_HOT_LANE": "maybe"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "TS_HOT_LANE: must be on or off" in done.stderr + done.stdout
