"""Which number of a Messaging Service sends: the one the person knows, else the one that is free first."""

from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.world import World


def pool_of(world: World, service_sid: str) -> list[Number]:
    """A service whose pool was never set, and one that nobody made, has all numbers of the account."""
    service = world.services.get(service_sid)
    if service is None or not service.number_sids:
        return list(world.numbers)
    return [number for sid in service.number_sids if (number := world.numbers.get(sid))]


def sender_for(world: World, service_sid: str, person: str) -> str | None:
    """Sticks to the person from the first text on. None when the pool is empty."""
    with world.lock:
        pool = [number.phone_number for number in pool_of(world, service_sid)]
        known = world.sticky.get((service_sid, person))
        if known in pool:
            return known
        if not pool:
            return None
        sender = world.sticky[service_sid, person] = min(pool, key=world.queues.wait_s)
        return sender
