from pathlib import Path

import pytest

from journal.samples import NOW, Clock, events, opened, raw
from pibridge.errors import JournalError, JournalLockedError
from pibridge.journal import opening
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model.event import Lane


async def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """Two never write one journal; the second is told which, and may come when the first has gone."""
    async with opened(tmp_path):
        with pytest.raises(JournalLockedError, match=tmp_path.name):
            await Journal.open(JournalSettings(path=tmp_path))
    async with opened(tmp_path):
        pass


async def test_a_refused_journal_is_not_claimed(tmp_path: Path) -> None:
    """Who could not open it leaves it to others."""
    (tmp_path / "journal.db").write_bytes(b"\x55" * 8192)
    for _ in range(2):
        with pytest.raises(JournalError, match="damaged"):
            await Journal.open(JournalSettings(path=tmp_path))


async def test_what_is_known_of_tags_is_there_when_it_opens(tmp_path: Path) -> None:
    """Marks and times of joining are read with the small tables."""
    async with opened(tmp_path) as journal:
        await journal.join([2], 10)
        await journal.set_mark("reread a", 20)
    found = opening.load(JournalSettings(path=tmp_path), Clock())
    assert (found.joined, found.marks) == ({2: 10}, {"reread a": 20})
    for part in (found.lookup, found.shelf, found.db):
        part.close()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """The error names the key."""
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"journal\.path"):
        opening.lock(tmp_path / "file" / "below")


async def test_only_what_came_after_the_pages_is_read(tmp_path: Path) -> None:
    """The newest events are brought up to date from the chunks behind the pages, and only from those."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
    db = raw(tmp_path)
    db.execute("UPDATE newest SET payload = x''; UPDATE tally SET newest_seq = 10")
    db.close()
    settings = JournalSettings(path=tmp_path)
    found = opening.load(settings, Clock())
    assert found.newest.last(1) is not None, "a lost page is made up for by reading all"
    for part in (found.lookup, found.shelf, found.db):
        part.close()
    db = raw(tmp_path)
    db.execute("DELETE FROM newest")
    db.close()
    found = opening.load(settings, Clock())
    assert found.newest.last(1) is None, "chunks before the pages are not read"
    for part in (found.lookup, found.shelf, found.db):
        part.close()


async def test_who_holds_it_is_seen(tmp_path: Path) -> None:
    """While it is open, and no longer; asking takes nothing away."""
    async with opened(tmp_path):
        assert opening.is_locked(tmp_path)
    assert not opening.is_locked(tmp_path)
    async with opened(tmp_path):
        assert opening.is_locked(tmp_path)
