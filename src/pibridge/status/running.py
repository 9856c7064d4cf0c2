"""Which batches run now, by unit: the asset that a rule speaks for. Pure, but for the pauses between assets."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from pibridge.context.assets import AssetMap
from pibridge.context.batches import BatchFields
from pibridge.context.timeline import Timeline
from pibridge.model.tag import Tag

_AT_ONCE: Final = 100
_read: Final = msgspec.json.Decoder(BatchFields).decode


class BatchQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which units. `q`: is in the path of the asset or the batch id, in any case."""

    q: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class RunningBatch(Struct, frozen=True, kw_only=True):
    """A batch that runs on an asset. `since`: its start as text. `levels`: names of the frames open below it."""

    asset: str
    id: str
    since: str
    valid: bool
    template: str
    name: str
    levels: list[str]


class Batches(Struct, frozen=True, kw_only=True):
    """`units`: assets with a rule; `running`: those on which a batch runs and that were searched for."""

    units: int
    running: int
    batches: list[RunningBatch]


def assets_of(tags: Iterable[Tag], assets: AssetMap) -> list[str]:
    """Give the paths of all assets that these tags belong to, in order."""
    return sorted({asset.path for tag in tags if (asset := assets.of(tag)) is not None})


async def running_batches(timeline: Timeline, paths: Sequence[str], now_ticks: int, query: BatchQuery) -> Batches:
    """Ask the timeline for each asset; others may run in between."""
    wanted = query.q.casefold()
    units, found = 0, []
    for place, path in enumerate(paths):
        if place % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        if not timeline.covers(path):
            continue
        units += 1
        batch = timeline.span(path, now_ticks).batch
        if batch is not None and (wanted in path.casefold() or wanted in batch.id.casefold()):
            found.append(_row(path, _read(batch.json)))
    return Batches(units=units, running=len(found), batches=found[: query.limit])


def _row(path: str, batch: BatchFields) -> RunningBatch:
    return RunningBatch(
        asset=path,
        id=batch.id,
        since=batch.start,
        valid=batch.valid,
        template=batch.template,
        name=batch.name,
        levels=[level.name for level in batch.levels],
    )
