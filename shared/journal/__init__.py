"""The ingress's journal: an event is on this host's disk before it is acknowledged, whatever Redis and PostgreSQL do.

Each process appends to a segment of its own (`journal`, `writer`, `segment`), threads at the same moment together (`group`),
as long as the disk does well (`disk`). A segment is closed after 8 MiB or 10 s and waits (`backlog`) until
`ingress/drain.py` has seen all its events in PostgreSQL; those of a dead process are adopted (`owner`). What a record means
is not known here.
"""

from shared.journal.disk import Facts, JournalFault, JournalUnwritable, facts
from shared.journal.journal import Journal
from shared.journal.segment import Entry, Gap, Segment, read

__all__ = ["Entry", "Facts", "Gap", "Journal", "JournalFault", "JournalUnwritable", "Segment", "facts", "read"]
