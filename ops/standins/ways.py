"""Knows in which way as-call-service behaves where its running code and its written design differ, or may be set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

# The running code's own: it leaves a human so long before the AI answers a customer.
AI_AFTER_S = 60.0
LONGEST_AI_AFTER_S = 3600.0
WORDS = {"dialect": ("running", "designed"), "answer": ("data", "top"), "repeats": ("again", "once")}


@dataclass(frozen=True)
class Ways:
    """`dialect`: the running code reads Twilio's capitalised names of an incoming call, the design camelCase ones.

    `answer`: the running code shows `call` inside `data`, the design at the top. `repeats`: a call that is reported
    missed again opens a second conversation and has a second text sent, as in the running code, or is known already.
    `ai_after_s`: the AI answers a customer whom no human has answered by then; None: never.
    """

    dialect: str = "running"
    answer: str = "data"
    repeats: str = "again"
    ai_after_s: float | None = AI_AFTER_S

    def changed(self, wishes: Mapping[str, object]) -> "Ways":
        """Raises ValueError for an unknown key or a value that is none."""
        if unknown := set(wishes) - set(Ways.__dataclass_fields__):
            raise ValueError(f"there is no {', '.join(sorted(unknown))}")
        for name, known in WORDS.items():
            if name in wishes and wishes[name] not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}")
        after_s = wishes.get("ai_after_s")
        if after_s is not None and not (isinstance(after_s, int | float) and 0 <= after_s <= LONGEST_AI_AFTER_S):
            raise ValueError(f"ai_after_s is 0..{LONGEST_AI_AFTER_S:g} or null")
        return replace(self, **wishes)  # type: ignore[arg-type]
