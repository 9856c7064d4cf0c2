from hypothesis import given
from hypothesis import strategies as st

from pibridge.audit.comparing import Earlier
from pibridge.audit.findings import Count, SinkCount
from pibridge.audit.fingerprints import Fingerprint
from pibridge.audit.ledger import (
    DAYS,
    Day,
    Page,
    day_fact,
    days_of,
    page_fact,
    page_of,
    pages_of,
    place_of,
    source_of,
    too_old,
)
from pibridge.delivery.verdict import Verdict
from pibridge.journal.facts import Fact
from pibridge.model import ticks

HOUR = ticks.parse("2026-03-01T23:00:00Z")
PRINTS = st.builds(Fingerprint, st.integers(0, 1 << 40), st.integers(0, (1 << 64) - 1))
TIMES = st.integers(-(1 << 60), ticks.FOREVER)


@given(st.dictionaries(st.integers(1, 1 << 31), st.builds(Earlier, PRINTS, TIMES, TIMES, TIMES), max_size=5))
def test_an_hour_is_read_as_it_was_written(cells: dict[int, Earlier]) -> None:
    """With all its counts, and every tag's fingerprint."""
    count = Count(tags=3, archived=7, sinks={"lake": SinkCount({Verdict.DELIVERED: 3}, {"quality": 2}, 1)})
    page = Page(count=count, looks=2, repaired=3, cells=cells)
    fact = page_fact(HOUR, page)
    assert (fact.source, fact.id) == place_of(HOUR) == (source_of("2026-03-01"), "23")
    assert page_of(fact) == page
    assert pages_of([fact]) == {"23": page}


def test_the_last_tick_of_an_hour_belongs_to_it() -> None:
    """The next begins a day."""
    end = HOUR + 3600 * ticks.PER_SECOND
    assert place_of(end - 1) == place_of(HOUR)
    assert place_of(end) == (source_of("2026-03-02"), "00")


def test_what_is_damaged_is_left_out() -> None:
    """An hour or a day that cannot be read is as if it had not been audited; the others count."""
    good = page_fact(HOUR, Page())
    cut, noise = Fact(good.source, "22", good.content[:-3]), Fact(good.source, "21", b"\xff\x00")
    assert pages_of([cut, noise, good]) == {"23": Page()}
    day = day_fact("2026-03-01", [good])
    assert days_of([Fact(DAYS, "2026-02-28", b"\xff"), day]) == [
        Day(day="2026-03-01", hours=1, bytes=len(good.content))
    ]


def test_days_go_by_age_and_by_size() -> None:
    """What is before the oldest day to keep, and of the others the oldest, until the rest fits."""
    days = [Day(day=f"2026-03-0{number}", hours=24, bytes=10) for number in range(1, 7)]
    assert too_old(days, "2026-03-03", 1000) == ["2026-03-02", "2026-03-01"]
    assert too_old(days, "2026-01-01", 30) == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert too_old(days, "2026-01-01", 0) == [f"2026-03-0{number}" for number in range(6, 0, -1)]
    assert too_old([], "2026-01-01", 0) == []
