from collections import Counter

import pytest

from pibridge.cli.replay_view import backfill_command, preview_text, told_of
from pibridge.context.choice import Choice
from pibridge.delivery.preview import Preview
from pibridge.intake.coverage import Coverage
from pibridge.model import ticks
from pibridge.model.event import Lane

JOINED = ticks.parse("2026-03-01T00:00:00Z")
DAY = 86_400 * ticks.PER_SECOND
NOW = JOINED + 9 * DAY


@pytest.mark.parametrize(
    ("choice", "trimmed", "said"),
    [
        (Choice(start_ticks=JOINED), 0, ""),
        (Choice(), 0, ""),
        (Choice(start_ticks=JOINED - DAY, lanes=(Lane.LIVE,)), 0, ""),
        (
            Choice(start_ticks=JOINED - DAY, tags=("SINU*",), streams=("live",)),
            0,
            "--from 2026-02-28T00:00:00.0000000Z --to 2026-02-28T23:59:59.9999999Z --tag 'SINU*' --stream live",
        ),
        (
            Choice(start_ticks=JOINED + DAY, end_ticks=JOINED + 3 * DAY, assets=("Plant/**",)),
            JOINED + 2 * DAY,
            "--from 2026-03-02T00:00:00.0000000Z --to 2026-03-03T00:00:00.0000000Z --asset 'Plant/**' --again",
        ),
        (Choice(start_ticks=JOINED + 3 * DAY), JOINED + 2 * DAY, ""),
        (
            Choice(end_ticks=JOINED + DAY),
            JOINED + 2 * DAY,
            "--from 2026-03-01T00:00:00.0000000Z --to 2026-03-02T00:00:00.0000000Z --again",
        ),
    ],
)
def test_what_the_journal_does_not_hold_comes_by_a_backfill(choice: Choice, trimmed: int, said: str) -> None:
    """What is gone again, what was before the first start; nothing is said where all is there."""
    coverage = Coverage({1: JOINED}, {}, {}, trimmed)
    assert backfill_command(choice, coverage, [1], NOW) == (f"pibridge backfill {said}" if said else "")


def test_it_reaches_up_to_when_the_last_of_the_tags_was_first_read() -> None:
    """Others than those that are meant do not count; what backfills have read is not named again."""
    joined = {1: JOINED, 2: JOINED + DAY, 3: JOINED + 2 * DAY}
    choice = Choice(start_ticks=JOINED - DAY)
    coverage = Coverage(joined, {}, {}, 0)
    said = "pibridge backfill --from 2026-02-28T00:00:00.0000000Z --to 2026-03-01T23:59:59.9999999Z"
    assert backfill_command(choice, coverage, [1, 2], NOW) == said
    read = {1: [(JOINED - DAY, JOINED - 1)], 2: [(JOINED - DAY, JOINED + DAY - 1)]}
    assert backfill_command(choice, Coverage(joined, {}, read, 0), [1, 2], NOW) == ""
    assert backfill_command(choice, Coverage(joined, {}, {1: read[1]}, 0), [1, 2], NOW) == said


def test_a_journal_that_nobody_has_read_into_says_nothing() -> None:
    """There is nothing to compare with; nor can be read what nobody reads now."""
    assert backfill_command(Choice(start_ticks=0), Coverage({}, {}, {}, 0), [1], NOW) == ""
    assert backfill_command(Choice(start_ticks=0), Coverage({1: JOINED}, {}, {}, 0), [], NOW) == ""


def test_many_tags_are_not_all_named() -> None:
    """The first ten, and how many more there are; programs get all."""
    tags = Counter({f"T{i}": 100 - i for i in range(12)})
    found = Preview(events=sum(tags.values()), bytes=1000, times=(JOINED, JOINED + DAY), tags=tags)
    assert preview_text(found, "").splitlines()[1].endswith("T9 91 and 2 more")
    assert len(told_of(found, "")["tags"]) == 12
    assert preview_text(Preview(), "pibridge backfill --from 1").splitlines() == [
        "no such events in the journal",
        "the journal does not hold all of that time; from PI it comes by: pibridge backfill --from 1",
    ]
