"""Lists that PI gives in pages."""

from typing import Final, Protocol, TypeVar

from pibridge.errors import TooMuchError
from pibridge.pi.client import Params, PiClient
from pibridge.pi.webid import identity
from pibridge.pi.wire import Items, Reader


class Listed(Protocol):
    """An object in a list."""

    web_id: str


T = TypeVar("T", bound=Listed)

LARGEST: Final = 10_000
"""Objects in a page: some megabytes, which PI gives within seconds."""
_SMALLEST: Final = 2
_READINGS: Final = 3


async def all_pages(
    client: PiClient, path: str, params: Params, reader: Reader[Items[T]], *, most: int | None = None
) -> list[T]:
    """Read all objects of a list, each once; if `most` is given, no further than the page that reaches it.

    Objects that are made or deleted meanwhile shift the pages behind them. So each page begins with the last object of
    the page before; where it does not, the list is read again, and after three readings what was in any of them counts.
    Raises what `PiClient.get` raises.
    """
    ever: dict[str, T] = {}
    for _ in range(_READINGS):
        found, has_shifted = await _read_once(client, path, params, reader, most)
        if not has_shifted:
            return list(found.values())
        ever |= found
    return list(ever.values())


async def _read_once(
    client: PiClient, path: str, params: Params, reader: Reader[Items[T]], most: int | None
) -> tuple[dict[str, T], bool]:
    """Read a list from its first page to its last. Tell, too, whether objects changed their places meanwhile."""
    found: dict[str, T] = {}
    has_shifted = False
    start, last = 0, ""
    size = min(LARGEST, client.settings.limits.items_per_request)
    while True:
        asked = [*params, ("startIndex", str(start)), ("maxCount", str(size))]
        try:
            page = await client.get(path, asked, reader)
        except TooMuchError:
            if size <= _SMALLEST:
                raise
            size = max(size // 2, _SMALLEST)
            continue
        ids = [identity(item.web_id) for item in page.items]
        has_shifted = has_shifted or (last != "" and ids[:1] != [last])
        known = len(found)
        for web_id, item in zip(ids, page.items, strict=True):
            found.setdefault(web_id, item)
        # A server may give less than it was asked for and say that there is more. Without anything new it never ends.
        is_last = len(ids) < size and not page.links.next
        if is_last or len(found) == known or (most is not None and len(found) >= most):
            return found, has_shifted
        start, last = start + len(ids) - 1, ids[-1]
