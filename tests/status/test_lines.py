from typing import Any

from pibridge.status.lines import Line, Lines


def take(lines: Lines, **event: Any) -> Any:
    """Log a line."""
    return lines.take(None, "info", event)


def test_the_last_lines_are_kept() -> None:
    """So many and no more, with ids that go on, so that who asks again gets only what is new."""
    lines = Lines(most=3)
    assert (lines.newest_id, lines.after(0)) == (0, [])
    for number in range(5):
        take(lines, event=f"line {number}")
    assert [(line.id, line.event) for line in lines.after(0)] == [(3, "line 2"), (4, "line 3"), (5, "line 4")]
    assert [line.id for line in lines.after(4)] == [5]
    assert lines.newest_id == 5


def test_a_line_is_what_was_said() -> None:
    """Time, level and event by themselves, the rest as texts; the next processor gets it all unchanged."""
    lines = Lines()
    event = {"event": "started", "level": "info", "time": "2026-03-01T12:00:00Z", "tags": 12}
    assert take(lines, **event) == event
    assert lines.after(0) == [Line(1, "2026-03-01T12:00:00Z", "info", "started", {"tags": "12"})]


def test_a_long_line_is_cut() -> None:
    """Neither a long text nor many fields take more than their share of memory."""
    lines = Lines()
    take(lines, event="x" * 10_000, **{f"field{number}": "y" * 10_000 for number in range(100)})
    (line,) = lines.after(0)
    assert len(line.event) < 500
    assert sum(map(len, line.fields.values())) < 10_000
