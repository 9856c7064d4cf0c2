from msgspec.structs import replace

from context.plants import NOON, POINT, TEMPERATURE, surroundings
from pibridge.context.settings import AssetMapping
from pibridge.context.stamp import Stamp
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset

RENAMED = replace(POINT, unit="mbar")


def test_an_event_keeps_the_description_of_its_time() -> None:
    """A unit that changed later does not reach back: each place in the journal has its own description."""
    stamp = Stamp("houston", surroundings(), lambda _, seq: POINT if seq < 10 else RENAMED)
    early = stamp.records(Lane.LIVE, 8, [Event(1, NOON, 1.0)])
    late = stamp.records(Lane.LIVE, 10, [Event(1, NOON, 1.0)])
    again = stamp.records(Lane.LIVE, 8, [Event(1, NOON, 1.0)])
    assert [record.context.tag.unit for record in (*early, *late, *again)] == ["bar", "mbar", "bar"]


def test_places_follow_the_events() -> None:
    """The seq of each record is the first place plus its number in the run."""
    stamp = Stamp("houston", surroundings(AssetMapping(points="*", asset="Plant/R1")), lambda *_: POINT)
    records = stamp.records(Lane.HISTORY, 100, [Event(1, NOON, 1.0), Event(1, NOON, 2.0)])
    assert [record.seq for record in records] == [100, 101]
    assert records[0].context is records[1].context
    assert records[0].context.asset == Asset("Plant/R1")
    assert records[0].context.lane is Lane.HISTORY


def test_an_event_has_the_batch_that_ran_at_its_own_time() -> None:
    """What becomes known later counts for records that are made later, also of old events."""
    around = surroundings(batches={"r1": {"assets": "Plant/Area1/R1", "tag": r"\\PISRV1\R1.BatchID"}})
    stamp = Stamp("houston", around, lambda *_: TEMPERATURE)
    run = [Event(1, NOON + moment, 1.0) for moment in (-1, 0, 5, 10)]
    assert [record.batch for record in stamp.records(Lane.LIVE, 1, run)] == [None] * 4
    told = [Event(0, NOON, "B-1"), Event(0, NOON + 10, "B-2")]
    around.timeline.take_values(r"\\PISRV1\R1.BATCHID", NOON, NOON + 10, told)
    batches = [record.batch for record in stamp.records(Lane.LIVE, 1, run)]
    assert [batch and batch.id for batch in batches] == [None, "B-1", "B-1", "B-2"]


def test_assets_that_no_rule_speaks_for_have_no_batches() -> None:
    """Their records do not even ask."""
    around = surroundings(batches={"r9": {"assets": "Plant/Area9/R9", "tag": r"\\PISRV1\R9.BatchID"}})
    (record,) = Stamp("houston", around, lambda *_: TEMPERATURE).records(Lane.LIVE, 1, [Event(1, NOON, 1.0)])
    assert not record.context.has_batches
    assert record.batch is None


def test_a_replay_sees_the_tag_of_today_with_the_unit_of_then() -> None:
    """What the value meant stays; where the tag belongs is corrected, and each record is marked."""
    moved = replace(RENAMED, name="SINUS", asset=Asset("Plant/R2"))
    stamp = Stamp("houston", surroundings(), lambda _, seq: POINT if seq < 10 else moved)
    (early,) = stamp.again("r1").records(Lane.LIVE, 8, [Event(1, NOON, 1.0)])
    (late,) = stamp.again("r1").records(Lane.LIVE, 10, [Event(1, NOON, 1.0)])
    assert early.context.tag == replace(moved, unit="bar")
    assert late.context.tag is moved
    assert (early.context.asset, early.context.replay) == (Asset("Plant/R2"), "r1")


def test_some_events_of_a_run_keep_their_places() -> None:
    """The others are left out."""
    stamp = Stamp("houston", surroundings(), lambda *_: POINT)
    records = stamp.some(Lane.LIVE, 100, [(103, Event(1, NOON, 1.0)), (107, Event(1, NOON, 2.0))])
    assert [record.seq for record in records] == [103, 107]
