from pathlib import Path

from journal.samples import NOW, events, opened
from pibridge.journal import delivered, schema
from pibridge.journal.delivered import Note
from pibridge.model.event import Lane


def test_notes_come_back_in_order_until_one_says_all(tmp_path: Path) -> None:
    """Each sink has its own; none is no note."""
    db = schema.open_for_writing(tmp_path, "full")
    for sink in ("a", "b"):
        delivered.add(db, sink, Note(b"1", is_whole=False))
        delivered.add(db, sink, None)
        delivered.add(db, sink, Note(b"2", is_whole=False))
    delivered.add(db, "a", Note(b"3", is_whole=True))
    assert (delivered.notes(db, "a"), delivered.notes(db, "b")) == ([b"3"], [b"1", b"2"])
    delivered.forget(db, "b")
    assert delivered.notes(db, "b") == []
    assert delivered.size_bytes(None) == 0 < delivered.size_bytes(Note(b"1", is_whole=False))
    db.close()


async def test_a_note_is_as_durable_as_its_cursor(tmp_path: Path) -> None:
    """It is written in the transaction that seals a batch or moves the cursor, and goes with the sink."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, events(5), NOW)
        await journal.cursor("lake", Lane.LIVE)
        await journal.seal("lake", Lane.LIVE, 1, 5, Note(b"sealed", is_whole=False))
        await journal.advance("lake", Lane.LIVE, 5, note=Note(b"advanced", is_whole=False))
    async with opened(tmp_path) as journal:
        assert await journal.notes("lake") == [b"sealed", b"advanced"]
        await journal.forget_sink("lake")
        assert await journal.notes("lake") == []
