"""The durable log on local disk: append, read, cursors, gaps, retention."""

from pibridge.journal.chunks import Chunk, Damaged, Dropped
from pibridge.journal.cursors import Cursor, Sealed
from pibridge.journal.gaps import AdvanceGap, CloseGap, Gap, GapChange, NewGap
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.journal.newest import Last
from pibridge.journal.reader import JournalReader
from pibridge.journal.settings import JournalSettings
from pibridge.journal.stat import JournalStat

__all__ = [
    "AdvanceGap",
    "Chunk",
    "CloseGap",
    "Cursor",
    "Damaged",
    "DeadLetter",
    "Dropped",
    "Gap",
    "GapChange",
    "Journal",
    "JournalReader",
    "JournalSettings",
    "JournalStat",
    "Last",
    "NewGap",
    "Sealed",
]
