"""What a <Dial> may show the phones it rings: a number of ours, or the caller's own."""

import re

from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.world import World

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# How carriers spell a caller who does not want to be known; the numbers are the words on a keypad:
# anonymous, restricted, unavailable, blocked.
WITHHELD = frozenset({
    "", "anonymous", "restricted", "unavailable", "unknown", "private", "+266696687", "+7378742833", "+86282452253",
    "+2562533",
})  # fmt: skip


def is_withheld(caller: str) -> bool:
    return caller.lower() in WITHHELD


def may_show(world: World, call: Call, caller_id: str) -> bool:
    """False means error 13214: Twilio does not dial a telephone number with it."""
    if is_withheld(caller_id) or not E164.fullmatch(caller_id):
        return False
    passed_on = call.direction == "inbound" and caller_id == call.from_
    return passed_on or world.number(caller_id) is not None
