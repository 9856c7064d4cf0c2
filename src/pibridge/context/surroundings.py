"""What the configuration and PI say of the surroundings of events: assets, batches, and how far those are known."""

from collections.abc import Sequence

from pibridge.context.assets import AssetMap
from pibridge.context.readings import Readings
from pibridge.context.settings import AssetMapping, ContextSettings
from pibridge.context.timeline import Timeline
from pibridge.model import ticks
from pibridge.model.tag import Tag


class Surroundings:
    """`timeline`: which batch ran where; `readings`: how far its sources were read.

    `hold_ticks`: how long events wait for both.
    """

    def __init__(self, settings: ContextSettings, mappings: Sequence[AssetMapping]) -> None:
        self.settings = settings
        self.assets = AssetMap(mappings)
        self.timeline = Timeline(settings.batches)
        self.readings = Readings()
        self.hold_ticks = ticks.from_seconds(settings.hold)

    def sources(self, tag: Tag) -> frozenset[str]:
        """Give what is to be read before the batches of a tag's events are known; nothing if no rule speaks for it."""
        asset = self.assets.of(tag)
        return frozenset() if asset is None else self.timeline.sources(asset.path)

    def holds(self, tag: Tag) -> bool:
        """Tell whether the live events of a tag wait for their context."""
        return self.hold_ticks > 0 and bool(self.sources(tag))
