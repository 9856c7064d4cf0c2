from collections import Counter

from context.plants import surroundings
from journal.samples import events, tags
from pibridge.context import filters
from pibridge.context.record import Record
from pibridge.context.settings import AssetMapping, FilterSettings
from pibridge.context.stamp import Stamp
from pibridge.delivery.what_if import Example, difference
from pibridge.model.event import Lane

TAGS = tags(2)
EVENTS = [event for value in range(10) for event in (events(1, first=value) + events(1, tag=2, first=value))]


def records(*mappings: AssetMapping) -> list[Record]:
    """Give the same events in other surroundings."""
    stamp = Stamp("houston", surroundings(*mappings), lambda number, _: TAGS[number - 1])
    return stamp.records(Lane.LIVE, 1, EVENTS)


def test_the_difference_is_told_by_sink() -> None:
    """How many pass now and then, which are more and less, and how many change their context; some are shown."""
    before, after = records(), records(AssetMapping(points=r"*T1", asset="Plant/R1", template="Reactor"))
    everything = filters.build(FilterSettings())
    on_assets = filters.build(FilterSettings(assets=frozenset({"Plant/**"})))
    found = difference(
        [(before[:3], after[:3]), (before[3:], after[3:])],
        {"lake": everything, "old": everything},
        {"lake": on_assets, "new": on_assets},
    )
    assert (found.events, found.context) == (20, 10)
    lake, new, old = (found.sinks[name] for name in ("lake", "new", "old"))
    assert lake.now is not None
    assert lake.then is not None
    assert (lake.now.admitted, lake.then.admitted, lake.then.withheld) == (20, 10, Counter(assets=10))
    assert (lake.gained, lake.lost) == (0, 10)
    assert (new.now, new.gained) == (None, 10)
    assert (old.then, old.lost) == (None, 20)
    shown = Counter(each.sink for each in found.examples)
    assert shown == {"": 5, "lake": 5, "new": 5, "old": 5}
    assert Example(before[0], "", "no context", "asset Plant/R1 (Reactor)") in found.examples
    assert Example(before[1], "lake", "sent", "withheld: assets") in found.examples


def test_the_same_configuration_changes_nothing() -> None:
    """Neither contexts nor sinks, and there is no example."""
    admit = {"lake": filters.build(FilterSettings())}
    found = difference([(records(), records())], admit, admit)
    assert (found.context, found.examples) == (0, [])
    assert (found.sinks["lake"].gained, found.sinks["lake"].lost) == (0, 0)
