"""The documents that repeat the code are compared with it."""

import ast
import re
from itertools import combinations
from pathlib import Path

import prometheus_client
import pytest

from shared import data, metrics, recipients
from shared.db.call_steps import StepName as CallStep
from shared.db.message_steps import StepName
from shared.domain import missed_call, permission, recording_reconcile, status
from shared.domain.law import read as read_law
from shared.domain.message_life import Report, life
from shared.domain.notices import TYPES
from shared.domain.recording_law import consent_for
from shared.domain.routing import ConsentWay, RecordingPolicy
from shared.domain.text_back import TextBack
from shared.settings import described

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "ops" / "docs"


def test_the_readmes_settings_are_the_services():
    table = re.search(r"<!-- settings.*?-->(.*?)<!-- /settings -->", (ROOT / "README.md").read_text(), re.S)
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*) \|$", table.group(1), re.M)
    shown = {"required": "**required**", "": ""}
    assert rows == [(name, shown.get(default, f"`{default}`"), what) for name, default, what in described()]


@pytest.mark.parametrize(
    ("title", "ranks"),
    [("Message", status.MESSAGE_RANK), ("Call", status.CALL_RANK), ("Recording", status.RECORDING_RANK),
     ("Send job", status.SEND_RANK), ("Transcription", status.TRANSCRIPTION_RANK), ("Route", status.ROUTE_RANK),
     ("Decision", status.DECISION_RANK), ("Placed call", status.PLACE_RANK)],
)  # fmt: skip
def test_the_charts_show_the_rank_tables(title, ranks):
    (chart,) = re.findall(rf"## {title} .*?```mermaid(.*?)```", (DOCS / "states.md").read_text(), re.S)
    assert {name: int(rank) for name, rank in re.findall(r"^    \w+: ([\w-]+) (\d)$", chart, re.M)} == ranks
    known = {re.sub(r"\W", "", name) for name in ranks} | set(ranks)
    assert {end for arrow in re.findall(r"^    (\w+) --> (\w+)", chart, re.M) for end in arrow} <= known


def test_the_table_of_rival_ends_names_every_pair_and_what_stands():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \| (yes|no) \|$", (DOCS / "states.md").read_text(), re.M)
    assert {frozenset(row[:2]) for row in rows} == {frozenset(pair) for pair in combinations(status.MESSAGE_FINAL, 2)}
    for one, other, stands, conflict in rows:
        heard = life([Report(status=one), Report(status=other)])
        assert (heard.status, heard.is_conflicted) == (stands, conflict == "yes")


def table(document: str, header: str) -> list[tuple[str, ...]]:
    """The cells of the table under this header, without the marks of code."""
    text = (DOCS / document).read_text().split(f"{header}\n")[1].split("\n\n")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines()[1:]]
    return [tuple(cell.strip().replace("`", "") for cell in row) for row in rows]


def test_the_table_of_the_missed_call_decision_is_the_codes():
    shown = table("states.md", "| route | dial | screening | who | end | leg | on sight | after the wait | why |")
    assert shown == [tuple(cell or "" for cell in row) for row in missed_call.TABLE]


def test_every_word_about_a_missed_calls_text_is_documented():
    assert {word for word, _ in table("states.md", "| `text_back` | why |")} == set(TextBack.__args__)


def test_every_step_of_a_call_is_documented():
    text = (DOCS / "events.md").read_text().split("## Steps of a call\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.M) == [*CallStep.__args__]


def test_the_rules_on_who_may_be_texted_are_the_codes():
    rules = (DOCS / "compliance.md").read_text().split("## Rules\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z.-]+)` \|", rules, re.M) == [*permission.RULE_IDS]


def test_the_table_of_recording_laws_is_the_law_files():
    shown = (DOCS / "compliance.md").read_text().split("## Recording\n")[1].split("| place |")[1]
    rows = re.findall(r"^\| ([\w -]+) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \| (.*?) ?\|$", shown, re.M)
    law = data.read("law_us")["recording_consent"]
    places = {"federal": law["federal"], "unknown state": law["unknown_state"], "elsewhere": law["elsewhere"]}
    places |= {f"{code}-country": rule for code, rule in law["outside_us"].items()} | law["states"]
    assert rows == [
        (
            place,
            said["rule"],
            said.get("counts_as", said["rule"]),
            said["basis"],
            said["confidence"],
            said.get("note", ""),
        )
        for place, said in places.items()
    ]


def test_the_ways_of_telling_of_a_recording_are_the_codes():
    shown = (DOCS / "compliance.md").read_text().split("## Recording\n")[1]
    words = {"announced": "announce", "asked for a key": "press", "nothing is said": "none"}
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \| ([a-z ]+) \| ([a-z ]+) \|$", shown, re.M)
    assert {row[0] for row in rows} == set(ConsentWay.__args__)
    law = read_law(data.read("law_us"))
    for consent, one_party, all_party in rows:
        for number, said in (("+12125550142", one_party), ("+14155552671", all_party)):
            told = consent_for(RecordingPolicy("on", consent), law, [recipients.of(number)])
            assert told.way == words[said]


def section(title: str) -> set[str]:
    text = (DOCS / "events.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.M) for name in re.findall(r"`([a-z_.]+)`", row)}


def logged() -> set[str]:
    found: set[str] = set()
    for package in ("ingress", "workers", "shared"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                    first = node.args[0] if node.args else None
                    is_event = isinstance(first, ast.Constant) and re.fullmatch(r"[a-z]+(_[a-z]+)+", str(first.value))
                    if name in {"info", "warning", "error", "level"} and is_event:
                        found.add(first.value)
    return found


def test_every_log_event_is_documented_and_every_documented_one_is_logged():
    assert section("Log events") == logged()


def test_every_metric_is_documented_and_every_documented_one_exists():
    counted = {
        metric._name.removeprefix("twilio_server_")
        + ("_total" if isinstance(metric, prometheus_client.Counter) else "")
        for metric in vars(metrics).values()
        if isinstance(metric, prometheus_client.Counter | prometheus_client.Gauge | prometheus_client.Histogram)
    }
    asked = set(re.findall(r'(?:_PREFIX \+|_one\()\s*"([a-z_]+)"', (ROOT / "ingress" / "gauges.py").read_text()))
    assert section("Metrics") == counted | asked


def test_every_step_of_a_text_is_documented():
    assert section("Steps of a text") == set(StepName.__args__)


def test_every_notification_is_documented():
    assert section("Notifications") == TYPES


def test_links_between_documents_lead_somewhere():
    for document in (ROOT / "README.md", *DOCS.glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_table_of_reconciliation_is_the_codes():
    lines = (DOCS / "recordings.md").read_text().split("| here |")[1].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert {state: tuple(actions) for state, *actions in rows} == {
        state: tuple(recording_reconcile.TABLE[word, state] for word in recording_reconcile.WORDS)
        for state in recording_reconcile.STATES
    }
