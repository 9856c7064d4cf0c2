"""A plant on a real socket, a journal on a real disk, and what stands between them."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from journal.samples import noise
from pibridge.errors import JournalFullError
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.compare import as_it_stands
from pibridge.intake.live import LiveChannel
from pibridge.intake.reception import Reception, newest
from pibridge.journal.gaps import Gap
from pibridge.journal.journal import Journal
from pibridge.journal.reader import JournalReader
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.pi.client import PiClient, Retries
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.settings import PiSettings
from pibridge.pi.webid import identity
from pibridge.simulator import Simulator, SimulatorSettings
from pibridge.simulator.faults import Fault, Faults, parse
from pibridge.simulator.samples import Sample
from pibridge.status.counters import Counters
from simulator.bench import Clock

SECOND = ticks.PER_SECOND
QUIET = "NEW.Tag"
"""A point that has only the values that a test writes."""

Fact = tuple[str, int, str]
"""Path, time and value (as JSON) of an event."""


def path(name: str) -> str:
    r"""Give `\\SERVER\NAME`."""
    return rf"\\PISRV1\{name}"


def plant_settings(**settings: Any) -> SimulatorSettings:
    """Give a plant that archives every value and sends each once, in order, at once."""
    plain: dict[str, Any] = {
        "compression": False,
        "channel_interval_s": 0.02,
        "late_share": 0.0,
        "repeated_share": 0.0,
        "event_rate": 1.0,
        "bulk_points": 3,
    }
    return SimulatorSettings(**(plain | settings))


def pi_settings(simulator: Simulator, **settings: Any) -> PiSettings:
    """Give how the simulator is reached, at a pace that no test waits for."""
    limits = {"requests_per_second": 1000, **settings.pop("limits", {})}
    return PiSettings.model_validate({"url": simulator.url, "limits": limits, **settings})


@dataclass
class Doorkeeper(Faults):
    """Faults of a simulator, and a note of the gaps that are on disk whenever a handshake arrives."""

    folder: Path = Path()
    gaps: list[list[Gap]] = field(default_factory=list)
    garbled: bool = False
    """The next channel message is cut off."""
    at_handshake: Callable[[], object] | None = None
    """Happens once, while the next handshake waits for its answer."""
    unwelcome: str = ""
    """Handshakes that name this WebID are refused."""

    def request(self, method: str, path: str) -> Fault | None:
        """Note the gaps."""
        if "/channel" in path:
            reader = JournalReader.open(self.folder)
            self.gaps.append(reader.gaps())
            reader.close()
            happens, self.at_handshake = self.at_handshake, None
            if happens is not None:
                happens()
            if self.unwelcome and self.unwelcome in path:
                return parse("status=404", 0, self.clock())
        return super().request(method, path)

    def written(self, data: bytes) -> bytes:
        """Cut one message off."""
        if self.garbled and b'"Timestamp"' in data:
            self.garbled = False
            return data[: len(data) // 2]
        return super().written(data)


@dataclass
class Line:
    """One plant, and one journal that it is read into."""

    simulator: Simulator
    clock: Clock
    client: PiClient
    journal: Journal
    folder: Path
    counters: Counters = field(default_factory=Counters)

    async def describe(self, *names: str, mode: Mode = Mode.REALTIME) -> dict[int, Tag]:
        """Give these points as tags of stream `s`, by their numbers in the journal."""
        found = await find_points(self.client, [PointRow(path(name)) for name in names], "s", mode)
        assert not found.problems
        return dict(zip(await self.journal.describe(found.tags), found.tags, strict=True))

    async def channel(self, tags: dict[int, Tag], recoverable: Callable[[], None] = lambda: None) -> LiveChannel:
        """Give a channel for tags that join now."""
        return LiveChannel(await self.reception(tags, recoverable))

    async def reception(self, tags: dict[int, Tag], recoverable: Callable[[], None] = lambda: None) -> Reception:
        """Give what takes in the live events of tags that join now."""
        await self.journal.join(list(tags), self.client.server_ticks())
        numbers = {identity(tag.web_id): number for number, tag in tags.items()}
        arrivals = Arrivals(numbers, newest(self.journal, list(tags)))
        counters = self.counters.stream("s")
        web_ids = [tag.web_id for tag in tags.values()]
        return Reception(
            "s", web_ids, list(tags), arrivals, self.client, self.journal, counters, recoverable, lambda: None
        )

    async def fill(self) -> None:
        """Journal what a sink is owed until no more fits."""
        await self.journal.cursor("lake", Lane.LIVE)
        with suppress(JournalFullError):
            for seed in count():
                await self.journal.commit(Lane.LIVE, noise(50, seed=seed, value_bytes=10_000), 0)

    async def empty(self) -> None:
        """Let the sink acknowledge everything."""
        await self.journal.advance("lake", Lane.LIVE, self.journal.stat().newest_seq)

    def write(self, second: float, value: Any, *, name: str = QUIET, **said: Any) -> None:
        """Write a value into the plant, this many seconds from its present time."""
        self.simulator.plant.insert(name, Sample(self.clock.ticks + round(second * SECOND), value, **said))

    async def tell_time(self) -> None:
        """Let the client learn the plant's present time, as it does from every answer."""
        await self.client.get("/dataservers", [], bytes)

    async def events(self, tags: Iterable[int] | None = None) -> list[Event]:
        """Give what the journal holds of these tags, or of all, by position."""
        numbers = list(tags) if tags is not None else list(range(1, 1000))
        return await self.journal.seen(numbers, -ticks.FOREVER, ticks.FOREVER)

    async def values(self, number: int, *, since: int = 0) -> list[Any]:
        """Give the values of a tag by position, of events after the point was made or after a time."""
        return [event.value for event in await self.events([number]) if event.ticks > max(since, CREATED)]

    async def told(self) -> Counter[Fact]:
        """Count what the journal holds."""
        tag = self.journal.tag
        last = self.journal.stat().newest_seq
        return Counter(
            (tag(event.tag, last).path, event.ticks, _json(event.value))
            for event in await self.events()
            if event.ticks > CREATED
        )

    def truth(self, names: Sequence[str], start_ticks: int, end_ticks: int | None = None) -> Counter[Fact]:
        """Count what the plant knows of these points, both ends included, up to its present by default."""
        end = self.clock.ticks if end_ticks is None else end_ticks
        plant = self.simulator.plant
        return Counter(
            (path(name), sample.ticks, _json(sample.value))
            for name in names
            for sample in plant.snapshots(name, start_ticks, end)
        )

    def archived(self, names: Sequence[str], start_ticks: int) -> Counter[Fact]:
        """Count what PI has archived of these points for good: without the snapshot, which it may still discard."""
        plant, now = self.simulator.plant, self.clock.ticks
        return Counter(
            (path(name), sample.ticks, _json(sample.value))
            for name in names
            for sample in plant.archive(name, start_ticks, now, now)
            if sample is not plant.current(plant.point(name), now)
        )

    async def standing(self) -> Counter[Fact]:
        """Count what the journal says after all updates and deletions."""
        last = self.journal.stat().newest_seq
        return Counter(
            (self.journal.tag(number, last).path, moment, _json(event.value))
            for (number, moment), events in as_it_stands(await self.events()).items()
            for event in events
        )

    def on_disk(self, lane: Lane) -> list[Event]:
        """Give a lane as another process sees it."""
        reader = JournalReader.open(self.folder)
        events = [event for chunk in reader.chunks(lane) for event in getattr(chunk, "events", ())]
        reader.close()
        return events

    async def owes_nothing(self) -> bool:
        """Tell whether every gap is paid."""
        return not await self.journal.gaps()


CREATED = ticks.parse("2020-01-01T00:00:00Z")
"""All points of the plant have `Pt Created` at this time."""


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@asynccontextmanager
async def opened(
    folder: Path,
    settings: SimulatorSettings,
    *,
    journal: dict[str, Any] | None = None,
    kind: type[Journal] = Journal,
    **pi: Any,
) -> AsyncIterator[Line]:
    """Give a line whose plant's time stands still until a test moves it."""
    clock = Clock()
    simulator = Simulator(settings, clock=clock)
    simulator.faults = Doorkeeper(folder=folder)
    configured = JournalSettings(path=folder, **{"flush": 0.005, **(journal or {})})
    retries = Retries(attempts=2, first_wait_s=0.01, longest_wait_s=0.01, throttled_wait_s=0.01)
    async with simulator, PiClient(pi_settings(simulator, **pi), retries=retries) as client:
        opened_journal = await kind.open(configured)
        try:
            yield Line(simulator, clock, client, opened_journal, folder)
        finally:
            await opened_journal.close()
