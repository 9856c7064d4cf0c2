from pathlib import Path

import apsw
import pytest

from journal.samples import opened, raw
from pibridge.journal.reader import JournalReader
from pibridge.journal.schema import FILE_NAME


async def test_a_selection_survives_a_restart(tmp_path: Path) -> None:
    """What was kept last is given back, to who asks with the same digest."""
    async with opened(tmp_path) as journal:
        await journal.selections.keep("live", "abc", [1, 2])
        await journal.selections.keep("live", "abc", [3, 1, 70_000])
    async with opened(tmp_path) as journal:
        assert await journal.selections.get("live", "abc") == [3, 1, 70_000]
        assert await journal.selections.get("live", "other") is None
        assert await journal.selections.get("other", "abc") is None


async def test_streams_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    """Only those that are named stay."""
    async with opened(tmp_path) as journal:
        for name in ("a", "b", "c"):
            await journal.selections.keep(name, "abc", [1])
        await journal.selections.forget_all_but({"b", "d"})
        assert [await journal.selections.get(name, "abc") for name in ("a", "b", "c")] == [None, [1], None]


@pytest.mark.parametrize("payload", [b"", b"garbage", None])
async def test_what_is_damaged_is_none(tmp_path: Path, payload: bytes | None) -> None:
    """A payload that is no payload, or was changed on the disk, is as good as not there."""
    async with opened(tmp_path) as journal:
        await journal.selections.keep("live", "abc", list(range(1000)))
    db = apsw.Connection(str(tmp_path / FILE_NAME))
    (kept,) = next(iter(db.execute("SELECT payload FROM selection")))
    changed = bytearray(kept)
    changed[len(changed) // 2] ^= 1
    db.execute("UPDATE selection SET payload = ?", (bytes(changed) if payload is None else payload,))
    db.close()
    async with opened(tmp_path) as journal:
        assert await journal.selections.get("live", "abc") is None


async def test_a_reader_knows_what_is_selected(tmp_path: Path) -> None:
    """By the name of the selection; what is damaged is left out."""
    async with opened(tmp_path) as journal:
        await journal.selections.keep("a", "digest", [1, 3])
        await journal.selections.keep("b", "digest", [2])
    db = raw(tmp_path)
    db.execute("UPDATE selection SET payload = x'00' WHERE name = 'b'")
    db.close()
    reader = JournalReader.open(tmp_path)
    assert reader.selected() == {"a": {1, 3}}
    reader.close()
