"""The journal as a command looks at it: beside the daemon, in the context of the configuration as it is now."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import typer

from pibridge.cli.choice import chosen
from pibridge.cli.moments import moment
from pibridge.config.loaded import Loaded
from pibridge.config.settings import Configuration
from pibridge.context import filters
from pibridge.context.choice import BEGINNING, Choice, of_tag
from pibridge.context.filters import Filter
from pibridge.context.stamp import Stamp
from pibridge.context.surroundings import Surroundings
from pibridge.daemon import logs
from pibridge.errors import ConfigurationError
from pibridge.intake.coverage import Coverage
from pibridge.intake.frames import recall_from
from pibridge.journal.reader import JournalReader
from pibridge.journal.tags import TagBook
from pibridge.model import ticks
from pibridge.model.event import Lane
from pibridge.model.tag import Tag

_LATEST: Final = 1 << 62
"""A place behind all others."""


@dataclass(frozen=True)
class Past:
    """What was journaled. `now_ticks`: by this machine's clock."""

    configuration: Configuration
    reader: JournalReader
    book: TagBook
    now_ticks: int

    def tags(self) -> Iterator[tuple[int, Tag]]:
        """Give all tags by number, as they were last described."""
        return ((number, self.book.tag(number, _LATEST)) for number in range(1, len(self.book) + 1))

    def meant(self, choice: Choice) -> list[int]:
        """Give the tags of a choice that have a history."""
        is_meant = of_tag(choice, self.surroundings(self.configuration).assets)
        return [number for number, tag in self.tags() if tag.kind == "value" and not tag.static and is_meant(tag)]

    def coverage(self) -> Coverage:
        """Give what was read."""
        reader = self.reader
        with reader.at_once():
            return Coverage.of(reader.joined(), reader.gaps(), reader.backfills(), reader.tally().trimmed_ticks)

    def require_streams(self, names: Iterable[str]) -> None:
        """Raise ConfigurationError for streams that are not configured."""
        known = self.configuration.streams
        if unknown := [name for name in names if name not in known]:
            text = f"not configured; one of {', '.join(known)}"
            raise ConfigurationError([f"--stream {name}: {text}" for name in unknown])

    def surroundings(self, configuration: Configuration) -> Surroundings:
        """Give assets and batches as a configuration says, with what the journal knows of batches."""
        found = Surroundings(configuration.context, Loaded.of(configuration).assets)
        recall_from(self.reader.facts, found)
        return found

    def stamp(self, configuration: Configuration, replay: str) -> Stamp:
        """Give what makes records of old events, as a replay does."""
        return Stamp(configuration.site, self.surroundings(configuration), self.book.tag).again(replay)


@contextmanager
def looking_back(context: typer.Context, config: str | None) -> Iterator[Past]:
    """Open the journal of the chosen configuration to read. Raises PIBridgeError."""
    configuration = chosen(context, config)
    logs.configure(configuration.log.model_copy(update={"level": "error"}))
    with closing(JournalReader.open(configuration.journal.path)) as reader:
        yield Past(configuration, reader, reader.tags(), ticks.from_seconds(time.time()))


def filters_of(configuration: Configuration) -> dict[str, Filter]:
    """Give the filters of all sinks, as they are configured."""
    return {name: filters.build(settings) for name, settings in configuration.sink_filters().items()}


def choice_of(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    now_ticks: int,
    from_: str | None,
    to: str | None,
    tag: list[str] | None,
    asset: list[str] | None,
    stream: list[str] | None,
    batch: list[str] | None = None,
    lane: list[Lane] | None = None,
) -> Choice:
    """Give what the options of a command mean. Raises ConfigurationError."""
    start = BEGINNING if from_ is None else moment("--from", from_, now_ticks)
    end = ticks.FOREVER if to is None else moment("--to", to, now_ticks)
    if end < start:
        raise ConfigurationError([f"--to {to}: is before --from {from_}; exchange them"])
    try:
        return Choice(
            start_ticks=start,
            end_ticks=end,
            tags=tuple(tag or ()),
            assets=tuple(asset or ()),
            batches=tuple(batch or ()),
            streams=tuple(stream or ()),
            lanes=tuple(lane or ()),
        )
    except ValueError as error:
        raise ConfigurationError([str(error)]) from error
