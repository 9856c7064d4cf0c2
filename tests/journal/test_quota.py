from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.journal import schema
from pibridge.journal.quota import RESERVE_BYTES, Quota, Reserve, stored_bytes, used_bytes


@given(st.integers(16 << 20, 1 << 42))
def test_the_parts_never_exceed_the_whole(max_bytes: int) -> None:
    """File, write-ahead log, its index and the reserve together stay below `max_size`; each commit fits the log."""
    quota = Quota(max_bytes)
    assert quota.file_bytes + quota.wal_bytes + RESERVE_BYTES < max_bytes
    assert quota.wal_soft_bytes + quota.group_bytes < quota.wal_bytes
    assert quota.file_bytes // 2 < quota.data_bytes(0) < quota.file_bytes
    assert quota.data_bytes(10_000) <= quota.data_bytes(0) - 640_000


def test_sqlite_itself_keeps_the_limit(tmp_path: Path) -> None:
    """Whatever else goes wrong, the file does not grow beyond it."""
    db = schema.open_for_writing(tmp_path, "normal")
    quota = Quota(16 << 20)
    quota.limit_file(db)
    assert db.pragma("max_page_count") == quota.file_bytes // schema.PAGE_BYTES
    assert quota.excess_bytes(db) == 0
    db.close()


def test_use_is_what_the_file_holds(tmp_path: Path) -> None:
    """Stored payloads take about what was estimated, and give it back when deleted."""
    db = schema.open_for_writing(tmp_path, "normal")
    empty_bytes = used_bytes(db)
    payload = bytes(30_000)
    with db:
        for seq in range(100):
            db.execute("INSERT INTO chunk VALUES (?, 'live', 0, 1, 0, 0, 0, 0, 1, 0, ?)", (seq, payload))
    taken_bytes = used_bytes(db) - empty_bytes
    assert 0.7 <= taken_bytes / stored_bytes(100 * len(payload), 100) <= 1
    db.execute("DELETE FROM chunk")
    assert used_bytes(db) - empty_bytes < 50_000
    db.close()


def test_the_reserve_holds_a_place(tmp_path: Path) -> None:
    """It is on disk in full, and can be given back and taken again."""
    reserve = Reserve(tmp_path)
    assert reserve.keep()
    assert [file.stat().st_size for file in tmp_path.iterdir()] == [RESERVE_BYTES]
    reserve.release()
    assert not list(tmp_path.iterdir())
    assert reserve.keep()


def test_no_reserve_on_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nearly full disk is left to who needs it."""
    reserve = Reserve(tmp_path)
    monkeypatch.setattr(Reserve, "free_bytes", lambda _: 2 * RESERVE_BYTES)
    assert not reserve.keep()
    assert not list(tmp_path.iterdir())
