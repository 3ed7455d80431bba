"""Knows whether beat beats: has any beat claimed a slot lately? Its container's health check asks."""

import os
import sys

import psycopg

from shared.settings import load

# The shortest period of the schedule is 15 s; four of them missed is no hiccup.
FRESH_S = 60


def is_beating(database_url: str) -> bool:
    """Any beat counts: several may run, and the one that is asked may have lost every slot to another."""
    with psycopg.connect(database_url, connect_timeout=5) as conn:
        row = conn.execute(
            "select count(*) from beat_slots where claimed_at > now() - make_interval(secs => %s)", (FRESH_S,)
        ).fetchone()
    return row is not None and row[0] > 0


def main() -> int:
    if is_beating(load(os.environ).database_url):
        return 0
    print(f"no beat has claimed a slot within {FRESH_S} s", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
