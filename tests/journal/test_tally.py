from pathlib import Path

from pibridge.journal import schema, tally
from pibridge.journal.tally import Tally


def test_counts_are_kept(tmp_path: Path) -> None:
    """A new journal counts from the start; what was saved is loaded."""
    db = schema.open_for_writing(tmp_path, "full")
    assert tally.load(db) == Tally(next_seq=1)
    tally.save(db, Tally(1, 2, 3, 4, 5, 6, 7))
    tally.save(db, Tally(11, 12, 13, 14, 15, 16, 17))
    assert tally.load(db) == Tally(11, 12, 13, 14, 15, 16, 17)
    db.close()
