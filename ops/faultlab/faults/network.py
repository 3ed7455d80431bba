"""Who else comes to our address. The traffic plays these itself: they are in its plan, so nothing begins here."""

from random import Random

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target


def _is_in_the_traffic(_lab: Lab, _dice: Random) -> Heal:
    return lambda: None


NETWORK: frozenset[Target] = frozenset({"network"})
FAULTS = (
    Fault("flood", NETWORK, (3.0,), _is_in_the_traffic),
    Fault("slow-loris", NETWORK, (8.0,), _is_in_the_traffic),
)
