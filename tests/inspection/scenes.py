"""Configurations, journals and pumps that are looked at."""

from pathlib import Path
from typing import Any

from delivery.shelves import Dock, Shelf
from pibridge.config.loaded import Loaded
from pibridge.config.settings import Configuration
from pibridge.context import filters
from pibridge.context.surroundings import Surroundings
from pibridge.inspection.at_sinks import AtSinks
from pibridge.inspection.explanation import AtSink
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.journal.chunks import Chunk
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane
from waiting import eventually, running


def loaded(folder: Path, **changes: Any) -> Loaded:
    """Give a configuration that reads the stream `s` and whose journal is in a folder; top-level keys can be added."""
    tree = {
        "site": "houston",
        "pi": {"url": "https://pi/piwebapi"},
        "streams": {"s": {"select": {"points": [r"\\PI\T*"]}}},
        "journal": {"path": folder},
        "sinks": {"lake": {"type": "file", "path": folder / "out"}},
        **changes,
    }
    return Loaded.of(Configuration.model_validate(tree))


def surrounded(dock: Dock, told: Loaded) -> Dock:
    """Have a journal delivered with the context of a configuration."""
    dock.around = Surroundings(told.configuration.context, told.assets)
    return dock


async def delivered(dock: Dock, told: Loaded, shelf: Shelf, name: str = "lake") -> None:
    """Deliver all to a sink with the filters of a configuration, and end."""
    settings = told.configuration.sink_filters()[name]
    pump = dock.pump(shelf, name, filters.build(settings), settings)
    async with running(pump.run()):
        await eventually(lambda: dock.lag(name) == 0)


def judged(dock: Dock, told: Loaded, name: str = "lake") -> dict[int, tuple[Sighting, AtSink]]:
    """Give what became of every event, by position, as the journal tells it from the disk."""
    reader = JournalReader.open(dock.folder)
    try:
        at_sinks = AtSinks(told, reader, Records(told, reader))
        sightings = [
            Sighting(seq, lane, chunk.arrived_ticks, event)
            for lane in Lane
            for chunk in reader.chunks(lane)
            if isinstance(chunk, Chunk)
            for seq, event in enumerate(chunk.events, chunk.first_seq)
        ]
        times = [(each.lane, each.event.tag, each.event.ticks) for each in sightings]
        return {
            each.seq or 0: (each, at_sinks.of(each, is_alone=times.count(time) == 1)[name])
            for each, time in zip(sightings, times, strict=True)
        }
    finally:
        reader.close()
