"""What is made of the measurements: percentiles, rounds, tables, the document."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from ops.benchmarks import machine, options, report, rounds
from ops.benchmarks.load import Answers
from ops.benchmarks.machine import Moment, Window
from ops.benchmarks.numbers import latencies_ms, percentile, spread
from ops.benchmarks.report import Goal, Section, Table
from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (99.9, 100), (100, 100), (1, 1), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert percentile([*range(1, 101)], percent) == value


def test_nothing_measured_has_percentiles_of_zero():
    assert latencies_ms([]) == (0.0, 0.0, 0.0, 0.0)


def test_latencies_are_told_in_milliseconds_whatever_their_order():
    assert latencies_ms([3_000_000, 1_000_000, 2_000_000]) == (2.0, 3.0, 3.0, 3.0)


def test_a_spread_names_median_least_and_most():
    assert (spread([]), spread([2.0]), spread([3.0, 1.0, 20.0])) == ("-", "2.0", "3.0 (1.0-20.0)")
    assert spread([1234.5678], 0) == "1,235"


def trial(rate=100.0, fault="", others=0.0, cpu=1.0, behind=0):
    answers = Answers(Counter({204: 100}), [], 100 / rate)
    return Trial("x", answers, Window(1.0, {"subject": cpu, "redis": 0.5}, others), 10.0, behind, fault)


def test_rounds_go_forwards_and_backwards():
    order = []
    subjects = [Subject(name, "", "") for name in "ABC"]
    found = rounds.interleaved(subjects, 3, lambda subject: order.append(subject.name) or trial())
    assert "".join(order) == "ABCCBAABC"
    assert {name: len(trials) for name, trials in found.items()} == {"A": 3, "B": 3, "C": 3}


def test_a_ratio_is_taken_within_a_round_and_only_of_runs_that_count():
    ours = [trial(200), trial(300), trial(500)]
    theirs = [trial(100), trial(100, fault="answers: {500: 1}"), trial(250)]
    assert rounds.ratios(ours, theirs, lambda one: one.answers.rate) == pytest.approx([2.0, 2.0])


def test_what_does_not_count_is_left_out_and_named():
    trials = [trial(100), trial(900, fault="2 acknowledged but not stored"), trial(100, others=0.3, behind=7)]
    assert rounds.values(trials, lambda one: one.answers.rate) == pytest.approx([100, 100])
    said = rounds.remarks(trials)
    assert "1 of 3 not accepted (2 acknowledged but not stored)" in said
    assert "1 of 3 disturbed" in said
    assert "7 were in the journal" in said
    assert rounds.remarks([trial()]) == ""


def test_cpu_per_ack_adds_the_groups_up():
    assert trial(cpu=0.25).cpu_us("subject") == pytest.approx(2500)
    assert trial(cpu=0.25).cpu_us("subject", "redis") == pytest.approx(7500)


def test_the_cpu_of_a_child_is_found_below_its_parent():
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint('burnt', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"burnt\n"
        assert child.pid in machine.family(os.getpid())
        assert 0.15 <= machine.cpu_s([child.pid]) < 2
        assert machine.memory_mb([child.pid])[0] > 1
        child.stdin.write(b"\n")
    assert machine.cpu_s([child.pid]) == 0.0
    assert child.pid not in machine.family(os.getpid())


def test_what_nobody_of_ours_has_used_was_used_by_others():
    cores = os.cpu_count() or 1
    first = Moment(0.0, 10.0, {"subject": 1.0, "redis": 2.0})
    last = Moment(2.0, 10.0 + 1.5 + cores, {"subject": 2.0, "redis": 2.5})
    window = machine.between(first, last)
    assert window.by_group == {"subject": 1.0, "redis": 0.5}
    assert window.others == pytest.approx(0.5)


def test_the_machine_has_a_busy_time_that_grows():
    first = machine.moment({"us": machine.own_pid()})
    machine.calibration_ms()
    assert machine.between(first, machine.moment({"us": machine.own_pid()})).elapsed_s > 0
    assert "Python" in machine.described()
    assert "gunicorn" in machine.versions()


def test_a_probe_of_the_disk_leaves_nothing_behind(tmp_path):
    assert machine.fsync_ms(tmp_path) > 0
    assert [*tmp_path.iterdir()] == []


SECTION = Section(
    "peers", "Acks", [Table(["who", "acks/s"], [["ours", "16,000"]])], [Goal("fast", "2 x", None)], ["a note"]
)


def test_a_section_is_tables_goals_and_notes():
    text = report.markdown(SECTION, "Measured now.")
    assert text.startswith("### Acks\n\nMeasured now.\n\n| who  | acks/s |\n|------|--------|\n| ours | 16,000 |")
    assert "| fast | 2 x      | not measured |" in text
    assert text.endswith("- a note")


def test_a_goal_that_was_missed_is_said_plainly():
    assert "**not met**" in report.markdown(Section("x", "X", [], [report.goal("g", 3.0, "3", False)]), "")
    assert report.goal("g", 0.0, "0", True).is_met is None


def test_only_its_own_section_of_the_document_is_replaced(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(
        "a\n<!-- bench peers -->\nold\n<!-- /bench peers -->\nb\n<!-- bench ack -->\nkept\n<!-- /bench ack -->\n"
    )
    report.write("peers", "new", document)
    report.write("peers", "newer", document)
    assert document.read_text() == (
        "a\n<!-- bench peers -->\nnewer\n<!-- /bench peers -->\nb\n<!-- bench ack -->\nkept\n<!-- /bench ack -->\n"
    )
    with pytest.raises(report.NoPlace):
        report.write("burst", "new", document)


def test_the_document_has_a_place_for_every_scenario():
    text = report.DOCUMENT.read_text()
    names = [name for scenarios in options.SCENARIOS.values() for name in scenarios]
    assert all(f"<!-- bench {name} -->" in text and f"<!-- /bench {name} -->" in text for name in names)


def test_without_words_everything_is_measured_three_times():
    asked = options.parse(["ingress"])
    assert (asked.scenarios, asked.rounds, asked.seconds) == ([*options.SCENARIOS["ingress"]], 3, 3.0)
    assert (asked.appendfsync, asked.quick, asked.write, asked.command) == (
        "always",
        False,
        False,
        "./ops/bench ingress",
    )


def test_a_text_takes_longer_than_an_answer_and_is_measured_longer_and_once():
    asked = options.parse(["sms"])
    assert (asked.scenarios, asked.rounds, asked.seconds) == ([*options.SCENARIOS["sms"]], 1, 12.0)
    assert options.parse(["sms", "--quick"]).seconds == 4.0


def test_a_hundred_calls_are_placed_or_as_many_as_are_asked_for():
    assert options.parse(["calls"]).calls == [100]
    assert options.parse(["calls", "--quick"]).calls == [20]
    assert options.parse(["calls", "--calls", "100,500"]).calls == [100, 500]


def test_subscribers_are_measured_once_each_rate_for_some_seconds():
    asked = options.parse(["downstream"])
    assert (asked.scenarios, asked.rounds, asked.seconds) == (["told", "outage"], 1, 6.0)
    assert options.parse(["downstream", "--quick", "--only", "outage"]).scenarios == ["outage"]


def test_words_choose_scenarios_in_their_own_order_and_the_command_leaves_out_the_writing():
    asked = options.parse(["ingress", "--write", "--quick", "--only", "burst,ack"])
    assert (asked.scenarios, asked.rounds, asked.seconds, asked.write) == (["ack", "burst"], 1, 1.0, True)
    assert asked.command == "./ops/bench ingress --quick --only burst,ack"


@pytest.mark.parametrize(
    "words",
    [
        ["house"],
        ["ingress", "--only", "all"],
        ["ingress", "--rounds", "0"],
        ["ingress", "--seconds", "99"],
        ["sms", "--only", "burst"],
        ["calls", "--calls", "501"],
        ["calls", "--calls", "10,many"],
    ],
)
def test_what_cannot_be_measured_is_refused(words, capsys):
    with pytest.raises(SystemExit) as end:
        options.parse(words)
    assert end.value.code == 2
    assert "usage" in capsys.readouterr().err
