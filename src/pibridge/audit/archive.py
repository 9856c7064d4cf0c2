"""All that PI's archive has of some tags in a stretch of time, and from when on it is provisional."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pibridge.audit.comparing import Archived
from pibridge.errors import PIBridgeError, TooMuchError, UnavailableError
from pibridge.intake.arrivals import event_of
from pibridge.model import ticks
from pibridge.pi.client import PiClient
from pibridge.pi.compression import is_compressed
from pibridge.pi.recorded import Page, recorded, values
from pibridge.pi.wire import TimedValue

_STREAMS: Final = 50
_FEWEST: Final = 100
_VALUE_ERROR_TRIES: Final = 2
"""So often a page is asked for again in which PI could not read a value."""


class Archive:
    """Reads PI's archive, one request at a time. `rest`: is awaited between two requests, for who has time.

    All calls raise UnavailableError and UnauthorizedError (401).
    """

    def __init__(self, client: PiClient, rest: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._rest = rest
        self._items = client.settings.limits.items_per_request

    def now(self) -> int:
        """Give PI's time."""
        return self._client.server_ticks()

    async def read(
        self, web_ids: Mapping[int, str], start_ticks: int, end_ticks: int
    ) -> dict[int, Archived | PIBridgeError]:
        """Read some tags, given by number, from `start_ticks` to `end_ticks`, both included.

        An error stands for those that PI does not give.
        """
        found: dict[int, Archived | PIBridgeError] = {}
        numbers = sorted(web_ids)
        for first in range(0, len(numbers), _STREAMS):
            some = {number: web_ids[number] for number in numbers[first : first + _STREAMS]}
            found |= await self._read_some(some, start_ticks, end_ticks)
        return found

    async def is_compressed(self, web_id: str) -> bool | None:
        """Tell whether PI compresses what comes of a point; None: it does not say, or this is no point."""
        await self._rest()
        return await is_compressed(self._client, web_id)

    async def _read_some(
        self, web_ids: Mapping[int, str], start_ticks: int, end_ticks: int
    ) -> dict[int, Archived | PIBridgeError]:
        # What is the present value before the archive is read may be final by then: that errs on the safe side.
        await self._rest()
        present = await values(self._client, _once(web_ids))
        found: dict[int, Archived | PIBridgeError] = {}
        pages = await self._pages(web_ids, start_ticks, end_ticks, max(_FEWEST, self._items // len(web_ids)))
        for number, page in pages.items():
            now = present[web_ids[number]]
            if isinstance(page, PIBridgeError):
                found[number] = page
            elif isinstance(now, PIBridgeError):
                found[number] = now
            else:
                found[number] = _archived(number, page, now, start_ticks)
        return found

    async def _pages(
        self, web_ids: Mapping[int, str], start_ticks: int, end_ticks: int, most: int
    ) -> dict[int, Page | PIBridgeError]:
        pages = await self._page(web_ids, start_ticks, end_ticks, most)
        for _ in range(_VALUE_ERROR_TRIES):
            if not any(value.error() for page in pages.values() if isinstance(page, Page) for value in page.values):
                break
            pages = await self._page(web_ids, start_ticks, end_ticks, most)
        for number, page in pages.items():
            if isinstance(page, Page) and page.full:
                pages[number] = await self._followed(number, web_ids[number], page, start_ticks, end_ticks)
        return pages

    async def _followed(
        self, number: int, web_id: str, page: Page | PIBridgeError, start_ticks: int, end_ticks: int
    ) -> Page | PIBridgeError:
        """Read what follows a page that PI may have cut off: its last time belongs to the next one."""
        whole = Page([], [], full=False)
        while isinstance(page, Page):
            last = page.ticks[-1] if page.ticks else start_ticks
            kept = [index for index, moment in enumerate(page.ticks) if not page.full or moment < last]
            whole.values.extend(page.values[index] for index in kept)
            whole.ticks.extend(page.ticks[index] for index in kept)
            if not page.full:
                return whole
            start_ticks = last
            page = (await self._page({number: web_id}, start_ticks, end_ticks, self._items))[number]
            if isinstance(page, Page) and page.full and page.ticks[-1:] == [start_ticks]:
                return UnavailableError("more values at one time than fit into one answer")
        return page

    async def _page(
        self, web_ids: Mapping[int, str], start_ticks: int, end_ticks: int, most: int
    ) -> dict[int, Page | PIBridgeError]:
        while True:
            await self._rest()
            try:
                answer = await recorded(self._client, _once(web_ids), start_ticks, end_ticks, most)
            except TooMuchError as error:
                if most == 1:
                    return dict.fromkeys(web_ids, error)
                most //= 2
            else:
                return {number: answer[web_id] for number, web_id in web_ids.items()}


def _once(web_ids: Mapping[int, str]) -> list[str]:
    """Give each WebID once: a tag that is read in two modes must not stand twice in one request."""
    return list(dict.fromkeys(web_ids.values()))


def _archived(number: int, page: Page, now: TimedValue, start_ticks: int) -> Archived | UnavailableError:
    try:
        provisional = ticks.parse(now.timestamp)
    except ValueError as error:
        return UnavailableError(f"its present value has a time that is none: {error}")
    events = [event_of(number, value, moment) for moment, value in zip(page.ticks, page.values, strict=True)]
    return Archived(events, start_ticks, provisional)
