import json
from pathlib import Path

import pytest
import structlog
from rich.console import Console, RenderableType

from pibridge.cli.demo_view import DemoView
from pibridge.status.snapshot import HistoryStatus, JournalStatus, PIStatus, SinkStatus, Snapshot, StreamStatus


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.now_s


@pytest.fixture
def clock() -> Hand:
    """Seconds since the start."""
    return Hand()


@pytest.fixture
def view(tmp_path: Path, clock: Hand) -> DemoView:
    """Look at an empty folder."""
    return DemoView(tmp_path / "out", clock)


def snapshot(newest_seq: int = 0) -> Snapshot:
    """Give the state of a demonstration that has journaled this many events."""
    return Snapshot(
        version="0.1.0",
        site="brewery",
        started="2026-03-01T11:00:00.0000000Z",
        pi=PIStatus(url="http://127.0.0.1/piwebapi", state="connected"),
        streams={"points": StreamStatus(tags=270, channels=2, channels_open=2), "reactors": StreamStatus(tags=36)},
        sinks={"files": SinkStatus(state="delivering", delivered=newest_seq // 2, lag_events=7)},
        journal=JournalStatus(newest_seq=newest_seq, bytes=1_500_000),
        history=HistoryStatus(gaps_open=1, gaps_paid=2, events_recovered=30),
    )


def drawn(renderable: RenderableType) -> str:
    """Give what a terminal would show."""
    console = Console(width=120)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def told(view: DemoView, level: str, **event: object) -> None:
    """Log a line."""
    with pytest.raises(structlog.DropEvent):
        view.note(None, level, dict(event))


def records(folder: Path, count: int) -> None:
    """Write this many records as the file sink does."""
    lines = [
        {"ts": f"2026-03-01T12:00:{n:02d}.2500000Z", "tag": f"T{n}", "value": n / 2, "quality": "good", "lane": "live"}
        for n in range(count)
    ]
    day = folder / "out" / "dt=2026-03-01"
    day.mkdir(parents=True)
    (day / "live-1-9.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def test_a_frame_shows_the_whole_road(view: DemoView, clock: Hand) -> None:
    """A frame tells tags, channels, journal, records, gaps and the seconds that have passed."""
    clock.now_s = 4.0
    text = drawn(view.frame(snapshot(20_000), 30))
    for part in ("4 of 30 s", "306 tags, 2 channels", "20,000 events, 1.5 MB", "10,000 records", "1 open, 2 paid"):
        assert part in text
    assert "5,000 events/s" in text


def test_the_rate_is_that_of_the_last_seconds(view: DemoView, clock: Hand) -> None:
    """What was read long ago does not count for the rate."""
    for second, seq in enumerate((0, 90_000, 90_000, 90_000, 90_000, 90_000, 90_300)):
        clock.now_s = float(second)
        text = view.line(snapshot(seq))
    assert " 100 events/s" in text


def test_a_line_tells_each_note_once_with_its_time(view: DemoView, clock: Hand) -> None:
    """What the daemon logged stands above the line, with the second in which it happened, and only once."""
    clock.now_s = 1.5
    told(view, "warning", event="channel lost", tags=[70])
    clock.now_s = 5.0
    first, second = view.line(snapshot()), view.line(snapshot())
    assert first.splitlines()[0] == "!   1.5 s  channel lost  tags [70]"
    assert len(first.splitlines()) == 2
    assert len(second.splitlines()) == 1


def test_a_frame_shows_the_latest_notes(view: DemoView) -> None:
    """A frame has room for the last six notes."""
    for number in range(9):
        told(view, "info", event=f"note {number}")
    text = drawn(view.frame(snapshot(), 30))
    assert "note 3" in text
    assert "note 8" in text
    assert "note 2" not in text


def test_the_ending_says_where_the_files_are(tmp_path: Path, view: DemoView) -> None:
    """At the end: how many records in how many files, the last ones, and a command that shows a file which exists."""
    records(tmp_path, 9)
    text = drawn(view.ending())
    assert "9 records in 1 files" in text
    assert "12:00:08.250" in text
    assert "T4" in text
    assert f"head -3 {tmp_path / 'out' / 'dt=2026-03-01' / 'live-1-9.jsonl'}" in text.replace("\n", "")


def test_the_ending_of_an_empty_demonstration(view: DemoView) -> None:
    """Without any file the end is told all the same."""
    assert "0 records in 0 files" in drawn(view.ending())
