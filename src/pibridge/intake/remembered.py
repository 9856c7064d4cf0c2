"""What the streams read last, kept in the journal: a start goes on with it at once and asks PI meanwhile."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final

from pibridge.errors import JournalFullError
from pibridge.intake.settings import StreamSettings
from pibridge.journal.journal import Journal
from pibridge.model.tag import Tag
from pibridge.pi.selected import Selection

_LATEST: Final = 1 << 62
"""A position behind all others."""


class Remembered:
    """The tags of each stream. `url`: of the PI that knows them. What is configured otherwise now is not recalled."""

    def __init__(self, journal: Journal, url: str) -> None:
        self._journal = journal
        self._url = url
        self._kept: dict[str, tuple[str, list[int]]] = {}

    async def recall(self, streams: Mapping[str, StreamSettings]) -> dict[str, Selection]:
        """Give what is known of these streams from before. Raises JournalError."""
        with suppress(JournalFullError):
            await self._journal.selections.forget_all_but(streams)
        recalled = {}
        for name, settings in streams.items():
            digest = self._digest(settings)
            numbers = await self._journal.selections.get(name, digest)
            tags = [] if numbers is None else self._tags(numbers)
            # Tags that another stream has read since are left to it.
            if tags and all((tag.stream, tag.mode) == (name, settings.mode) for tag in tags):
                self._kept[name] = digest, numbers or []
                recalled[name] = Selection(tags)
        return recalled

    async def keep(self, streams: Mapping[str, StreamSettings], tags: Mapping[str, Mapping[int, Tag]]) -> None:
        """Remember what these streams read now. Raises JournalError; in a full journal what was kept before stays."""
        for name, settings in streams.items():
            now = self._digest(settings), list(tags.get(name, ()))
            if now[1] and self._kept.get(name) != now:
                with suppress(JournalFullError):
                    await self._journal.selections.keep(name, *now)
                    self._kept[name] = now

    def _tags(self, numbers: list[int]) -> list[Tag]:
        try:
            return [self._journal.tag(number, _LATEST) for number in numbers]
        except KeyError:
            return []

    def _digest(self, settings: StreamSettings) -> str:
        said = "\n".join([self._url, str(settings.mode), str(settings.via), settings.select.model_dump_json()])
        return sha256(said.encode()).hexdigest()
