"""Everything that can go wrong, by name. A fault begins, holds for a while, and heals; nothing is left broken."""

from ops.faultlab.faults import journal, network, postgres, processes, redis, together
from ops.faultlab.faults.fault import Fault

ALL: dict[str, Fault] = {
    fault.name: fault for module in (processes, redis, postgres, journal, network, together) for fault in module.FAULTS
}
