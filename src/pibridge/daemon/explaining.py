"""What became of a value, told by the status page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Annotated

from msgspec import Meta, Struct, ValidationError

from pibridge.config.loaded import Loaded
from pibridge.daemon.known import WhatIsKnown
from pibridge.inspection.explain import Known, explain
from pibridge.inspection.explanation import Explanation
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.status.endpoints import Endpoint


class ExplainQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which value. `tag`: name or path of its tag. `at`: its time, such as 2026-03-01T12:00:00Z."""

    tag: Annotated[str, Meta(min_length=1)]
    at: str


def explain_endpoint(ask: Callable[[ExplainQuery], Awaitable[Explanation]]) -> Endpoint:
    """Give the route of the page's API."""
    return Endpoint("/api/explain", "What became of a value, or why it is not there.", ExplainQuery, Explanation, ask)


class Explaining:
    """Explains one value at a time. `loaded`: gives the configuration that holds now."""

    def __init__(self, loaded: Callable[[], Loaded], known: WhatIsKnown) -> None:
        self._loaded = loaded
        self._known = known
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, query: ExplainQuery) -> Explanation:
        """Give the answer. Raises JournalError, ValidationError: that is no time."""
        try:
            moment = ticks.parse(query.at)
        except ValueError as error:
            raise ValidationError(f"{query.at}: no time; write it like 2026-03-01T12:00:00Z - at `$.at`") from error
        loaded, loop = self._loaded(), asyncio.get_running_loop()

        async def known_of(numbers: Sequence[int]) -> Known:
            return self._known.of(numbers)

        def known(numbers: Sequence[int]) -> Known:
            return asyncio.run_coroutine_threadsafe(known_of(numbers), loop).result()

        def look() -> Explanation:
            with closing(JournalReader.open(loaded.configuration.journal.path)) as reader:
                return explain(loaded, reader, query.tag, moment, known)

        async with self._one_at_a_time:
            return await asyncio.to_thread(look)
