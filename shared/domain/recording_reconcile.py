"""What Twilio says of a recording, held against what we have: what follows, for every pair of the two."""

from typing import Final, Literal, get_args

from shared.domain.status import RECORDING_RANK

# running: not over yet; completed: there is sound; none: there never was any; gone: Twilio does not know it.
Word = Literal["running", "completed", "none", "gone"]
# announce: note what Twilio says; fetch: note it and have it fetched; again: fetch although that had been given up;
# compare: length and channels are held against Twilio's; differs: told to a person; gone: noted, our copy is the only one;
# lost: an alert, nobody has it.
Action = Literal["nothing", "announce", "fetch", "again", "compare", "differs", "gone", "lost"]
UNKNOWN: Final = "unknown"  # our state of what we have never heard of

_WORDS: Final[dict[str, Word]] = {
    "in-progress": "running",
    "paused": "running",
    "stopped": "running",
    "processing": "running",
    "completed": "completed",
    "absent": "none",
    "failed": "none",
    "deleted": "gone",
}
STATES: Final = (UNKNOWN, *RECORDING_RANK)
WORDS: Final[tuple[Word, ...]] = get_args(Word)

_ROWS: Final[dict[str, tuple[Action, Action, Action, Action]]] = {
    # ours:             running,    completed,  none,       gone
    "unknown":          ("announce", "fetch", "announce", "nothing"),
    "announced":        ("nothing", "fetch", "announce", "lost"),
    "available":        ("differs", "fetch", "announce", "lost"),
    "fetched":          ("differs", "fetch", "announce", "lost"),
    "verified":         ("differs", "fetch", "announce", "lost"),
    "absent":           ("differs", "again", "nothing", "nothing"),
    "failed":           ("nothing", "again", "nothing", "lost"),
    "stored":           ("differs", "compare", "differs", "gone"),
    "provider-deleted": ("differs", "differs", "nothing", "nothing"),
    "deleted":          ("differs", "differs", "nothing", "nothing"),
}  # fmt: skip
TABLE: Final[dict[tuple[Word, str], Action]] = {
    (word, state): action for state, row in _ROWS.items() for word, action in zip(WORDS, row, strict=True)
}


def word_of(status: str) -> Word:
    """Twilio's status of a recording. One that it adds some day counts as running: nothing is concluded from it."""
    return _WORDS.get(status, "running")


def action(word: Word, state: str | None) -> Action:
    """What follows; `state` is ours, None if we have never heard of it."""
    return TABLE[word, UNKNOWN if state is None else state]
