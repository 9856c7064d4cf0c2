from io import StringIO

from msgspec.structs import replace
from rich.console import Console

from pibridge.cli.journal_view import area_line, megabytes, overview_table, told
from pibridge.journal.letters import Count
from pibridge.journal.overview import Gaps, Overview, SinkLane
from pibridge.journal.verify import Area
from pibridge.model.event import Lane

NOW_S = 1_770_000_000.0
BUSY = Overview(
    folder_bytes=3 << 20,
    max_bytes=2 << 30,
    used_bytes=2 << 20,
    free_bytes=1 << 19,
    tags=7,
    events=1000,
    chunks=3,
    stored={Lane.LIVE: 5000, Lane.HISTORY: 1000},
    oldest_seq=5001,
    newest_seq=6000,
    first_stored_s=int(NOW_S) - 86400 * 3,
    last_stored_s=int(NOW_S) - 5,
    events_per_s=12.5,
    runway_s=3600.0 * 30,
    sinks={"lake": {Lane.LIVE: SinkLane(5900, 100, int(NOW_S) - 300), Lane.HISTORY: SinkLane(5950, 0, None)}},
    gaps=Gaps(2, 1, 1, 0, {"a [lost] channel": 2}),
    dead_letters={"lake": Count(3, "odd")},
    held=4,
    damaged_chunks=1,
    dropped_events=9,
)


def printed(overview: Overview) -> list[list[str]]:
    """Give the words of each line of the tables."""
    out = StringIO()
    Console(file=out, width=200).print(overview_table(overview, NOW_S))
    return [line.split() for line in out.getvalue().splitlines()]


def test_the_tables_say_all_that_is_known() -> None:
    """In the units of people; a reason is shown as it is."""
    lines = [" ".join(words) for words in printed(BUSY)]
    assert "size 3.0 MiB of 2048.0 MiB; 2.0 MiB in use, 0.5 MiB empty" in lines
    assert "events 1000 in 3 chunks, seq 5001 to 6000, of 7 tags" in lines
    assert "stored the oldest 3 d ago, the newest 5 s ago" in lines
    assert "runway 30 h if no sink took anything" in lines
    assert "2: a [lost] channel" in lines
    assert "lake live 5900 100 events 5 min ago 3" in lines
    assert "lake history 5950 0 events 3" in lines
    empty = replace(BUSY, events=0, runway_s=None, first_stored_s=None, last_stored_s=None, dead_letters={})
    assert "runway not known" in [" ".join(words) for words in printed(empty)]


def test_programs_get_times_as_text() -> None:
    """And how long something waits in seconds."""
    said = told(BUSY, NOW_S)
    assert said["last_stored"] == "2026-02-02T02:39:55.0000000Z"
    assert said["gaps"]["first"] == "1970-01-01T00:00:00.0000000Z"
    assert [lane["waiting_s"] for lane in said["sinks"]["lake"].values()] == [300, 0]
    assert told(replace(BUSY, first_stored_s=None, gaps=Gaps(0, 0, 0, None, {})), NOW_S)["first_stored"] is None


def test_a_part_is_a_line_and_each_fault_another() -> None:
    """What was not looked at is no fault."""
    assert area_line(Area(name="tags", looked_at=3)) == "ok    tags: 3"
    assert area_line(Area(name="tags", looked_at=3, faults=["a", "b"])) == "WRONG tags: 3\n      a\n      b"
    assert area_line(Area(name="pages", left="none")) == "look  pages: not looked at as a whole: none"
    assert megabytes(3 << 19) == "1.5 MiB"
