"""What an audit sees of a journal that pumps have delivered."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from delivery.shelves import Dock
from pibridge.audit.findings import SinkCount
from pibridge.audit.journaled import Journaled, Read
from pibridge.config.loaded import Loaded
from pibridge.inspection.records import Records
from pibridge.journal.reader import JournalReader

ALL = 1 << 62


@contextmanager
def sight(dock: Dock, told: Loaded) -> Iterator[Journaled]:
    """Look into the journal."""
    reader = JournalReader.open(dock.folder)
    try:
        yield Journaled(told, reader, Records(told, reader))
    finally:
        reader.close()


def seen(dock: Dock, told: Loaded, *numbers: int) -> Read:
    """Give all that is there of these tags."""
    with sight(dock, told) as journaled:
        return journaled.read(numbers, -ALL, ALL)


def counted(dock: Dock, told: Loaded, name: str = "lake") -> tuple[SinkCount, Sequence[int]]:
    """Give what became of everything at a sink, and what it is claimed to have."""
    found = seen(dock, told, *range(10))
    return found.sinks[name], found.delivered[name]
