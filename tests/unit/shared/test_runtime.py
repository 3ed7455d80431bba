"""What a process holds open, and how soon it finds PostgreSQL again."""

from shared.runtime import open_db
from shared.settings import load


def test_a_lost_postgresql_is_asked_for_anew_every_few_seconds():
    """The pool's own patience doubles for five minutes: it would find PostgreSQL as late again as it was away."""
    settings = load({
        "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": "redis://127.0.0.1:1", "TS_DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
    })  # fmt: skip
    with open_db(settings, size=1) as pool:
        assert pool.reconnect_timeout <= 4
