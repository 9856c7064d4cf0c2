"""Data points on their way into SiteWise: paced, some requests at a time, those of a property one after the other."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiolimiter import AsyncLimiter
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from pibridge.errors import UnavailableError
from pibridge.sinks.settings import SiteWiseLimits
from pibridge.sinks.sitewise import outcomes
from pibridge.sinks.sitewise.client import Clients, code_of, is_about_credentials, unavailable
from pibridge.sinks.sitewise.outcomes import Failure, failures
from pibridge.sinks.sitewise.packing import MOST_ENTRIES, MOST_VALUES, Request, halves, pack
from pibridge.sinks.sitewise.tqv import Tqv

ALLOW: Final = "allow iotsitewise:BatchPutAssetPropertyValue on the assets, and on the time series of these aliases"
_TOGETHER: Final = 4
_MOST: Final = MOST_ENTRIES * MOST_VALUES
_SHORTEST_S: Final = 0.1
_INVALID: Final = frozenset({outcomes.INVALID, "ValidationException", "RequestEntityTooLarge", "413"})


@dataclass
class Sent:
    """What became of data points, by the place of their records. `failed`: not taken."""

    accepted: set[int] = field(default_factory=set)
    failed: dict[int, Failure] = field(default_factory=dict)
    trouble: UnavailableError | None = None
    """Why some were not sent, or nobody knows whether they were taken."""


class Door:
    """Puts values into SiteWise. `url`: its address, none: Amazon's own. `has_been_let_in`: it has taken a value."""

    def __init__(self, clients: Clients, url: str | None, limits: SiteWiseLimits) -> None:
        self._clients = clients
        self._url = url
        # Smooth, but never less at once than one request holds.
        at_once = max(_MOST, limits.values_per_second * _SHORTEST_S)
        self._values = AsyncLimiter(at_once, at_once / limits.values_per_second)
        self._requests = AsyncLimiter(1, 1 / limits.requests_per_second)
        self._together = asyncio.Semaphore(_TOGETHER)
        self._doubles: set[str] = set()
        self.has_been_let_in = False

    async def send(self, values: Sequence[Tqv]) -> Sent:
        """Send each once. After trouble, and of a property after a failure that may pass, no more is sent."""
        sent = Sent()
        halted: set[str] = set()
        last: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            for request in pack(each.as_double() if each.alias in self._doubles else each for each in values):
                before = {last[entry.alias] for entry in request if entry.alias in last}
                task = group.create_task(self._in_turn(request, before, sent, halted))
                last |= {entry.alias: task for entry in request}
        return sent

    async def ask(self, request: Request) -> list[Failure]:
        """Put one request. Gives what was not taken. Raises BotoCoreError, ClientError, UnavailableError."""
        entries = {str(place): entry for place, entry in enumerate(request)}
        client = await self._clients.of("iotsitewise", self._url)
        answer = await client.batch_put_asset_property_value(
            enablePartialEntryProcessing=True, entries=[entry.said(name) for name, entry in entries.items()]
        )
        if "errorEntries" not in answer:
            raise UnavailableError("the answer is not SiteWise's", hint="check that no proxy answers in its place")
        return failures(entries, answer["errorEntries"])

    async def _in_turn(
        self, request: Request, before: Collection[asyncio.Task[None]], sent: Sent, halted: set[str]
    ) -> None:
        if before:
            await asyncio.wait(before)
        async with self._together:
            await self._send(request, sent, halted)

    async def _send(self, request: Request, sent: Sent, halted: set[str]) -> None:
        request = [entry for entry in request if entry.alias not in halted]
        if sent.trouble is not None or not request:
            return
        await self._requests.acquire()
        await self._values.acquire(sum(len(entry.values) for entry in request))
        try:
            failed = await self.ask(request)
        except UnavailableError as error:
            sent.trouble = error
            return
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ParamValidationError) or code_of(error) in _INVALID:
                await self._invalid(request, error, sent, halted)
                return
            if is_about_credentials(error):
                await self._clients.close()
            sent.trouble = unavailable("put values into SiteWise", error, allow=ALLOW)
            return
        await self._note(request, failed, sent, halted)

    async def _invalid(self, request: Request, error: Exception, sent: Sent, halted: set[str]) -> None:
        """Find out which data point it is that makes SiteWise refuse the whole request."""
        smaller = halves(request)
        for part in smaller:
            await self._send(part, sent, halted)
        if not smaller:
            failure = Failure(request[0].values[0], outcomes.INVALID, str(error))
            await self._note(request, [failure], sent, halted)

    async def _note(self, request: Request, failed: Sequence[Failure], sent: Sent, halted: set[str]) -> None:
        self.has_been_let_in = self.has_been_let_in or len(failed) < sum(len(entry.values) for entry in request)
        lost = {failure.value.record.seq: failure for failure in failed}
        sent.accepted |= {each.record.seq for entry in request for each in entry.values} - lost.keys()
        halted |= {failure.value.alias for failure in failed if failure.code in outcomes.AGAIN | {outcomes.LIMIT}}
        # Which type a property has is not known here: one of floating point numbers may take no whole ones.
        whole = {
            seq: failure
            for seq, failure in lost.items()
            if failure.code == outcomes.INVALID and failure.value.kind == "integerValue"
        }
        sent.failed |= {seq: failure for seq, failure in lost.items() if seq not in whole}
        aliases = {failure.value.alias for failure in whole.values()}
        if not whole:
            self._doubles -= {failure.value.alias for failure in failed if failure.code == outcomes.INVALID}
            return
        self._doubles |= aliases
        for part in pack(failure.value.as_double() for failure in whole.values()):
            await self._send(part, sent, halted)
