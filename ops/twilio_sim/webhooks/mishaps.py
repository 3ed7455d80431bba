"""What chance does to callbacks on their way: some come late, some let the next one go first, some are never sent."""

from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World


def is_silent(world: World, sid: str) -> bool:
    """Whether of this message or call nothing is called back at all."""
    return world.dice.chance(world.settings.silent_rate, "silent", sid)


def post(world: World, letter: Letter, *, more_to_come: bool, held: Letter | None = None) -> Letter | None:
    """Posts a callback and waits for the answer, unless chance makes it late.

    Answers the letter to hand back as `held` when the next one of the same thing is posted: it goes behind it.
    The last one, with no `more_to_come`, is never held.
    """
    settings, dice = world.settings, world.dice
    if held is None and more_to_come and dice.chance(settings.swap_rate, "swap", *letter.about):
        return letter
    if dice.chance(settings.late_rate, "late", *letter.about):
        world.agenda.after(settings.late_s, lambda: world.post(letter))
    else:
        world.post(letter)
    if held:
        world.post(held)
    return None
