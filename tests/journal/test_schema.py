from pathlib import Path

import apsw
import pytest

from pibridge.errors import JournalError
from pibridge.journal import schema


def test_a_new_file_has_what_durability_needs(tmp_path: Path) -> None:
    """Write-ahead log, fsync at each commit, pages that can be given back."""
    db = schema.open_for_writing(tmp_path, "full")
    assert db.pragma("journal_mode") == "wal"
    assert db.pragma("synchronous") == 2
    assert db.pragma("auto_vacuum") == 2
    assert db.pragma("application_id") == schema.APPLICATION_ID
    db.close()


def test_sync_normal_is_obeyed(tmp_path: Path) -> None:
    """`sync: normal` lets the operating system write when it likes."""
    db = schema.open_for_writing(tmp_path, "normal")
    assert db.pragma("synchronous") == 1
    db.close()


def test_a_foreign_file_is_refused_and_untouched(tmp_path: Path) -> None:
    """A database of somebody else is never written to."""
    file = tmp_path / schema.FILE_NAME
    foreign = apsw.Connection(str(file))
    foreign.execute("CREATE TABLE theirs (a)")
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(JournalError, match="not a journal of PI Bridge"):
        schema.open_for_writing(tmp_path, "full")
    assert file.read_bytes() == before


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    """An older version does not touch what a newer one wrote, and says what to do."""
    db = schema.open_for_writing(tmp_path, "full")
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(JournalError, match="newer PI Bridge"):
        schema.open_for_writing(tmp_path, "full")
    with pytest.raises(JournalError, match="newer PI Bridge"):
        schema.open_for_reading(tmp_path)


def test_a_damaged_file_is_refused_not_replaced(tmp_path: Path) -> None:
    """What is no SQLite file any more stays where it is, for repair."""
    file = tmp_path / schema.FILE_NAME
    file.write_bytes(b"\x55" * 8192)
    with pytest.raises(JournalError, match="damaged"):
        schema.open_for_writing(tmp_path, "full")
    assert file.read_bytes() == b"\x55" * 8192


def test_a_file_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    """A process that was killed while it made the journal leaves an empty file: that is a new journal."""
    (tmp_path / schema.FILE_NAME).touch()
    db = schema.open_for_writing(tmp_path, "full")
    assert db.pragma("user_version") == schema.VERSION
    db.close()


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    """Where there is no journal, looking for one leaves no trace."""
    with pytest.raises(JournalError, match="no journal"):
        schema.open_for_reading(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_journal_of_the_first_format_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it holds stays, what it lacks is added, once."""
    db = schema.open_for_writing(tmp_path, "full")
    db.execute("INSERT INTO mark (name, ticks) VALUES ('a', 1)")
    db.execute("DROP INDEX dead_letter_sink")
    for column in ("event", "tries"):
        db.execute(f"ALTER TABLE dead_letter DROP COLUMN {column}")
    db.execute(
        "INSERT INTO dead_letter (sink, lane, seq, stored_s, reason, line) VALUES ('a', 'live', 1, 2, 'no', x'')"
    )
    for table in ("held", "fact", "delivered", "selection", "resend", "replay", "backfill"):
        db.execute(f"DROP TABLE {table}")
    db.execute(f"PRAGMA user_version = {schema.VERSION - 6}")
    db.close()
    with pytest.raises(JournalError, match="older PI Bridge"):
        schema.open_for_reading(tmp_path)
    for _ in range(2):
        db = schema.open_for_writing(tmp_path, "full")
        assert db.pragma("user_version") == schema.VERSION
        assert db.execute("SELECT name, ticks FROM mark").fetchall() == [("a", 1)]
        assert db.execute("SELECT count(*) FROM held").get == db.execute("SELECT count(*) FROM fact").get == 0
        assert db.execute("SELECT seq, event, tries FROM dead_letter").fetchall() == [(1, None, 1)]
        db.close()
