from pathlib import Path

from pibridge.sinks.keeping import remove_older, remove_unfinished
from sinks.far_sides import laid

DAY = "dt=2026-03-09"


def test_only_what_was_never_completed_goes(tmp_path: Path) -> None:
    """Unfinished files of our own naming go, but what is being written now; whatever else lies there stays."""
    ours = [laid(tmp_path / DAY, f"{name}.part") for name in ("live-1.jsonl", "history-7.jsonl.gz", "live-3.parquet")]
    spared = laid(tmp_path / DAY, "live-8.jsonl.zst.part")
    others = [laid(tmp_path, f"{DAY}/{name}") for name in ("live-1-9.jsonl", "notes.part", "live-1-9.jsonl.part")]
    others.append(laid(tmp_path, "live-1.jsonl.part"))
    remove_unfinished(tmp_path, {spared})
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in [spared, *others])


def test_only_old_complete_files_go(tmp_path: Path) -> None:
    """Complete files written before that moment go; newer ones, unfinished ones and those of others stay."""
    old = [laid(tmp_path / DAY, f"live-1-9.{name}", 99) for name in ("jsonl", "jsonl.gz", "jsonl.zst", "parquet")]
    old.append(laid(tmp_path / DAY, "replay-20260310T080000-1-9.jsonl", 99))
    old.append(laid(tmp_path / "dt=2026-01-01", "history-4-5.parquet", 50))
    kept = [
        laid(tmp_path / DAY, "live-10-19.jsonl", 100),
        laid(tmp_path / DAY, "live-20.jsonl.part", 1),
        laid(tmp_path / DAY, "live-1-9.csv", 1),
        laid(tmp_path / "dt=today", "live-1-9.jsonl", 1),
        laid(tmp_path, "live-1-9.jsonl", 1),
    ]
    assert remove_older(tmp_path, 100) == len(old)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)


def test_days_without_files_go(tmp_path: Path) -> None:
    """A day's folder goes with its last file, or when it is found empty; with a file of others in it, it stays."""
    laid(tmp_path / "dt=2026-01-01", "live-1-9.jsonl", 1)
    laid(tmp_path / "dt=2026-01-02", "live-10-19.jsonl", 1)
    laid(tmp_path / "dt=2026-01-02", "notes.txt", 1)
    (tmp_path / "dt=2026-01-03").mkdir()
    (tmp_path / "empty").mkdir()
    remove_older(tmp_path, 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dt=2026-01-02", "empty"]
