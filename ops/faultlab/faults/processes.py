"""Processes of the service that die, stand still, are asked to end, or reload."""

import signal
from collections.abc import Callable
from random import Random

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target, nothing_to_heal
from ops.faultlab.house import ingress_workers
from ops.faultlab.keeper import send

HANDS = ("events", "events", "sms", "calls", "recordings", "notify")  # the drain is where most can go wrong


def _kill_web_worker(lab: Lab, dice: Random) -> Heal:
    if workers := ingress_workers(lab.house):
        send(dice.choice(workers), signal.SIGKILL)
    return nothing_to_heal


def _freeze_web_worker(lab: Lab, dice: Random) -> Heal:
    """As on a machine that swaps: it goes on where it stood, an append half done, its lock still held."""
    return _frozen(dice.choice(workers)) if (workers := ingress_workers(lab.house)) else nothing_to_heal


def _frozen(pid: int) -> Heal:
    send(pid, signal.SIGSTOP)
    return lambda: send(pid, signal.SIGCONT)


def _kill_ingress(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.kept["ingress"].child.kill()  # the master and its children, as a machine that is reset
    return nothing_to_heal


def _term_ingress(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.signal("ingress", signal.SIGTERM)
    return nothing_to_heal


def _reload_ingress(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.signal("ingress", signal.SIGHUP)
    return nothing_to_heal


def _kill_hand(lab: Lab, dice: Random) -> Heal:
    lab.house.keeper.kept[dice.choice(HANDS)].child.kill()
    return nothing_to_heal


def _killing(name: str) -> Callable[[Lab, Random], Heal]:
    def begin(lab: Lab, _dice: Random) -> Heal:
        lab.house.keeper.kept[name].child.kill()
        return nothing_to_heal

    return begin


def _kill_sms(lab: Lab, dice: Random) -> Heal:
    """One of those that send, at whatever line it is."""
    lab.house.keeper.kept[dice.choice(_senders(lab))].child.kill()
    return nothing_to_heal


def _freeze_sms(lab: Lab, dice: Random) -> Heal:
    """Between its decision and its request, or between the answer and its row; its lease runs meanwhile."""
    return _frozen(lab.house.keeper.pid(dice.choice(_senders(lab))))


def _senders(lab: Lab) -> list[str]:
    """A house may have several workers that send."""
    return sorted(name for name in lab.house.keeper.kept if name.startswith("sms"))


def _freeze_hand(lab: Lab, dice: Random) -> Heal:
    """Longer than PostgreSQL lets a session idle in its transaction: it goes on without it."""
    return _frozen(lab.house.keeper.pid(dice.choice(HANDS)))


def _term_hand(lab: Lab, dice: Random) -> Heal:
    lab.house.keeper.signal(dice.choice(HANDS), signal.SIGTERM)
    return nothing_to_heal


INGRESS: frozenset[Target] = frozenset({"ingress"})
WORKERS: frozenset[Target] = frozenset({"workers"})
FAULTS = (
    Fault("web-worker-kill", INGRESS, (0.5,), _kill_web_worker),
    Fault("web-worker-freeze", INGRESS, (6.0,), _freeze_web_worker),
    Fault("ingress-kill", INGRESS, (4.0,), _kill_ingress),
    Fault("ingress-term", INGRESS, (5.0,), _term_ingress),
    Fault("ingress-reload", INGRESS, (3.0,), _reload_ingress),
    Fault("fallback-kill", INGRESS, (1.0,), _killing("fallback")),
    Fault("worker-kill", WORKERS, (3.0,), _kill_hand),
    Fault("events-kill", WORKERS, (3.0,), _killing("events")),
    Fault("calls-kill", WORKERS, (1.0,), _killing("calls")),
    Fault("notify-kill", WORKERS, (1.0,), _killing("notify")),
    Fault("sms-kill", WORKERS, (1.0,), _kill_sms),
    Fault("sms-freeze", WORKERS, (6.0,), _freeze_sms),
    Fault("worker-freeze", WORKERS, (12.0,), _freeze_hand),
    Fault("worker-term", WORKERS, (5.0,), _term_hand),
    Fault("beat-kill", WORKERS, (1.0,), _killing("beat")),
)
