from pathlib import Path

from journal.samples import NOW, events, opened
from pibridge.journal.cursors import Cursor, Sealed
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane


async def test_a_new_sink_starts_where_it_was_told(tmp_path: Path) -> None:
    """`retained`: before what is kept; `now`: behind all that is there."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        assert await journal.cursor("all", Lane.LIVE) == Cursor(0, 0)
        assert await journal.cursor("new", Lane.LIVE, start="now") == Cursor(5, 5)
        assert await journal.cursor("all", Lane.HISTORY, start="retained") == Cursor(5, 0)


async def test_seal_and_advance_survive_a_restart(tmp_path: Path) -> None:
    """Bounds that were fixed stay until the batch is acknowledged."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(50), NOW)
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 10)
        await journal.seal("lake", Lane.LIVE, 11, 30)
    async with opened(tmp_path) as journal:
        assert await journal.cursor("lake", Lane.LIVE) == Cursor(10, 10, Sealed(11, 30))
        await journal.advance("lake", Lane.LIVE, 30)
        assert await journal.cursor("lake", Lane.LIVE) == Cursor(30, 30)
        assert journal.stat().lag == {("lake", Lane.LIVE): 20}
    async with opened(tmp_path) as journal:
        assert await journal.cursor("lake", Lane.LIVE) == Cursor(30, 30)
        assert journal.stat().lag == {("lake", Lane.LIVE): 20}


async def test_a_cursor_never_goes_back(tmp_path: Path) -> None:
    """An acknowledgement that comes late changes nothing."""
    async with opened(tmp_path) as journal:
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 10)
        await journal.advance("lake", Lane.LIVE, 5)
        assert await journal.cursor("lake", Lane.LIVE) == Cursor(10)


async def test_a_forgotten_sink_starts_anew(tmp_path: Path) -> None:
    """A sink that was removed and comes back is a new one."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 5)
        await journal.forget_sink("lake")
        assert journal.stat().lag == {}
        assert await journal.cursor("lake", Lane.LIVE) == Cursor(0, 0)


async def test_where_a_sink_began_is_kept(tmp_path: Path) -> None:
    """By lane, until it is forgotten."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        await journal.cursor("lake", Lane.LIVE, start="now")
        await journal.cursor("lake", Lane.HISTORY)
        reader = JournalReader.open(tmp_path)
        assert reader.begun("lake") == {Lane.LIVE: 5, Lane.HISTORY: 5}
        assert reader.begun("cloud") == {}
        await journal.forget_sink("lake")
        assert reader.begun("lake") == {}
        reader.close()
