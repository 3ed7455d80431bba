from itertools import product

import psycopg
import pytest

from shared.db import migrate
from shared.db.call_steps import StepName
from shared.domain import status
from shared.domain.job_kinds import JobKind
from shared.domain.missed_call import dial_weight
from shared.domain.text_back import TextBack

RANKS = [("message_rank", status.MESSAGE_RANK), ("call_rank", status.CALL_RANK), ("recording_rank", status.RECORDING_RANK),
         ("send_rank", status.SEND_RANK), ("answered_by_rank", status.ANSWERED_BY_RANK),
         ("transcription_rank", status.TRANSCRIPTION_RANK), ("route_rank", status.ROUTE_RANK),
         ("decision_rank", status.DECISION_RANK), ("consent_rank", status.CONSENT_RANK),
         ("consent_way_rank", status.CONSENT_WAY_RANK), ("place_rank", status.PLACE_RANK),
         ("dial_standing", status.DIAL_RANK)]  # fmt: skip

CALL = "insert into calls (call_sid, account_sid, status, started_at"


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize(("function", "ranks"), RANKS)
def test_the_schema_repeats_the_rank_tables(conn, function, ranks):
    for state, rank in ranks.items():
        assert conn.execute(f"select {function}(%s)", (state,)).fetchone() == (rank,)
    assert conn.execute(f"select {function}('no such state')").fetchone() == (-1,)
    assert conn.execute(f"select {function}(null)").fetchone() == (None,)


@pytest.mark.parametrize(
    ("function", "rank"),
    [("message_standing", status.MESSAGE_RANK), ("call_standing", status.CALL_RANK),
     ("answered_by_standing", status.ANSWERED_BY_RANK)],
)  # fmt: skip
def test_the_schema_breaks_ties_as_the_tables_do(conn, function, rank):
    for state in (*rank, "no such state"):
        assert conn.execute(f"select {function}(%s)", (state,)).fetchone() == (status.standing(rank, state),)


def test_the_schema_weighs_dial_results_as_the_rules_do(conn):
    for dial in product([False, True], [None, *status.DIAL_RANK], [None, False, True]):
        assert conn.execute("select dial_weight(%s::bool, %s::text, %s::bool)", dial).fetchone() == (
            dial_weight(*dial),
        )


@pytest.mark.parametrize("step", StepName.__args__)
def test_the_schema_knows_every_step_of_a_call(conn, step):
    conn.execute("insert into call_steps (call_sid, step, at) values ('CA', %s, now())", (step,))


@pytest.mark.parametrize("word", TextBack.__args__)
def test_the_schema_knows_what_becomes_of_a_missed_calls_text(conn, word):
    conn.execute("insert into calls (call_sid, account_sid, status, started_at, decision, decided_at, text_back) "
                 "values ('CA', 'AC', 'busy', now(), 'missed', now(), %s)", (word,))  # fmt: skip


@pytest.mark.parametrize("kind", JobKind.__args__)
def test_the_schema_knows_every_kind_of_job(conn, kind):
    conn.execute("insert into jobs (kind, ref) values (%s, 'r')", (kind,))


@pytest.mark.parametrize(
    "statement",
    [
        "insert into jobs (kind, ref) values ('surprise', 'r')",
        "insert into jobs (kind, ref, state) values ('deliver', 'r', 'done')",
        "insert into calls (call_sid, account_sid, status, started_at) values ('CA', 'AC', 'melted', now())",
        "insert into calls (call_sid, account_sid, status, started_at, decision) values ('CA', 'AC', 'busy', now(), 'missed')",
        f"{CALL}, decision, decided_at) values ('CA', 'AC', 'busy', now(), 'missed', now())",  # and its text?
        f"{CALL}, text_back) values ('CA', 'AC', 'busy', now(), 'wanted')",
        f"{CALL}, decision, decided_at, text_back) values ('CA', 'AC', 'busy', now(), 'missed', now(), 'perhaps')",
        f"{CALL}, decision, decided_at, text_back) values ('CA', 'AC', 'busy', now(), 'answered', now(), 'wanted')",
        f"{CALL}, route) values ('CA', 'AC', 'busy', now(), 'nowhere')",
        f"{CALL}, screening) values ('CA', 'AC', 'busy', now(), 'none')",
        f"{CALL}, consent) values ('CA', 'AC', 'busy', now(), 'given')",
        f"{CALL}, consent, consent_way) values ('CA', 'AC', 'busy', now(), 'perhaps', 'press')",
        f"{CALL}, sip_code) values ('CA', 'AC', 'busy', now(), 7)",
        "insert into call_steps (call_sid, step, at) values ('CA', 'surprise', now())",
        "insert into calls (call_sid, account_sid, status, started_at, ended_at) values ('CA', 'AC', 'ringing', now(), now())",
        "insert into messages (direction, to_number) values ('outbound', '+1')",
        "insert into messages (direction, to_number, send_state) values ('outbound', '+1', 'handed')",
        "insert into messages (direction, to_number) values ('inbound', '+1')",
        "insert into recordings (recording_sid, account_sid, state) values ('RE', 'AC', 'stored')",
        "insert into numbers (phone_number) values ('0155')",
        "insert into calls (call_sid, account_sid, status, started_at, answered_by) values ('CA', 'AC', 'busy', now(), 'cat')",
        "insert into messages (direction, to_number, status, opt_out_type) values ('inbound', '+1', 'received', 'PERHAPS')",
        "insert into messages (direction, to_number, send_state, opt_out_type) values ('outbound', '+1', 'queued', 'STOP')",
        "insert into recordings (recording_sid, account_sid, state, track) values ('RE', 'AC', 'absent', 'left')",
        "insert into transcriptions (transcription_sid, account_sid, status, started_at) values ('TR', 'AC', 'odd', now())",
        "insert into alerts (event_key, source, level, account_sid, at) values ('k', 'rumour', 'error', 'AC', now())",
        "insert into call_inputs (event_key, call_sid, confidence, heard_at) values ('k', 'CA', 1.5, now())",
    ],
)
def test_the_schema_refuses_states_that_cannot_be(conn, statement):
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(statement)


def test_migrating_twice_changes_nothing(empty_database_url):
    assert migrate.migrate(empty_database_url) == [migration.name for migration in migrate.read()]
    assert migrate.migrate(empty_database_url) == []
    assert migrate.pending(empty_database_url) == []


def test_two_runners_at_once_apply_each_file_once(empty_database_url):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as runners:
        applied = [
            name for names in runners.map(lambda _: migrate.migrate(empty_database_url), range(4)) for name in names
        ]
    assert applied == [migration.name for migration in migrate.read()]


def test_a_changed_file_and_a_missing_one_are_refused(empty_database_url, tmp_path):
    (tmp_path / "0001_pre_a.sql").write_text("create table a (x int)")
    (tmp_path / "0002_pre_b.sql").write_text("create table b (x int)")
    migrate.migrate(empty_database_url, tmp_path)
    (tmp_path / "0001_pre_a.sql").write_text("create table a (x bigint)")
    with pytest.raises(migrate.Drift, match="0001_pre_a"):
        migrate.migrate(empty_database_url, tmp_path)
    (tmp_path / "0001_pre_a.sql").write_text("create table a (x int)")
    (tmp_path / "0002_pre_b.sql").unlink()
    with pytest.raises(migrate.Drift, match="0002_pre_b"):
        migrate.migrate(empty_database_url, tmp_path)


def test_a_file_that_fails_half_way_has_no_effect(empty_database_url, tmp_path):
    (tmp_path / "0001_pre_a.sql").write_text("create table a (x int); create table a (x int)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate.migrate(empty_database_url, tmp_path)
    (tmp_path / "0001_pre_a.sql").write_text("create table a (x int)")
    assert migrate.migrate(empty_database_url, tmp_path) == ["0001_pre_a.sql"]
