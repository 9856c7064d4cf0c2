"""The plant: points and their events, the asset tree, who is who. No stored history: all follows from the seed."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from random import Random
from typing import Any, Final
from uuid import UUID

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import brewery, points, signals, tree, webid
from pibridge.simulator.edits import Action, Edit, Edits
from pibridge.simulator.frame_edits import Frames
from pibridge.simulator.frames import Batches, Frame
from pibridge.simulator.points import DigitalSet, Point
from pibridge.simulator.samples import PT_CREATED, Sample
from pibridge.simulator.servers import AF, ARCHIVE, SECOND_ARCHIVE, AssetServer, DataServer
from pibridge.simulator.tree import Attribute, Database, Element, Template

Clock = Callable[[], int]
PlantObject = DataServer | DigitalSet | Point | AssetServer | Database | Template | Element | Attribute | Frame
_FORECAST: Final = 86_400 * PER_SECOND
_HISTORY_CYCLES: Final = 1000
_VESSELS: Final = ("Reactor", "Fermenter")
_Block = tuple[list[int], list[Sample], list[bool]]


def wall_clock() -> int:
    """Give the time of this machine, in ticks."""
    return time.time_ns() // 100


class Plant:
    """A small brewery. The same seed and range give the same events, however and whenever they are asked for.

    `bulk`: generic points beside the plant's own, each with `event_rate` events/s. `compression`: False archives every
    snapshot. `cycle_s`: how long one batch takes with the cleaning after it; there are event frames of the 1000 cycles
    before the plant was made. `clock`: what time it is, in ticks.
    """

    def __init__(  # noqa: PLR0913 - keyword only, each with its default
        self,
        *,
        seed: int = 1,
        bulk: int = 0,
        event_rate: float = 0.1,
        compression: bool = True,
        cycle_s: float = 1800.0,
        clock: Clock = wall_clock,
    ) -> None:
        self.clock = clock
        self._seed = seed
        self._compression = compression
        catalog = points.catalog(bulk=bulk, event_rate=event_rate, cycle_s=cycle_s)
        second = points.second_catalog()
        self.data_servers = (ARCHIVE, SECOND_ARCHIVE)
        self.points = {point.path.upper(): point for point in (*catalog, *second)}
        self.tree = brewery.plant({point.name.upper(): point for point in catalog})
        self.databases = (self.tree, brewery.warehouse({point.name.upper(): point for point in second}))
        self.frames = Frames(self._batches(cycle_s), clock)
        self._last_id = len(catalog)
        self._edits: dict[tuple[DataServer, int], Edits] = {}
        self._edit_count = 0
        self._block = lru_cache(maxsize=2 * len(self.points) + 2000)(self._make_block)
        known: list[PlantObject] = [*self.data_servers, *self.points.values(), AF, *tree.TEMPLATES.values()]
        for server in self.data_servers:
            known += points.digital_sets(server)
        for database in self.databases:
            known += [database, *database.elements(), *database.attributes()]
        self._by_path = {(each.identity.marker, each.identity.path.upper()): each for each in known}
        self._by_id = {_key(each.identity): each for each in known}

    def point(self, name: str) -> Point:
        r"""Give the point of that path (`\\PISRV1\R1.State`) or name on the first server. KeyError if there is none."""
        return self.points[(name if name.startswith("\\\\") else rf"{ARCHIVE.path}\{name}").upper()]

    def find(self, marker: str, path: str) -> PlantObject | None:
        """Give the object of that kind at that path; an event frame only if no other has the same path."""
        if marker == webid.EVENT_FRAME:
            frames = self.frames.at(path)
            return frames[0] if len(frames) == 1 else None
        return self._by_path.get((marker, path.upper()))

    def resolve(self, web_id: str) -> PlantObject | None:
        """Give the object that a WebID of any type names, None if there is none. ValueError if it is no WebID."""
        name = webid.decode(web_id)
        if name.type is webid.WebIdType.PATH_ONLY:
            # Paths of event frames say nothing for sure.
            return None if name.marker == webid.EVENT_FRAME else self.find(name.marker, "\\\\" + (name.path or ""))
        guids = name.guids
        if name.type in (webid.WebIdType.LOCAL_ID_ONLY, webid.WebIdType.DEFAULT_ID_ONLY):
            of_archive = name.marker in (webid.POINT, webid.DATA_SERVER) or name.owner == "D"
            guids = (ARCHIVE.guid if of_archive else AF.guid, *guids)
        if name.marker == webid.EVENT_FRAME or name.owner == "F":
            return self._of_frame(name.marker, guids)
        return self._by_id.get((name.marker, guids, name.point_id))

    def snapshots(self, tag: str | Point, start: int, end: int) -> list[Sample]:
        """Give every snapshot event with start ≤ time ≤ end, after edits, whether its time has come or not."""
        point = tag if isinstance(tag, Point) else self.point(tag)
        walk = self.walk(point, start, end, end, archived=False)
        return list(chain.from_iterable(walk))

    def archive(self, tag: str | Point, start: int, end: int, now: int) -> list[Sample]:
        """Give what `recorded` holds at `now` with start ≤ time ≤ end: what compression kept, and the snapshot."""
        point = tag if isinstance(tag, Point) else self.point(tag)
        return list(chain.from_iterable(self.walk(point, start, end, now, archived=True)))

    def walk(  # noqa: PLR0913 - one range of one view, in one direction
        self, point: Point, start: int, end: int, now: int, *, archived: bool, descending: bool = False
    ) -> Iterator[list[Sample]]:
        """Give the events of a range piece by piece, so that a reader can stop when it has enough."""
        edits = self._edits.get((point.server, point.id))
        horizon = now + _FORECAST if point.future else now
        created = point.created_ticks
        start = max(start, min(created, edits.first_ticks or created) if edits else created)
        end = min(end, max(horizon, edits.last_ticks if edits else 0))
        for low, high in self._pieces(point, start, end, descending=descending):
            made = self._made(point, low, min(high, horizon), horizon, archived=archived)
            samples = edits.over(made, low, high, archived=archived) if edits else made
            if samples:
                yield samples[::-1] if descending else samples

    def arrivals(self, point: Point, after: int, until: int) -> list[Sample]:
        """Give the snapshots with after < time ≤ until as the signal made them: what a sign-up sees, edits aside."""
        return self._made(point, max(after + 1, point.created_ticks), until, until, archived=False)

    def at_or_before(self, point: Point, ticks: int, now: int, *, archived: bool = True) -> Sample | None:
        """Give the last event at or before a time, None before the point was made."""
        pieces = self.walk(point, point.created_ticks, ticks, now, archived=archived, descending=True)
        return next(chain.from_iterable(pieces), None)

    def at_or_after(self, point: Point, ticks: int, now: int) -> Sample | None:
        """Give the first archived event at or after a time."""
        pieces = self.walk(point, ticks, now + _FORECAST, now, archived=True)
        return next(chain.from_iterable(pieces), None)

    def current(self, point: Point, now: int) -> Sample:
        """Give the snapshot."""
        return self.at_or_before(point, now, now, archived=False) or Sample(point.created_ticks, PT_CREATED, good=False)

    def insert(self, tag: str | Point, sample: Sample) -> Edit:
        """Add a value at its time, beside what is there: late data."""
        return self._edit(tag, Action.INSERT, sample)

    def replace(self, tag: str | Point, ticks: int, value: Any) -> Edit:
        """Put one value in the place of all at that time; it is marked Substituted."""
        return self._edit(tag, Action.REPLACE, Sample(ticks, value, substituted=True))

    def delete(self, tag: str | Point, ticks: int) -> Edit:
        """Remove all values at that time. KeyError if there is none."""
        point = tag if isinstance(tag, Point) else self.point(tag)
        present = self.snapshots(point, ticks, ticks)
        if not present:
            raise KeyError(f"{point.path} has no value at that time")
        return self._edit(point, Action.DELETE, present[-1])

    def remove_point(self, name: str) -> Point:
        """Delete a point with all that it holds. Its WebIDs name nothing from now on. KeyError if there is none."""
        point = self.point(name)
        del self.points[point.path.upper()]
        del self._by_path[point.identity.marker, point.path.upper()]
        del self._by_id[_key(point.identity)]
        return point

    def recreate_point(self, removed: Point) -> Point:
        """Make a point anew under the name of one that was removed: with another id, and nothing in it."""
        self._last_id += 1
        point = replace(removed, id=self._last_id, created_ticks=self.clock())
        self.points[point.path.upper()] = point
        self._by_path[point.identity.marker, point.path.upper()] = point
        self._by_id[_key(point.identity)] = point
        return point

    def has(self, point: Point) -> bool:
        """Tell whether this very point is there."""
        return self.points.get(point.path.upper()) is point

    def edits_after(self, point: Point, number: int) -> list[Edit]:
        """Give the changes of a point made after the one of that number."""
        edits = self._edits.get((point.server, point.id))
        return edits.after(number) if edits else []

    @property
    def edit_count(self) -> int:
        """The number of the last change of any point."""
        return self._edit_count

    def _of_frame(self, marker: str, guids: tuple[UUID, ...]) -> Frame | Attribute | None:
        frame = self.frames.find(guids[1]) if guids[0] == AF.guid else None
        if frame is None or marker == webid.EVENT_FRAME:
            return frame
        return next((each for each in frame.attributes if each.identity.guids == guids), None)

    def _batches(self, cycle_s: float) -> Batches:
        vessels = {element.name: element for element in self.tree.elements() if element.template in _VESSELS}
        units = points.units(cycle_s)
        cycle_ticks = units[0].cycle_ticks
        since_ticks = (self.clock() // cycle_ticks - _HISTORY_CYCLES) * cycle_ticks
        return Batches({unit: vessels[unit.name] for unit in units}, since_ticks)

    def _edit(self, tag: str | Point, action: Action, sample: Sample) -> Edit:
        point = tag if isinstance(tag, Point) else self.point(tag)
        now = self.clock()
        horizon = max(now, sample.ticks)
        made = self._made(point, sample.ticks, sample.ticks, horizon, archived=False)
        kept = self._made(point, sample.ticks, sample.ticks, horizon, archived=True)
        self._edit_count += 1
        edit = Edit(self._edit_count, now, action, sample)
        self._edits.setdefault((point.server, point.id), Edits()).apply(edit, made, kept)
        return edit

    def _pieces(self, point: Point, start: int, end: int, *, descending: bool) -> Iterator[tuple[int, int]]:
        if start > end:
            return
        if point.signal is None:
            yield start, end
            return
        length = point.signal.period_ticks * signals.BLOCK_SLOTS
        numbers = range(start // length, end // length + 1)
        for number in reversed(numbers) if descending else numbers:
            yield max(start, number * length), min(end, (number + 1) * length - 1)

    def _made(self, point: Point, low: int, high: int, horizon: int, *, archived: bool) -> list[Sample]:
        created = point.created_ticks
        result = [Sample(created, PT_CREATED, good=False)] if low <= created <= high else []
        if point.signal is None or low > high:
            return result
        low = max(low, created)
        length = point.signal.period_ticks * signals.BLOCK_SLOTS
        for number in range(low // length, high // length + 1):
            times, samples, keep = self._block(point, number)
            first, last = bisect_left(times, low), bisect_right(times, high)
            if archived:
                # The newest event is the snapshot: provisional, in the archive until the next one decides about it.
                newest = bisect_right(times, horizon) - 1
                result += [samples[at] for at in range(first, last) if keep[at] or at == newest]
            else:
                result += samples[first:last]
        return result

    def _make_block(self, point: Point, number: int) -> _Block:
        if point.signal is None:
            return [], [], []
        rng = Random(f"{self._seed}|{point.name}|{point.id}|{number}")
        samples = point.signal.block(rng, number * point.signal.period_ticks * signals.BLOCK_SLOTS)
        keep = signals.kept(samples, point.deviation) if self._compression else [True] * len(samples)
        return [sample.ticks for sample in samples], samples, keep


def _key(identity: webid.Identity) -> tuple[str, tuple[Any, ...], int | None]:
    return identity.marker, identity.guids, identity.point_id
