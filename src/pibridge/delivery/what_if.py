"""What another configuration would make of journaled events: the difference, sent nowhere. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pibridge.context.filters import Filter
from pibridge.context.record import Record
from pibridge.delivery.preview import Outcome

_EXAMPLES = 5
"""Of each kind of change."""


@dataclass
class SinkDifference:
    """What a sink would get `now` and `then`. None: a configuration does not have it."""

    now: Outcome | None
    then: Outcome | None
    gained: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Example:
    """A record that would change: in its context, or (of `sink`) in whether it is sent; each as a text."""

    record: Record
    sink: str
    now: str
    then: str


@dataclass
class Difference:
    """Of so many `events`, `context` would be put in another asset or batch."""

    events: int = 0
    context: int = 0
    sinks: dict[str, SinkDifference] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)


def difference(
    pairs: Iterable[tuple[Sequence[Record], Sequence[Record]]], now: Mapping[str, Filter], then: Mapping[str, Filter]
) -> Difference:
    """Compare the records that two configurations make of the same events. `now`, `then`: their sinks' filters."""
    found = Difference()
    for name in sorted({*now, *then}):
        found.sinks[name] = SinkDifference(Outcome() if name in now else None, Outcome() if name in then else None)
    kinds: dict[str, int] = {}

    def note(example: Example) -> None:
        kinds[example.sink] = kinds.get(example.sink, 0) + 1
        if kinds[example.sink] <= _EXAMPLES:
            found.examples.append(example)

    for before, after in pairs:
        for one, other in zip(before, after, strict=True):
            found.events += 1
            contexts = _context_text(one), _context_text(other)
            if contexts[0] != contexts[1]:
                found.context += 1
                note(Example(one, "", *contexts))
            for name, sink in found.sinks.items():
                verdicts = _verdict(sink.now, now.get(name), one), _verdict(sink.then, then.get(name), other)
                if (verdicts[0] == _SENT) != (verdicts[1] == _SENT):
                    sink.gained += verdicts[1] == _SENT
                    sink.lost += verdicts[0] == _SENT
                    note(Example(one, name, *verdicts))
    return found


_SENT = "sent"


def _verdict(outcome: Outcome | None, admits: Filter | None, record: Record) -> str:
    if outcome is None or admits is None:
        return "no such sink"
    reason = admits(record)
    outcome.take(reason)
    return f"withheld: {reason}" if reason else _SENT


def _context_text(record: Record) -> str:
    asset, batch = record.context.asset, record.batch
    said = [f"asset {asset.path}{f' ({asset.template})' if asset.template else ''}"] if asset else []
    if batch:
        said.append(f"batch {batch.id}{'' if batch.valid else ' (not valid)'}")
    return ", ".join(said) or "no context"
