import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from journal.samples import NOW, events, noise, opened
from pibridge.errors import JournalError
from pibridge.journal import pages, schema
from pibridge.model.event import Lane


def page_one(folder: Path) -> bytes:
    """Give the first page of a journal."""
    return (folder / schema.FILE_NAME).read_bytes()[: schema.PAGE_BYTES]


async def test_each_page_has_a_checksum(tmp_path: Path) -> None:
    """Those of the tree and those of long payloads alike."""
    async with opened(tmp_path) as journal:
        await journal.commit(Lane.LIVE, noise(100), NOW)
    content = (tmp_path / schema.FILE_NAME).read_bytes()
    ends = [
        content[i - pages.CHECKSUM_BYTES : i] for i in range(schema.PAGE_BYTES, len(content) + 1, schema.PAGE_BYTES)
    ]
    assert len(ends) > 10
    assert bytes(pages.CHECKSUM_BYTES) not in ends


def test_a_changed_bit_is_noticed(tmp_path: Path) -> None:
    """Also one that SQLite has no use for."""
    schema.open_for_writing(tmp_path, "full").close()
    file = tmp_path / schema.FILE_NAME
    content = bytearray(file.read_bytes())
    content[80] ^= 1  # reserved for expansion
    file.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        schema.open_for_writing(tmp_path, "full")


@pytest.mark.parametrize("bit", range(8))
def test_a_changed_bit_cannot_switch_it_off(tmp_path: Path, bit: int) -> None:
    """The byte that has the checksums compared is not alone in saying that there are any."""
    schema.open_for_writing(tmp_path, "full").close()
    file = tmp_path / schema.FILE_NAME
    content = bytearray(file.read_bytes())
    content[20] ^= 1 << bit
    file.write_bytes(content)
    for _ in range(2):
        with pytest.raises(JournalError, match="damaged"):
            schema.open_for_writing(tmp_path, "full")
    assert file.read_bytes() == content


async def test_without_the_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal is made without page checksums; one that has them is refused, untouched, with what to do."""
    async with opened(tmp_path / "guarded"):
        pass
    before = page_one(tmp_path / "guarded")
    monkeypatch.setattr(pages, "guard", lambda: False)
    async with opened(tmp_path / "plain") as journal:
        await journal.commit(Lane.LIVE, events(10), NOW)
    assert page_one(tmp_path / "plain")[20] == 0
    with pytest.raises(JournalError, match="pip install"):
        schema.open_for_writing(tmp_path / "guarded", "full")
    assert page_one(tmp_path / "guarded") == before
    monkeypatch.undo()
    async with opened(tmp_path / "plain") as journal:
        assert (await journal.next(Lane.LIVE, 0)).events == events(10)


ABOVE = """
import apsw
from pibridge.journal import pages
assert pages.guard() and pages.guard()
above = apsw.VFS("above", "unix", makedefault=True)
assert not pages.guard()
"""


def test_something_above_is_no_guard() -> None:
    """Whoever puts a layer of his own above SQLite's way to the disk gets no file that seems to be guarded."""
    subprocess.run([sys.executable, "-c", ABOVE], check=True)


def test_room_for_checksums(tmp_path: Path) -> None:
    """A file keeps its room for good, and nobody may write it without them."""
    pages.guard()
    with closing(apsw.Connection(str(tmp_path / "file"))) as db:
        assert not pages.has_checksums(db)
        pages.reserve(db)
        db.execute("CREATE TABLE a (b)")
        assert pages.has_checksums(db)
        pages.require_guard(db, tmp_path)
