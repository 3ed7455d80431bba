"""Whether an error of PostgreSQL is about the server, or about what was asked of it."""

from typing import Final

from psycopg import Error, InterfaceError, OperationalError

# By the first two digits of SQLSTATE: connection, authorisation, resources (disk, memory, connections), operator, system.
_CLASSES: Final = frozenset({"08", "28", "53", "57", "58"})
_READ_ONLY: Final = "25006"  # a standby, or an operator's default_transaction_read_only: not an OperationalError
_STOOD_STILL: Final = "25P03"  # idle_in_transaction_session_timeout: our process was frozen inside its transaction
_CANCELED: Final = "57014"  # statement_timeout: this statement was too slow, others may do well


def is_outage(fault: BaseException) -> bool:
    """Whether nobody's work could be recorded now: wait and do the same again, it counts against nothing."""
    if isinstance(fault, InterfaceError):
        return True  # the connection was closed under us
    if not isinstance(fault, Error):
        return False
    if fault.sqlstate is None:
        return isinstance(fault, OperationalError)  # it never got as far as a server's answer
    return fault.sqlstate in (_READ_ONLY, _STOOD_STILL) or (
        fault.sqlstate[:2] in _CLASSES and fault.sqlstate != _CANCELED
    )
