"""AF databases: the objects at a path, and a database's templates."""

from typing import Final

from pibridge.errors import TooMuchError
from pibridge.pi.client import PiClient
from pibridge.pi.paging import LARGEST
from pibridge.pi.wire import Element, ElementTemplate, Items, Reader

_read_element: Final = Reader(Element)
_read_templates: Final = Reader(Items[ElementTemplate])


async def database_at(client: PiClient, path: str) -> Element:
    r"""Give the database at `\\SERVER\DATABASE`. Raises what `PiClient.get` raises."""
    return await _at(client, "/assetdatabases", path)


async def element_at(client: PiClient, path: str) -> Element:
    """Give the element at this path. Raises what `PiClient.get` raises."""
    return await _at(client, "/elements", path)


async def templates_of(client: PiClient, database: Element) -> list[ElementTemplate]:
    """Give the templates of a database, of elements and of event frames. Raises what `PiClient.get` raises."""
    # This list has no pages.
    most = LARGEST
    while True:
        params = [("field", "Name"), ("maxCount", str(most))]
        try:
            answer = await client.get(f"/assetdatabases/{database.web_id}/elementtemplates", params, _read_templates)
        except TooMuchError:
            if most == 1:
                raise
            most //= 2
        else:
            return answer.items


def is_of_frames(template: ElementTemplate) -> bool:
    """Tell whether event frames have this template, not elements."""
    return template.instance_type.casefold() == "eventframe"


async def _at(client: PiClient, folder: str, path: str) -> Element:
    return await client.get(folder, [("path", path), ("webIdType", "IDOnly")], _read_element)
