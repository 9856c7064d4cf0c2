"""How many records of each batch a sink has got, by tag: what the manifest of a batch is made of."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct, field

from pibridge.context.batches import BatchFields, Level
from pibridge.context.meaning import quality
from pibridge.context.record import Record

_read_batch: Final = msgspec.json.Decoder(BatchFields).decode


class TagTotals(Struct, array_like=True):
    """The records of one tag. `bad`: those of bad quality. `first_ticks`, `last_ticks`: times of the outermost."""

    records: int = 0
    bad: int = 0
    first_ticks: int = 0
    last_ticks: int = 0

    def take(self, other: "TagTotals") -> None:
        """Add what another counted."""
        if not other.records:
            return
        self.first_ticks = min(self.first_ticks, other.first_ticks) if self.records else other.first_ticks
        self.last_ticks = max(self.last_ticks, other.last_ticks) if self.records else other.last_ticks
        self.records += other.records
        self.bad += other.bad


class BatchTotals(Struct):
    """What one sink has got of one batch.

    `batch`: as the last record had it, without levels. `levels`: all that its records had, in the order in which they
    came. `tags`: by number. `withheld`: records that the filter kept back, by its key. `refused`: dead letters.
    `first_seq`, `last_seq`: the outermost places of the records; 0: none came. `named_seq`: place of the record that
    came first, which the name of the manifest has. `days`: of the objects that hold the records. `end_ticks`: when it
    ended, as far as that is known.
    """

    batch: BatchFields
    levels: dict[str, Level] = field(default_factory=dict)
    tags: dict[int, TagTotals] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    first_seq: int = 0
    last_seq: int = 0
    named_seq: int = 0
    days: list[str] = field(default_factory=list)
    end_ticks: int | None = None

    @property
    def records(self) -> int:
        """All records that the sink took."""
        return sum(tag.records for tag in self.tags.values())

    def take(self, later: "BatchTotals") -> None:
        """Add what came later."""
        self.batch = later.batch
        self.levels |= later.levels
        for number, counted in later.tags.items():
            self.tags.setdefault(number, TagTotals()).take(counted)
        for reason, count in later.withheld.items():
            self.withheld[reason] = self.withheld.get(reason, 0) + count
        # What a replay was refused was not counted, and may be sent again.
        self.refused = max(0, self.refused + later.refused)
        self.named_seq = self.named_seq or later.named_seq
        self.first_seq = min(filter(None, (self.first_seq, later.first_seq)), default=0)
        self.last_seq = max(self.last_seq, later.last_seq)
        self.days = sorted({*self.days, *later.days})


def key_of(batch: BatchFields) -> str:
    """Give what tells a batch from others: its id, with its frame, or else the time at which it started."""
    return f"{batch.id}/{batch.frame or batch.start}"


class Count:
    """Counts the records that one object is to hold, by batch."""

    def __init__(self) -> None:
        self._by_json: dict[str, BatchTotals] = {}
        self._known: dict[str, BatchTotals] = {}

    def add(self, record: Record, reason: str) -> None:
        """Count a record. `reason`: why the filter kept it back, empty if it did not."""
        if record.batch is None:
            return
        totals = self._by_json.get(record.batch.json)
        if totals is None:
            totals = self._totals(record.batch.json)
        if reason:
            totals.withheld[reason] = totals.withheld.get(reason, 0) + 1
            return
        totals.named_seq = totals.first_seq = totals.first_seq or record.seq
        totals.last_seq = record.seq
        at = record.event.ticks
        totals.tags.setdefault(record.event.tag, TagTotals()).take(TagTotals(1, _is_bad(record), at, at))

    def of_object(self, day: str, refused: Iterable[Record]) -> dict[str, BatchTotals]:
        """Give the totals by `key_of`. `day`: of the object; empty: there is none. `refused`: what it does not hold."""
        for record in refused:
            if record.batch is not None:
                totals = self._by_json[record.batch.json]
                totals.refused += 1
                tag = totals.tags[record.event.tag]
                tag.records -= 1
                tag.bad -= _is_bad(record)
        for totals in self._known.values():
            totals.tags = {number: tag for number, tag in totals.tags.items() if tag.records}
            if totals.tags and day:
                totals.days = [day]
        return self._known

    def _totals(self, json: str) -> BatchTotals:
        batch = _read_batch(json)
        key = key_of(batch)
        totals = self._known.get(key)
        if totals is None:
            totals = self._known[key] = BatchTotals(msgspec.structs.replace(batch, levels=()))
        totals.levels |= {level.frame: level for level in batch.levels}
        self._by_json[json] = totals
        return totals


def _is_bad(record: Record) -> bool:
    return quality(record.event, text=record.context.tag.text) == "bad"
