"""Lists that PI gives in pages."""

from typing import Final, TypeVar

from pibridge.pi.client import Params, PiClient
from pibridge.pi.webid import identity
from pibridge.pi.wire import Attribute, Element, Items, Point, Reader

T = TypeVar("T", Point, Element, Attribute)

PAGE: Final = 1000


async def all_pages(
    client: PiClient, path: str, params: Params, reader: Reader[Items[T]], *, start: int = 0
) -> list[T]:
    """Read all objects of a list from the `start`th on, each once. Raises what `PiClient.get` raises.

    Only a page that is not full is the last; one that brings nothing new ends the list too, lest it never ends.
    """
    found: dict[str, T] = {}
    while True:
        page = await client.get(path, [*params, ("startIndex", str(start)), ("maxCount", str(PAGE))], reader)
        known = len(found)
        for item in page.items:
            found.setdefault(identity(item.web_id), item)
        if len(page.items) < PAGE or len(found) == known:
            return list(found.values())
        start += len(page.items)
