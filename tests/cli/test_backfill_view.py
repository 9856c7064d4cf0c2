from rich.console import Console

from pibridge.cli.backfill_view import backfills_table, days, preview_of
from pibridge.context.choice import Choice
from pibridge.intake.coverage import Coverage
from pibridge.journal.backfill import Backfill, WantedHistory, told
from pibridge.model import ticks

START = ticks.parse("2026-03-01T00:00:00Z")
HOUR = 3600 * ticks.PER_SECOND
WANTED = WantedHistory(choice=Choice(start_ticks=START))


def test_it_says_what_is_to_be_read() -> None:
    """Of how many tags, from when to when, and how much that is of what was asked for."""
    coverage = Coverage.of({1: START + HOUR, 2: START - HOUR}, [], [], 0)
    found = preview_of(coverage, WANTED, [1, 2], START + 2 * HOUR - 1)
    assert found.text() == (
        "1 of 2 tags to be read, from 2026-03-01T00:00:00.0000000Z to 2026-03-01T00:59:59.9999999Z:"
        " 25% of the time asked for"
    )
    assert preview_of(coverage, WANTED, [2], START + HOUR).text() == (
        "1 tags, and all of that time was read, or is about to be"
    )
    assert preview_of(coverage, WANTED, [], START + HOUR).text().startswith("no known tag is meant")


def test_each_has_a_row() -> None:
    """Before it was begun nobody knows how many tags are meant."""
    found = Backfill(id="20260301T000000", kind="backfill", choice=WANTED.choice, made_s=0)
    console = Console(width=200, no_color=True)
    with console.capture() as shown:
        console.print(backfills_table([told(found, ())]))
        console.print(backfills_table([]))
    assert "20260301T000000  backfill  running  0%    not known yet" in shown.get()
    assert "none" in shown.get()


def test_a_length_is_told_in_hours_or_days() -> None:
    """Whatever says more; nothing is shorter than nothing."""
    assert (days(0, 36 * HOUR), days(0, HOUR // 2), days(1, 0)) == ("1.5 days", "0.5 hours", "0.0 hours")
