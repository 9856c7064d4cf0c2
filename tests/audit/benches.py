"""A plant, a journal that has what a bridge would have read of it, a sink with files, and audits of these."""

from collections.abc import Mapping, Sequence
from typing import Any

from delivery.shelves import Dock
from inspection.scenes import loaded
from intake.lines import SECOND, Line
from pibridge.audit.audited import Audited
from pibridge.audit.auditor import Auditor
from pibridge.audit.comparing import Earlier
from pibridge.config.loaded import Loaded
from pibridge.context import filters
from pibridge.context.choice import Choice
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode
from pibridge.simulator.samples import Sample
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from waiting import eventually, running

BULK = ["BULK.000001", "BULK.000002", "BULK.000003"]


def at(line: Line, second: float) -> int:
    """Give a time, in seconds from the plant's present."""
    return line.clock.ticks + round(second * SECOND)


def event_of(number: int, sample: Sample) -> Event:
    """Give a value of the plant as an event."""
    return Event(number, sample.ticks, sample.value, 0 if sample.good else 1)


async def joined(line: Line, *names: str, mode: Mode = Mode.REALTIME, since_s: float = -600) -> list[int]:
    """Have tags owed since a time, in seconds from the plant's present; give their numbers."""
    tags = await line.describe(*names, mode=mode)
    await line.journal.join(list(tags), at(line, since_s))
    await line.tell_time()
    return list(tags)


async def read(  # noqa: PLR0913 - what is read, and how
    line: Line, number: int, name: str, *, lane: Lane = Lane.LIVE, since_s: float = -600, but: Sequence[int] = ()
) -> list[Event]:
    """Have the journal read a tag up to the present: live all that came, as history what the archive has.

    `but`: places in what is given, which are not read.
    """
    plant, now = line.simulator.plant, line.clock.ticks
    start = at(line, since_s)
    samples = plant.snapshots(name, start, now) if lane is Lane.LIVE else plant.archive(name, start, now, now)
    events = [event_of(number, sample) for sample in samples]
    kept = [event for index, event in enumerate(events) if index not in [each % len(events) for each in but]]
    await line.journal.commit(lane, kept, now)
    return events


async def audit(  # noqa: PLR0913 - what is audited, and by what
    line: Line,
    start_s: float = -600,
    end_s: float = -120,
    *,
    told: Loaded | None = None,
    earlier: Mapping[int, Earlier] | None = None,
    at_rest: bool = False,
    choice: Choice | None = None,
    is_read: bool = False,
) -> Audited:
    """Audit a time, in seconds from the plant's present."""
    start, end = at(line, start_s), at(line, end_s) - 1
    async with Auditor.open(told or loaded(line.folder), line.client, is_read=is_read) as auditor:
        numbers = auditor.tags(choice or Choice())
        return await auditor.audit(numbers, start, end, earlier or {}, at_rest=at_rest)


def findings(found: Audited) -> list[tuple[str, str, str]]:
    """Give what, of which tag, and when."""
    return [(each.what, each.tag, each.ts) for each in found.findings]


async def into_files(line: Line, told: Loaded, **changes: Any) -> None:
    """Deliver all to the files of the sink `lake`."""
    settings = told.configuration.sinks["lake"]
    assert isinstance(settings, FileSettings)
    sink = FileSink(settings.model_copy(update={"roll": settings.roll.model_copy(update={"age": 0.05}), **changes}))
    thins = told.configuration.sink_filters()["lake"]
    dock = Dock(line.journal, line.folder)
    pump = dock.pump(sink, "lake", filters.build(thins), thins)
    async with running(pump.run()):
        await eventually(lambda: dock.lag("lake") == 0)
    await sink.close()
