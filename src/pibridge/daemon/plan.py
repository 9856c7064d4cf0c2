"""What a new configuration asks the running parts to do. A pure decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pibridge.config.difference import Change, Difference, difference
from pibridge.config.loaded import Loaded

_NONE: Final = frozenset[str]()


@dataclass(frozen=True)
class Plan:
    """What to do. `ended`, `begun`: names of sinks whose pumps stop and start; one that is in both starts anew.

    `intake`: PI is reached otherwise, all of intake starts anew. `streams`: what is read has changed. `context`: assets
    or batches are other ones. `status`: the page moves. `remote`: its line is made anew. `log`: lines look
    otherwise. `changes`: what changed, for people: names by kind, no empty kinds.
    """

    intake: bool
    streams: bool
    context: bool
    ended: frozenset[str]
    begun: frozenset[str]
    status: bool
    remote: bool
    log: bool
    changes: Mapping[str, list[str]]


def plan(old: Loaded, new: Loaded) -> Plan:
    """Decide what to do to get from one configuration to another."""
    found = difference(old.configuration, new.configuration)
    relisted = {name for name in found.streams.unchanged(new.configuration.streams) if _points(old, new, name)}
    other = found.other | ({"context"} if old.assets != new.assets else _NONE)
    other |= {"pi"} if old.certificates != new.certificates else _NONE
    every_sink = bool({"site", "context"} & other)
    stay = _NONE if every_sink else found.sinks.unchanged(new.configuration.sinks)
    return Plan(
        intake="pi" in other,
        streams=bool(found.streams or relisted or {"refresh", "shard"} & other),
        context="context" in other,
        ended=frozenset(old.configuration.sinks) - stay,
        begun=frozenset(new.configuration.sinks) - stay,
        status="status" in other,
        remote=bool({"remote", "site", "shard"} & other) or _via(old, new),
        log="log" in other,
        changes=_changes(found, relisted, other),
    )


def in_need_of_a_restart(old: Loaded, new: Loaded) -> list[str]:
    """Give a line for each key that cannot be changed while the journal is open."""
    before, now = old.configuration.journal, new.configuration.journal
    return [
        f"journal.{key}: a new value needs a restart; restart pibridge, or write {getattr(before, key)} again"
        for key in type(now).model_fields
        if getattr(before, key) != getattr(now, key)
    ]


def _via(old: Loaded, new: Loaded) -> bool:
    """Tell whether the sink whose connection settings `remote` uses has others now."""
    remote = new.configuration.remote
    return remote is not None and old.configuration.sinks.get(remote.via) != new.configuration.sinks.get(remote.via)


def _points(old: Loaded, new: Loaded, stream: str) -> bool:
    return old.points.get(stream) != new.points.get(stream)


def _changes(found: Difference, relisted: set[str], other: frozenset[str]) -> dict[str, list[str]]:
    streams = Change(found.streams.added, found.streams.removed, found.streams.changed | relisted)
    named = {"other": other}
    for part, change in (("streams", streams), ("sinks", found.sinks)):
        named |= {f"{part}_added": change.added, f"{part}_removed": change.removed, f"{part}_changed": change.changed}
    return {kind: sorted(names) for kind, names in named.items() if names}
