"""Values as property values in AWS IoT SiteWise."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from pibridge.context.record import Record, context_of
from pibridge.errors import UnavailableError
from pibridge.model import ticks
from pibridge.model.event import UPDATE, Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.sinks.contract import Batch, Bounds, Receipt, Refusal, start_of
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise import outcomes
from pibridge.sinks.sitewise.aliases import AliasTemplate
from pibridge.sinks.sitewise.bulk import BulkImport
from pibridge.sinks.sitewise.bulk_csv import not_importable
from pibridge.sinks.sitewise.client import Clients, unavailable
from pibridge.sinks.sitewise.outcomes import Failure
from pibridge.sinks.sitewise.packing import Entry
from pibridge.sinks.sitewise.sending import ALLOW, Door
from pibridge.sinks.sitewise.tqv import Tqv, tqv

OLDEST_S: Final = 7 * 86400
NEWEST_S: Final = 600
_MOST_RECORDS: Final = 20_000
_MOST_EDITS: Final = 100_000
_LIMIT_TRIES: Final = 4
"""A quota that is still exceeded then is no peak: a property takes ten values of one second and no more."""


@dataclass
class _Progress:
    """How far a batch has got that is tried again. By place: what was taken, or refused and why, or is too old."""

    accepted: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    old: set[int] = field(default_factory=set)
    limited: int = 0


class SiteWiseSink:
    """Puts values by property alias; what is too old for that goes to bulk import files, if a bucket is configured.

    `name`: of the sink in the configuration. `now`: the Unix time. Raises ConfigurationError if no region is known.
    """

    def __init__(
        self, name: str, settings: SiteWiseSettings, site: str, *, now: Callable[[], float] = time.time
    ) -> None:
        self.max_age_s = settings.gather
        self._states = settings.states
        self._now = now
        self._aliases = AliasTemplate(settings.alias, site)
        self._clients = Clients(name, settings.region)
        self._door = Door(self._clients, settings.endpoint_url, settings.limits)
        self._bulk = (
            BulkImport(name, site, settings.bulk_import, self._clients, settings.endpoint_url)
            if settings.bulk_import is not None
            else None
        )
        self._progress: dict[tuple[Lane, tuple[int, str]], _Progress] = {}
        # By alias and time: an edit that came in one lane is not to be undone by the original that waits in the other.
        self._edits: dict[tuple[str, int], int] = {}

    async def open(self) -> None:
        """Make the clients anew; credentials are looked up again at the first request."""
        await self._clients.close()

    async def write(self, batch: Batch) -> Receipt:
        """Put the values of one batch. Tried again, only what was not taken before is put."""
        records: list[Record] = []
        async for part in batch:
            records += part
            if len(records) >= _MOST_RECORDS and batch.sealed is None:
                break
        bounds = await batch.seal()
        place = (batch.lane, start_of(batch))
        progress = self._progress.setdefault(place, _Progress())
        values = self._values(records, progress)
        await self._put([each for each in values if each.record.seq not in progress.old], progress)
        await self._import([each for each in values if each.record.seq in progress.old], bounds, progress)
        self._note_edits(values, progress)
        del self._progress[place]
        return Receipt([Refusal(each, progress.refused[each.seq]) for each in records if each.seq in progress.refused])

    async def probe(self) -> str:
        """Offer a value that SiteWise must refuse for its age, and an empty object to the bucket."""
        nobody = Tag(stream="", mode=Mode.REALTIME, name="", path="", web_id="")
        old = Record(0, Event(0, ticks.PER_SECOND, 0.0), context_of("", nobody, None, Lane.LIVE))
        value = Tqv(old, self._aliases.sample, "doubleValue", 0.0, "BAD")
        try:
            failed = await self._door.ask([Entry(value.alias, [value])])
        except (BotoCoreError, ClientError) as error:
            raise unavailable("put values into SiteWise", error, allow=ALLOW) from None
        if failed and failed[0].code == outcomes.DENIED:
            raise _denied(failed[0])
        said = failed[0].code if failed else "yes"
        told = f"SiteWise in {self._clients.region} lets us in: offered a value of 1970 it said {said}"
        return f"{told}; {await self._bulk.probe()}" if self._bulk is not None else told

    async def close(self) -> None:
        """Let go of connections."""
        await self._clients.close()

    def _values(self, records: Sequence[Record], progress: _Progress) -> list[Tqv]:
        """Give the data points that are still to be delivered; notes what is refused, and what is too old."""
        now_ticks = ticks.from_seconds(self._now())
        oldest_ticks, newest_ticks = now_ticks - OLDEST_S * ticks.PER_SECOND, now_ticks + NEWEST_S * ticks.PER_SECOND
        values: list[Tqv] = []
        for record in records:
            if record.seq in progress.accepted or record.seq in progress.refused:
                continue
            alias = self._aliases.of(record.context)
            value = alias.problem or tqv(record, alias.text, self._states)
            if isinstance(value, str):
                progress.refused[record.seq] = value
            elif record.event.ticks > newest_ticks:
                progress.refused[record.seq] = "its time is more than 10 minutes ahead; SiteWise takes none such"
            elif self._edits.get((value.alias, record.event.ticks), 0) > record.seq:
                progress.accepted.add(record.seq)
            else:
                values.append(value)
                if record.event.ticks < oldest_ticks:
                    progress.old.add(record.seq)
        return values

    def _note_edits(self, values: Sequence[Tqv], progress: _Progress) -> None:
        for value in values:
            record = value.record
            if record.event.status & UPDATE and record.seq in progress.accepted:
                self._edits.pop((value.alias, record.event.ticks), None)
                self._edits[value.alias, record.event.ticks] = record.seq
        while len(self._edits) > _MOST_EDITS:
            del self._edits[next(iter(self._edits))]

    async def _put(self, values: Sequence[Tqv], progress: _Progress) -> None:
        """Put values until each is taken, refused or too old. Raises UnavailableError: some have to wait."""
        left = list(values)
        while left:
            sent = await self._door.send(left)
            progress.accepted |= sent.accepted
            passing = self._passing(sent.failed, progress)
            if sent.trouble is not None:
                raise sent.trouble
            if passing:
                raise _denied(passing[0]) if passing[0].code == outcomes.DENIED else _not_yet(passing)
            # Behind a value that is refused by now, others of its property have waited.
            settled = progress.accepted | progress.refused.keys() | progress.old
            left = [value for value in left if value.record.seq not in settled]

    def _passing(self, failed: Mapping[int, Failure], progress: _Progress) -> list[Failure]:
        """Note which are refused or too old; give the failures that may pass."""
        now_ticks = ticks.from_seconds(self._now())
        passing: list[Failure] = []
        progress.limited += any(failure.code == outcomes.LIMIT for failure in failed.values())
        for seq, failure in failed.items():
            if failure.code == outcomes.OUT_OF_RANGE and failure.value.record.event.ticks < now_ticks:
                progress.old.add(seq)
            elif self._may_pass(failure, progress):
                passing.append(failure)
            else:
                progress.refused[seq] = failure.reason
        return passing

    def _may_pass(self, failure: Failure, progress: _Progress) -> bool:
        if failure.code == outcomes.LIMIT:
            return progress.limited < _LIMIT_TRIES
        # Where others get in, it is about this property.
        return failure.code in outcomes.AGAIN or (failure.code == outcomes.DENIED and not self._door.has_been_let_in)

    async def _import(self, old: Sequence[Tqv], bounds: Bounds, progress: _Progress) -> None:
        importable: list[Tqv] = []
        for value in old:
            seq = value.record.seq
            if self._bulk is None:
                progress.refused[seq] = "older than the 7 days that SiteWise takes; set bulk_import for such values"
            elif reason := not_importable(value):
                progress.refused[seq] = reason
            else:
                importable.append(value)
        if importable and self._bulk is not None:
            # Named by what it holds: dead letters sent again may span the places of the batch that refused them.
            held = replace(bounds, first=importable[0].record.seq, last=importable[-1].record.seq)
            await self._bulk.write(importable, held)


def _denied(failure: Failure) -> UnavailableError:
    return UnavailableError(f"cannot put values into SiteWise: {failure.reason}", hint=ALLOW)


def _not_yet(failed: Sequence[Failure]) -> UnavailableError:
    of = len({failure.value.alias for failure in failed})
    return UnavailableError(
        f"SiteWise has not taken {len(failed)} values of {of} properties: {failed[0].reason}",
        hint="they are tried again by themselves; if it goes on, lower limits or have the quota raised",
    )
