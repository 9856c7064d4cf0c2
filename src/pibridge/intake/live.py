"""One channel and its tags: every message into the journal at once, every loss a gap on disk before the reconnect."""

import asyncio
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NoReturn

import structlog

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.intake.reception import Reception
from pibridge.pi.channel import Channel, open_channel
from pibridge.pi.wire import StreamItem, decode_channel

_FAILED_AGAIN_S = 30.0
"""How long the archive is not asked again for what PI sent errors for."""


class LiveChannel:
    """Hears a group of tags over one WebSocket."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception
        self._failing: set[int] = set()
        self._told: set[int] = set()
        self._recovered_s = -math.inf
        self._log = structlog.get_logger(stream=reception.stream, tags=len(reception.numbers))

    async def run(self) -> RejectedError | UnauthorizedError:
        """Keep the channel open, until PI refuses to open it for these tags; give why."""
        return await self.reception.keep(self._session)

    async def _session(self) -> None:
        """Read one connection to its end. Raises what went wrong if not even one message came."""
        reception = self.reception
        async with reception.session(), open_channel(reception.client, reception.web_ids) as channel:
            await self._receive(channel)
            await reception.begin()
            comparing = asyncio.create_task(self._compare_for_ever(channel), name="compare")
            try:
                while True:
                    await self._receive(channel)
            finally:
                comparing.cancel()

    async def _receive(self, channel: Channel) -> None:
        failures: list[PIBridgeError] = []
        # Each message is taken before the next is decoded: what a lump would decode to leaves the processor's cache.
        await self._take(chain.from_iterable(_decoded(await channel.receive(), failures)))
        for failure in failures:
            raise failure

    async def _take(self, streams: Iterable[StreamItem]) -> None:
        try:
            arrived = self.reception.arrivals.take(streams)
        except ValueError as error:
            raise UnavailableError(f"a message with a time that is none: {error}") from error
        if arrived.failed:
            await self._miss([number for number, _ in arrived.failed], arrived.failed[0][1].problem())
        if self._told:
            self._told -= {event.tag for event in arrived.events}
        if self._failing:
            await self._recover_failing()
        await self.reception.write(arrived)

    async def _miss(self, numbers: Iterable[int], problem: PIBridgeError | None) -> None:
        """PI sent errors in place of values: what they stood for is a gap."""
        new = [number for number in numbers if number not in self._failing]
        if new:
            self._failing.update(new)
            if not self._told.issuperset(new):
                self._log.warning(
                    "PI sent errors in place of values; they are read from the archive",
                    failed=len(new),
                    error=str(problem),
                    hint="check the tag in PI",
                )
            self._told.update(new)
            await self.reception.miss(new, str(problem))

    async def _recover_failing(self) -> None:
        """Have these gaps read from the archive, but not all the time: PI may go on to fail."""
        now = asyncio.get_running_loop().time()
        if now - self._recovered_s >= _FAILED_AGAIN_S:
            self._recovered_s = now
            failing, self._failing = sorted(self._failing), set()
            await self.reception.recover(failing, "errors in place of values")

    async def _compare_for_ever(self, channel: Channel) -> NoReturn:
        """Give the channel up when PI has newer values than it brought: that it is open proves nothing."""
        while True:
            await asyncio.sleep(self.reception.client.settings.timeouts.silent_channel)
            behind = await self.reception.behind()
            if behind:
                self.reception.counters.silent += 1
                channel.give_up(f"a silent channel: PI has newer values of {len(behind)} of its tags")


def _decoded(messages: Sequence[bytes], failures: list[PIBridgeError]) -> Iterator[list[StreamItem]]:
    """Decode messages one by one, up to the first that is none, of which `failures` tells: what came before counts."""
    for data in messages:
        try:
            yield decode_channel(data)
        except PIBridgeError as error:
            failures.append(error)
            return
