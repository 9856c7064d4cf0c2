"""What changed between two configurations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pibridge.config.settings import Configuration


@dataclass(frozen=True)
class Change:
    """Which names of a map came, went, or have other settings."""

    added: frozenset[str]
    removed: frozenset[str]
    changed: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def unchanged(self, names: Iterable[str]) -> frozenset[str]:
        """Give those of the new names that stay as they are."""
        return frozenset(names) - self.added - self.changed


@dataclass(frozen=True)
class Difference:
    """What a new configuration changes. `other`: top-level keys beside streams, sinks and filter.

    A sink counts as changed, too, when the default filter changes what it lets pass, and not when only its `from` does:
    that says where a new one begins.
    """

    streams: Change
    sinks: Change
    other: frozenset[str]


def difference(old: Configuration, new: Configuration) -> Difference:
    """Compare two configurations."""
    return Difference(
        streams=_change(old.streams, new.streams),
        sinks=_change(_sinks(old), _sinks(new)),
        other=frozenset(
            key
            for key in Configuration.model_fields
            if key not in ("streams", "sinks", "filter") and getattr(old, key) != getattr(new, key)
        ),
    )


def _sinks(configuration: Configuration) -> dict[str, object]:
    """Give each sink with the filter that counts, whoever wrote it."""
    filters = configuration.sink_filters()
    return {
        name: (sink.model_dump(exclude={"filter", "start"}), filters[name].model_dump())
        for name, sink in configuration.sinks.items()
    }


def _change(old: Mapping[str, object], new: Mapping[str, object]) -> Change:
    return Change(
        added=frozenset(new.keys() - old.keys()),
        removed=frozenset(old.keys() - new.keys()),
        changed=frozenset(name for name in old.keys() & new.keys() if old[name] != new[name]),
    )
