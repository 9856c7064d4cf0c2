from msgspec.structs import replace

from context.plants import NOON, POINT
from pibridge.context.assets import AssetMap
from pibridge.context.settings import AssetMapping
from pibridge.context.stamp import Stamp
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Asset

RENAMED = replace(POINT, unit="mbar")


def test_an_event_keeps_the_description_of_its_time() -> None:
    """A unit that changed later does not reach back: each place in the journal has its own description."""
    stamp = Stamp("houston", AssetMap([]), lambda _, seq: POINT if seq < 10 else RENAMED)
    early = stamp.records(Lane.LIVE, 8, [Event(1, NOON, 1.0)])
    late = stamp.records(Lane.LIVE, 10, [Event(1, NOON, 1.0)])
    again = stamp.records(Lane.LIVE, 8, [Event(1, NOON, 1.0)])
    assert [record.context.tag.unit for record in (*early, *late, *again)] == ["bar", "mbar", "bar"]


def test_places_follow_the_events() -> None:
    """The seq of each record is the first place plus its number in the run."""
    stamp = Stamp("houston", AssetMap([AssetMapping(points="*", asset="Plant/R1")]), lambda *_: POINT)
    records = stamp.records(Lane.HISTORY, 100, [Event(1, NOON, 1.0), Event(1, NOON, 2.0)])
    assert [record.seq for record in records] == [100, 101]
    assert records[0].context is records[1].context
    assert records[0].context.asset == Asset("Plant/R1")
    assert records[0].context.lane is Lane.HISTORY
