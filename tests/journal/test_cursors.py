from pathlib import Path

from journal.samples import NOW, events, opened, read_all
from pibridge.journal import cursors, schema
from pibridge.journal.cursors import Cursor, DeadLetter, Sealed
from pibridge.journal.reader import JournalReader
from pibridge.journal.tally import Ledger, Tally
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


async def test_dead_letters_are_kept_with_the_cursor(tmp_path: Path) -> None:
    """What was refused is counted and can be read, with the reason and the line."""
    letters = [DeadLetter(2, "too long", b'{"seq":2}'), DeadLetter(3, "odd", b'{"seq":3}')]
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        await journal.cursor("lake", Lane.LIVE)
        await journal.advance("lake", Lane.LIVE, 5, letters)
        assert journal.stat().dead_letters == 2
        assert [chunk.first_seq for chunk in await read_all(journal, last=5)] == [1]
    reader = JournalReader.open(tmp_path)
    assert reader.dead_letters("lake", Lane.LIVE) == letters
    assert reader.dead_letters("lake", Lane.LIVE, after=2) == letters[1:]
    reader.close()


def test_dead_letters_are_bounded(tmp_path: Path) -> None:
    """The oldest leave when they take too much; the count remembers them."""
    db = schema.open_for_writing(tmp_path, "full")
    ledger = Ledger(db, Tally(), 0.0)
    cursors.create(ledger, ("lake", Lane.LIVE), "now")
    for seq in range(1, 1001):
        cursors.advance(ledger, ("lake", Lane.LIVE), seq, [DeadLetter(seq, "no", b"x" * 100)], 50_000)
    kept = db.execute("SELECT seq FROM dead_letter ORDER BY seq").fetchall()
    assert kept[-1] == (1000,)
    assert ledger.tally.dead_letters == 1000
    assert ledger.tally.dead_bytes == len(kept) * 166 <= 50_000
    db.close()
