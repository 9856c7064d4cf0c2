"""What became of many events at a sink, by the configuration as it is now and by what the journal knows."""

from array import array
from collections import Counter
from collections.abc import Iterable, MutableSequence
from typing import NamedTuple

from pibridge.audit.findings import SinkCount
from pibridge.config.loaded import Loaded
from pibridge.context import filters
from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.context.settings import FilterSettings
from pibridge.delivery.thinned import always_passes
from pibridge.delivery.verdict import Facts, Verdict, verdict
from pibridge.inspection.in_replays import replay_of
from pibridge.journal.letters import Wanted
from pibridge.journal.reader import JournalReader
from pibridge.model.event import Lane


class Judged(NamedTuple):
    """`delivered`: positions of what the sink has acknowledged, and its filter lets pass."""

    counted: SinkCount
    delivered: MutableSequence[int]


class _Judge(NamedTuple):
    settings: FilterSettings
    admits: Filter
    began: dict[Lane, int]
    cursors: dict[Lane, int]
    refused: frozenset[int]
    resending: frozenset[int]


class AtSinks:
    """Judges for all sinks as they were when this was made. Raises JournalError."""

    def __init__(self, loaded: Loaded, reader: JournalReader) -> None:
        cursors = reader.cursors()
        self._judges = {
            name: _Judge(
                settings=settings,
                admits=filters.build(settings),
                began=reader.begun(name),
                cursors={lane: cursor.seq for (sink, lane), cursor in cursors.items() if sink == name},
                refused=frozenset(
                    kept.letter.seq for kept in reader.dead_letters(Wanted(sink=name)) if not replay_of(kept.letter)
                ),
                resending=frozenset(letter.seq for letter in reader.resending(name) if not replay_of(letter)),
            )
            for name, settings in loaded.configuration.sink_filters().items()
        }

    def judged(self, records: Iterable[Record]) -> dict[str, Judged]:
        """Give what became of records of one lane, by sink."""
        everything = list(records)
        return {name: _judged(judge, everything) for name, judge in self._judges.items()}


def _judged(judge: _Judge, records: Iterable[Record]) -> Judged:
    verdicts: Counter[Verdict] = Counter()
    withheld: Counter[str] = Counter()
    delivered = array("q")
    for record in records:
        lane, key = record.context.lane, judge.admits(record)
        has_deadband = not key and bool(judge.settings.deadband.amount) and not always_passes(record, judge.settings)
        said = verdict(
            Facts(
                seq=record.seq,
                began=judge.began.get(lane, 0),
                cursor=judge.cursors.get(lane),
                is_resending=record.seq in judge.resending,
                is_refused=record.seq in judge.refused,
                withheld_by=key,
                is_thinned=None if has_deadband else False,
            )
        )
        verdicts[said] += 1
        if said is Verdict.WITHHELD:
            withheld[key] += 1
        elif said is Verdict.DELIVERED:
            delivered.append(record.seq)
    return Judged(SinkCount(dict(verdicts), dict(withheld)), delivered)
