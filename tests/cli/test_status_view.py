from msgspec.structs import replace
from rich.console import Console

from pibridge.cli.status_view import duration, frame, size
from pibridge.status.outlook import Outlook
from pibridge.status.snapshot import ConfigurationStatus, HistoryStatus
from status.moments import BUSY, FRESH


def drawn(snapshot: object) -> str:
    """Give the frame as text."""
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(frame(snapshot))  # type: ignore[arg-type]  # a snapshot
    return capture.get()


def test_all_is_there_at_a_glance() -> None:
    """PI, each stream's channels, each sink, journal and gaps."""
    text = drawn(BUSY)
    assert "houston  ready" in text
    assert "connected  https://pi.example.com/piwebapi" in text
    (reactors,) = [line.split() for line in text.splitlines() if line.startswith(("reactors", " reactors"))]
    assert reactors[:5] == ["reactors", "12", "1", "of", "2"]
    (lake,) = [line.split() for line in text.splitlines() if line.strip().startswith("lake")]
    assert lake[:4] == ["lake", "waiting", "3,900", "38"]
    assert "4,000 events, 64.0 KiB of 2.0 GiB" in text
    assert "7 open, 5 paid, 1,200 events recovered" in text


def test_what_is_wrong_comes_first() -> None:
    """With all reasons, also of a configuration that was refused; text of others is no markup."""
    wrong = replace(FRESH, reasons=["pi: [red]down"], configuration=ConfigurationStatus(refused=["sinks.x: missing"]))
    lines = drawn(wrong).splitlines()
    assert "not ready" in lines[0]
    assert [line.strip() for line in lines[1:3]] == ["pi: [red]down", "new configuration refused: sinks.x: missing"]


def test_the_outlook_is_told() -> None:
    """How long until the journal is full, until a sink has caught up, and until gaps are paid."""
    ahead = Outlook(read_per_s=1234, full_in_s=7200, catch_up_s={"lake": 90}, gaps_paid_share=0.25, gaps_paid_in_s=30)
    text = drawn(replace(BUSY, outlook=ahead, history=HistoryStatus(gaps_open=3)))
    assert "full in 2.0 h at this rate; 1,234 events a second" in text
    assert "in 1.5 min" in text
    assert "25% paid, done in 30.0 s" in text
    assert "lasts 1.0 d without delivery" in drawn(replace(BUSY, outlook=Outlook(outage_s=86400)))


def test_gaps_that_wait_for_their_end_are_told() -> None:
    """While tags are not heard nothing is to be paid yet, but it is on disk."""
    told = drawn(replace(BUSY, journal=replace(BUSY.journal, gaps=21), history=HistoryStatus(gaps_open=3)))
    assert "3 open" in told
    assert "21 on disk, with those of tags that are not heard" in told
    assert "on disk" not in drawn(
        replace(BUSY, journal=replace(BUSY.journal, gaps=3), history=HistoryStatus(gaps_open=3))
    )


def test_numbers_have_the_unit_that_fits() -> None:
    """From bytes to terabytes, from seconds to days."""
    assert [size(10), size(1536), size(3 << 40)] == ["10 B", "1.5 KiB", "3.0 TiB"]
    assert [duration(9), duration(60), duration(5400), duration(200_000)] == ["9.0 s", "1.0 min", "1.5 h", "2.3 d"]
