from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from context.plants import NOON, TEMPERATURE
from pibridge.context.batch_totals import BatchTotals, Count
from pibridge.context.batches import Batch, Level, batch_of_frame, batch_of_value
from pibridge.context.record import Record, context_of
from pibridge.model import ticks
from pibridge.model.event import BAD, Event, Lane

CONTEXT = context_of("houston", TEMPERATURE, TEMPERATURE.asset, Lane.LIVE, has_batches=True)
HEATING = Level("Operation", "Heat", "aa01")
COOLING = Level("Operation", "Cool", "aa02")


def unit_batch(name: str, *levels: Level, frame: str = "") -> Batch:
    """Give a batch as its frame tells it."""
    own = Level("Unit Batch", name, frame or f"frame of {name}")
    return batch_of_frame(name, valid=True, frame=own, start_ticks=NOON, levels=levels)


BATCHES = [
    None,
    unit_batch("B-1", HEATING),
    unit_batch("B-1", COOLING),
    unit_batch("B-1", frame="another"),
    unit_batch("B-2"),
    batch_of_value("B-3", valid=False, start_ticks=NOON),
]


def record(seq: int, second: int = 0, batch: Batch | None = BATCHES[1], status: int = 0, tag: int = 1) -> Record:
    """Give the record of a value."""
    return Record(seq, Event(tag, NOON + second * ticks.PER_SECOND, 1.0, status), CONTEXT, batch)


def counted(*records: Record, day: str = "2026-03-01", refused: tuple[Record, ...] = ()) -> dict[str, BatchTotals]:
    """Count what one object holds."""
    count = Count()
    for each in records:
        count.add(each, "")
    return count.of_object(day, refused)


RECORDS = st.lists(
    st.tuples(
        st.integers(0, 99), st.sampled_from(BATCHES), st.sampled_from([0, BAD]), st.integers(1, 3),
        st.sampled_from(["", "", "quality", "deadband"]), st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


@given(RECORDS, st.integers(1, 10))
def test_objects_add_up(told: list[tuple[int, Batch | None, int, int, str, bool]], size: int) -> None:
    """However records are parted into objects, the totals are those of all that were neither withheld nor refused."""
    known: dict[str, BatchTotals] = {}
    records = [
        (record(seq, at, batch, bad, tag), reason, no) for seq, (at, batch, bad, tag, reason, no) in enumerate(told, 1)
    ]
    for start in range(0, len(records), size):
        count = Count()
        part = records[start : start + size]
        for each, reason, _ in part:
            count.add(each, reason)
        for key, totals in count.of_object("2026-03-01", [r for r, reason, no in part if no and not reason]).items():
            known.setdefault(key, BatchTotals(totals.batch)).take(totals)
    expected: Counter[tuple[str, int, bool]] = Counter()
    others: Counter[tuple[str, str]] = Counter()
    for each, reason, no in records:
        if each.batch is not None:
            name = next(key for key in known if key.startswith(f"{each.batch.id}/") and _start(each.batch) in key)
            if reason or no:
                others[name, reason or "refused"] += 1
            else:
                expected[name, each.event.tag, bool(each.event.status)] += 1
    assert _said(known) == expected
    said = {(key, reason): many for key, totals in known.items() for reason, many in totals.withheld.items()}
    said |= {(key, "refused"): totals.refused for key, totals in known.items() if totals.refused}
    assert said == others


def _start(batch: Batch) -> str:
    return next((name for name in ("another", "frame of") if name in batch.json), "2026-03-01T")


def _said(known: dict[str, BatchTotals]) -> Counter[tuple[str, int, bool]]:
    said: Counter[tuple[str, int, bool]] = Counter()
    for key, totals in known.items():
        for number, tag in totals.tags.items():
            said[key, number, True] += tag.bad
            said[key, number, False] += tag.records - tag.bad
    return +said


def test_the_times_are_those_of_the_outermost_records() -> None:
    """Also if records came out of order, in several objects."""
    totals = counted(record(5, second=30), record(6, second=10))["B-1/frame of B-1"]
    totals.take(counted(record(9, second=20), day="2026-03-02")["B-1/frame of B-1"])
    tag = totals.tags[1]
    assert (tag.first_ticks, tag.last_ticks) == (NOON + 10 * ticks.PER_SECOND, NOON + 30 * ticks.PER_SECOND)
    assert (totals.first_seq, totals.last_seq, totals.days) == (5, 9, ["2026-03-01", "2026-03-02"])


def test_history_that_comes_later_may_lie_before() -> None:
    """Places are the outermost ones; the name of the manifest stays."""
    totals = counted(record(50), record(60))["B-1/frame of B-1"]
    totals.take(counted(record(20), record(30))["B-1/frame of B-1"])
    assert (totals.named_seq, totals.first_seq, totals.last_seq) == (50, 20, 60)


def test_levels_are_gathered() -> None:
    """A batch has had all levels that its records had, in the order in which they came."""
    totals = counted(record(1, batch=unit_batch("B-1", HEATING)), record(2, batch=unit_batch("B-1", COOLING)))
    assert list(totals["B-1/frame of B-1"].levels.values()) == [HEATING, COOLING]


def test_what_was_refused_leaves_nothing_behind() -> None:
    """A tag of which nothing came is not among the tags, and the object's day is none of the batch's."""
    refused = record(1, status=BAD)
    totals = counted(refused, refused=(refused,))["B-1/frame of B-1"]
    assert (totals.tags, totals.refused, totals.days) == ({}, 1, [])
