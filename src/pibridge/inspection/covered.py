"""What the journal says was read of each tag, and what is still to be read: both of one moment."""

from pibridge.intake.coverage import Coverage
from pibridge.journal.gaps import Gap
from pibridge.journal.reader import JournalReader


def covered(reader: JournalReader) -> tuple[Coverage, list[Gap]]:
    """Give the coverage, and the gaps of all tags. Raises JournalError."""
    with reader.at_once():
        gaps = reader.gaps()
        return Coverage.of(reader.joined(), gaps, reader.backfills(), reader.tally().trimmed_ticks), gaps
