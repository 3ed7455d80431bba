"""The judge of calls: how each went at Twilio, against what we made of it and told. It knows no code of the service.

The rules, by number: 0 everything settles; 1 what was acknowledged is kept, with every leg and step; 2 a call is decided once,
as it went; 3 a missed call brings its caller one text, or none where none is due; 4 as-call-service hears of a call before of
its being missed, and again only in trouble; 5 subscribers are told once; 6 a placed call is never placed twice, and never lost;
7 what was accepted to be done to a live call is done.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from ops.faultlab.calls.lives import ANONYMOUS, Life
from ops.faultlab.calls.told import Asked, Books, Case, Kept, Line, Posted, Rang, Step
from ops.faultlab.checker import CALL_ENDS, Violation

# Whoever tells as-call-service may be killed, or a store, after the answer and before it is written down. The lease of a
# worker that is gone runs for 40 s, and then whatever stood before it is told first.
TOLD_AGAIN_WITHIN_S: Final = 60.0
# What a webhook leaves in the timeline of the call or leg that it speaks of.
STEPS: Final[Mapping[str, frozenset[str]]] = {
    "voice": frozenset({"incoming"}),
    "dial-action": frozenset({"dial"}),
    "whisper": frozenset({"whisper"}),
    "gather-action": frozenset({"accepted", "choice"}),
    "record-action": frozenset({"voicemail"}),
    "amd": frozenset({"answered-by"}),
}
MISSED_WITHOUT_TEXT: Final = frozenset({"withheld", "own"})


@dataclass(frozen=True)
class Trial:
    """The case, with what follows from it: which life a call belongs to, and which webhooks speak of it."""

    case: Case
    lives: Mapping[int, Life]

    @cached_property
    def posted(self) -> Mapping[str, Sequence[Posted]]:
        """By the SID that each speaks of."""
        found: dict[str, list[Posted]] = defaultdict(list)
        for one in self.case.posted:
            found[one.sid].append(one)
        return found

    def of(self, line: Line) -> list[Posted]:
        """All that was posted of a call and its legs."""
        return [one for sid in (line.sid, *(leg.sid for leg in line.legs)) for one in self.posted.get(sid, ())]

    def is_whole(self, line: Line) -> bool:
        """Whether every webhook of it was acknowledged: then nothing excuses a wrong decision."""
        return all(one.is_acked for one in self.of(line))

    def has_ended(self, line: Line) -> bool:
        """Whether we have acknowledged its end. Other webhooks speak of the end of a leg, too."""
        told = [one for one in self.posted.get(line.sid, ()) if one.kind == "call-status"]
        return any(one.is_acked and one.status in CALL_ENDS for one in told)

    def rung(self) -> Iterator[tuple[Rang, Life, Line]]:
        """Every call that came in."""
        for rang in self.case.rang:
            yield rang, self.lives[rang.place], self.case.lines[rang.sid]


def violations(case: Case, lives: Sequence[Life]) -> list[Violation]:
    """All of them, by rule."""
    trial = Trial(case, {life.place: life for life in lives})
    found = {broken for rule in RULES for broken in rule(trial)}
    if case.books is not None:
        found |= {broken for rule in RULES_OF_BOOKS for broken in rule(trial, case.books)}
    return sorted(found)


def expected(life: Life, line: Line) -> str:
    """What a call was, by what its people did."""
    if line.is_rejected:
        return "screened"
    is_heard = life.kind is not None and life.kind.hears_machines
    return "answered" if line.is_bridged and not is_heard else "missed"


def in_full(case: Case, lives: Sequence[Life]) -> int:
    """How many calls are judged without any excuse."""
    trial = Trial(case, {life.place: life for life in lives})
    return sum(trial.is_whole(line) for _, _, line in trial.rung())


def _settled(trial: Trial) -> Iterator[Violation]:
    if trial.case.owed:
        yield Violation(0, "the house", f"still owed when the waiting ended: {trial.case.owed}")


def _kept(trial: Trial, books: Books) -> Iterator[Violation]:
    for one in trial.case.posted:
        if one.is_acked and one.token not in books.tokens:
            yield Violation(1, one.sid, f"LOST: its {one.kind} {one.status} was acknowledged, and is no event")
    names = {(step.sid, step.step) for step in books.steps}
    for line in trial.case.lines.values():
        for one in trial.of(line):
            if one.is_acked and not _is_in(one, books.steps, names):
                yield Violation(1, one.sid, f"its timeline lacks the {one.kind} {one.status}")
        if trial.has_ended(line):
            yield from _stands(line, books.calls.get(line.sid), None)
        for leg in line.legs:
            if trial.has_ended(leg):
                yield from _stands(leg, books.calls.get(leg.sid), line.sid)


def _is_in(one: Posted, steps: frozenset[Step], names: set[tuple[str, str]]) -> bool:
    if one.kind == "call-status":
        return Step(one.sid, "status", one.status) in steps
    wanted = STEPS.get(one.kind)
    return wanted is None or any((one.sid, step) in names for step in wanted)


def _stands(line: Line, kept: Kept | None, parent: str | None) -> Iterator[Violation]:
    if kept is None:
        yield Violation(1, line.sid, "it has ended, and is no call of ours")
    elif kept.status != line.status:
        yield Violation(1, line.sid, f"is {kept.status}, at Twilio {line.status}")
    elif kept.parent != parent:
        yield Violation(1, line.sid, f"is a leg of {kept.parent}, at Twilio of {parent}")


def _decided(trial: Trial, books: Books) -> Iterator[Violation]:
    for rang, life, line in trial.rung():
        kept = books.calls.get(rang.sid)
        decision = kept.decision if kept else None
        wanted = expected(life, line)
        if trial.is_whole(line) and decision != wanted:
            yield Violation(2, rang.sid, f"is {decision}, and was {wanted} ({life.kind and life.kind.name})")
        elif trial.has_ended(line) and decision is None:
            yield Violation(2, rang.sid, "has ended, and was never decided")
        if decision and Step(rang.sid, "decided", "") not in books.steps:
            yield Violation(2, rang.sid, "its timeline lacks the decision")


def _texted(trial: Trial) -> Iterator[Violation]:
    """One text for each person at most. He is called a customer here whoever he is."""
    for (business, customer), count in Counter(trial.case.texts).items():
        if count > 1:
            yield Violation(3, f"{business} {customer}", f"TWICE: {count} texts")


def _texts_due(trial: Trial, books: Books) -> Iterator[Violation]:
    words: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for rang, life, _ in trial.rung():
        kept = books.calls.get(rang.sid)
        if kept is None or kept.decision != "missed":
            continue
        words[life.business, life.customer].append(kept.text_back)
        due = _without_text(life)
        if (kept.text_back not in ("wanted", "cooldown")) if not due else kept.text_back != due:
            yield Violation(3, rang.sid, f"its text is said to be {kept.text_back}, it is {due or 'due'}")
    texted = set(trial.case.texts)
    for pair, said in words.items():
        is_due = not MISSED_WITHOUT_TEXT.intersection(said)
        if is_due and said.count("wanted") != 1:
            yield Violation(3, " ".join(pair), f"{said.count('wanted')} texts are wanted of {len(said)} missed calls")
        if is_due and pair not in texted:
            yield Violation(3, " ".join(pair), "missed, and NEVER TEXTED")
    for pair in texted - {pair for pair, said in words.items() if "wanted" in said}:
        yield Violation(3, " ".join(pair), "texted, and no text was due")


def _without_text(life: Life) -> str:
    if life.customer == ANONYMOUS:
        return "withheld"
    return "own" if life.kind and life.kind.caller == "owner" else ""


def _ordered(trial: Trial) -> Iterator[Violation]:
    for sid, told in _by_call(trial.case.asked).items():
        first = next((place for place, one in enumerate(told) if one.what == "incoming" and one.is_taken), None)
        missed = next((place for place, one in enumerate(told) if one.what == "missed"), None)
        if missed is not None and (first is None or missed < first):
            yield Violation(4, sid, "as-call-service was told that it was missed before it had heard of it")
        yield from _repeated(sid, told, trial.case.broken_s)


def _repeated(sid: str, told: Sequence[Asked], broken_s: Sequence[tuple[float, float]]) -> Iterator[Violation]:
    """What was taken is told again only if something broke between the two."""
    for what in ("incoming", "missed"):
        mine = [one for one in told if one.what == what]
        for earlier, later in pairwise(mine):
            is_excused = later.at_s - earlier.at_s <= TOLD_AGAIN_WITHIN_S and any(
                begin <= later.at_s and end >= earlier.at_s - 1 for begin, end in broken_s
            )
            if earlier.is_taken and not is_excused:
                yield Violation(4, sid, f"{what} was told again, after it had been taken")


def _as_call_told(trial: Trial, books: Books) -> Iterator[Violation]:
    told = _by_call(trial.case.asked)
    for rang, life, line in trial.rung():
        kept, heard = books.calls.get(rang.sid), {one.what for one in told.get(rang.sid, ()) if one.is_taken}
        is_known = any(one.kind == "voice" and one.is_acked for one in trial.posted.get(line.sid, ()))
        if is_known and life.customer != ANONYMOUS and "incoming" not in heard:
            yield Violation(4, rang.sid, "as-call-service was NEVER TOLD that it came in")
        is_wanted = kept is not None and kept.text_back == "wanted"
        if is_wanted != ("missed" in heard):
            yield Violation(4, rang.sid, f"missed {'NEVER told' if is_wanted else 'told, and no text is wanted'}")


def _by_call(asked: Sequence[Asked]) -> Mapping[str, Sequence[Asked]]:
    found: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        found[one.sid].append(one)
    return found


def _notified(trial: Trial, books: Books) -> Iterator[Violation]:
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for notice in books.notices:
        ids[notice.type, notice.sid].add(notice.id)
        if notice.contents > 1 or not notice.is_verified:
            yield Violation(5, notice.sid, f"{notice.type}: one webhook-id, different contents, or no signature")
    for (type_, sid), found in ids.items():
        if len(found) > 1:
            yield Violation(5, sid, f"{type_} was told under {len(found)} webhook-ids")
    for rang, _, line in trial.rung():
        kept = books.calls.get(rang.sid)
        is_missed = kept is not None and kept.decision == "missed"
        if is_missed != (("call.missed", rang.sid) in ids):
            yield Violation(
                5, rang.sid, f"call.missed {'NEVER told' if is_missed else 'told, and it was not decided so'}"
            )
        if trial.has_ended(line) and ("call.completed", rang.sid) not in ids:
            yield Violation(5, rang.sid, "call.completed NEVER told")


def _placed_once(trial: Trial) -> Iterator[Violation]:
    for call_id, count in Counter(one.call_id for one in trial.case.dialled).items():
        if count > 1:
            yield Violation(6, call_id, f"TWICE: Twilio has placed it {count} times")


def _placed(trial: Trial, books: Books) -> Iterator[Violation]:
    rows, made = {row.id: row for row in books.placed}, {one.call_id: one for one in trial.case.dialled}
    for to, count in Counter(row.to for row in books.placed).items():
        if count > 1:
            yield Violation(6, to, f"{count} calls under one key")
    for wish in trial.case.wished:
        if wish.what == "place" and wish.outcome == "ok" and wish.id not in rows:
            yield Violation(6, wish.id, "LOST: accepted, and nowhere")
    for row in books.placed:
        one = made.get(row.id)
        if one is not None and (row.state, row.sid) != ("placed", one.sid):
            yield Violation(6, row.id, f"is {row.state} {row.sid}, and Twilio has placed it as {one.sid}")
        elif one is None and not (row.state in ("refused", "canceled") and row.reason):
            yield Violation(6, row.id, f"left as {row.state}, and Twilio has never seen it")
    for call_id in made.keys() - rows.keys():
        yield Violation(6, call_id, "PHANTOM: nobody asked for it")


def _done(trial: Trial, books: Books) -> Iterator[Violation]:
    for wish in trial.case.wished:
        line = trial.case.lines.get(wish.about)
        if wish.outcome != "ok" or line is None:
            continue
        if wish.what == "end" and not line.is_over:
            yield Violation(7, wish.about, "was to be ended, and goes on")
        if wish.what == "redirect":
            state = books.wishes.get(wish.id)
            if state not in ("done", "overtaken"):
                yield Violation(7, wish.about, f"was to be sent elsewhere, and that is {state}")
            elif state == "done" and not line.turns:
                yield Violation(7, wish.about, "is said to have been sent elsewhere, and Twilio knows nothing of it")


RULES = (_settled, _texted, _ordered, _placed_once)
RULES_OF_BOOKS = (_kept, _decided, _texts_due, _as_call_told, _notified, _placed, _done)
