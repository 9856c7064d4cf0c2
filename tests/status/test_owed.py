from pibridge.journal.gaps import Gap
from pibridge.status.owed import debts
from status.stage import NOW, SECOND, tag

TAGS = [tag(number) for number in range(4)]


def test_gaps_are_gathered() -> None:
    """By stream and reason, with the whole time that they span and how long they are together."""
    found = debts(
        [
            Gap(1, 2, NOW - 60 * SECOND, NOW - 30 * SECOND, "channel lost"),
            Gap(2, 4, NOW - 50 * SECOND, None, "channel lost"),
            Gap(3, 1, NOW - 20 * SECOND, NOW - 10 * SECOND, "backfill"),
            Gap(4, 2, NOW - 5 * SECOND, NOW + 600 * SECOND, "channel lost"),
        ],
        TAGS,
        NOW,
    )
    assert found.gaps == 4
    lost, backfill = found.debts
    assert (lost.stream, lost.reason, lost.gaps, lost.tags, lost.tag) == (
        "reactors",
        "channel lost",
        3,
        2,
        TAGS[1].name,
    )
    assert (lost.since, lost.until, lost.owed_s) == ("2026-03-01T11:59:00.0000000Z", "", 85.0)
    assert (backfill.stream, backfill.until, backfill.owed_s) == ("utilities", "2026-03-01T11:59:50.0000000Z", 10.0)


def test_a_gap_of_an_unknown_tag_counts_too() -> None:
    """A tag that was described since the tags were copied has no name yet."""
    (debt,) = debts([Gap(1, 99, NOW, None, "new")], TAGS, NOW).debts
    assert (debt.stream, debt.tag, debt.gaps) == ("", "", 1)
