import io
import json

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared import log

NUMBER = "+14155552671"


@pytest.fixture
def lines():
    out = io.StringIO()
    log.configure(service="test", version="1", out=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_line_says_when_who_and_what(lines):
    log.get().info("sms_handed", message_id="7")
    (line,) = lines()
    assert line["event"] == "sms_handed"
    assert {"ts", "level", "service", "version", "message_id"} <= line.keys()


@given(st.sampled_from(["note", "reason", "path"]), st.text(max_size=20), st.text(max_size=20))
def test_no_number_gets_through_wherever_it_stands(field, before, after):
    event = log.without_personal_data(None, "info", {"event": "x", field: [{"deep": f"{before} {NUMBER} {after}"}]})
    assert NUMBER[1:] not in json.dumps(event)


def test_words_and_keys_are_taken_out(lines):
    key = "tsk_sandbox_AbCd1234_" + "x" * 36
    log.get().info("odd", body="hello", token="t", nested={"secret": "s"}, detail=f"with {key} and whsec_{'A' * 32}")
    (line,) = lines()
    text = json.dumps(line)
    assert "hello" not in text
    assert '"t"' not in text
    assert key not in text
    assert "whsec_A" not in text


def test_an_exception_is_told_by_its_place_because_drivers_quote_values(lines):
    try:
        raise ValueError("Key (body)=(my secret words) exists")
    except ValueError:
        log.get().error("broke", exc_info=True)
    (line,) = lines()
    assert line["where"].startswith("ValueError at test_log.py:")
    assert "secret words" not in json.dumps(line)


def test_many_lines_at_once_are_like_single_ones(lines):
    facts = [{"kind": "dial", "key": f"dial:{i} {NUMBER}", "duration_s": 0.5} for i in range(3)]
    log.info_each("webhook_accepted", facts)
    for fact in facts:
        log.get().info("webhook_accepted", **fact)
    written = [{name: value for name, value in line.items() if name != "ts"} for line in lines()]
    assert written[:3] == written[3:]
    assert all(line["ts"].endswith("Z") for line in lines())
    assert NUMBER[1:] not in json.dumps(lines())


@pytest.mark.parametrize("options", [{"form": "console"}, {"level": "warning"}])
def test_many_lines_at_once_keep_to_form_and_level(options):
    out = io.StringIO()
    log.configure(service="test", version="1", out=out, **options)
    log.info_each("webhook_accepted", [{"kind": "dial"}])
    structlog.reset_defaults()
    assert out.getvalue().count("webhook_accepted") == (1 if "form" in options else 0)
    assert not out.getvalue().startswith("{")


def test_a_full_disk_costs_lines_and_never_the_work_that_logs(tmp_path):
    class Full(io.StringIO):
        is_full = True

        def write(self, text):
            if self.is_full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    out = Full()
    log.configure(service="test", version="1", out=out)
    log.get().info("one")
    log.info_each("two", [{"kind": "dial"}])
    out.is_full = False
    log.get().info("three")
    structlog.reset_defaults()
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(event["event"], event.get("count")) for event in events] == [("log_writes_lost", 2), ("three", None)]
