"""AF elements by WebID."""

from collections.abc import Iterable, Sequence
from typing import Final

from pibridge.errors import RejectedError
from pibridge.pi.client import Params, PiClient
from pibridge.pi.each import each
from pibridge.pi.url_groups import url_groups
from pibridge.pi.webid import identity
from pibridge.pi.wire import Element, Found, Items, Reader

_FIELDS: Final = ("WebId", "Name", "Path", "WebException", "Errors")
_IDS: Final = ("webIdType", "IDOnly")
_OF_FOUND: Final = ";".join(
    ["Items.Identifier", *(f"Items.Object.{name}" for name in _FIELDS), "WebException", "Errors"]
)

_read_element: Final = Reader(Element)
_read_found: Final = Reader(Items[Found[Element]])


async def element_paths(client: PiClient, web_ids: Iterable[str]) -> dict[str, str]:
    """Give the paths of elements as records have them (`Plant/Area1/R1`), by WebID as asked.

    What PI does not have, does not let us see or fails to tell is left out. Raises UnavailableError, UnauthorizedError.
    """
    paths: dict[str, str] = {}
    for group in url_groups(web_ids, "webId", client.url_bytes):
        found = await _together(client, group)
        params: Params = [_IDS, ("selectedFields", ";".join(_FIELDS))]
        alone = {web_id: (f"/elements/{web_id}", params) for web_id in group if identity(web_id) not in found}
        for web_id, outcome in (await each(client, alone, _read_element)).items():
            if isinstance(outcome, Element):
                found[identity(web_id)] = outcome
        paths |= {web_id: asset_path(found[identity(web_id)].path) for web_id in group if identity(web_id) in found}
    return paths


def asset_path(path: str) -> str:
    r"""Give the path of an element as records have it: of `\\AF1\Plant\A/B\R1` it is `Plant/A%2FB/R1`."""
    return "/".join(name.replace("/", "%2F") for name in path.removeprefix("\\\\").split("\\")[1:])


async def _together(client: PiClient, group: Sequence[str]) -> dict[str, Element]:
    """Give by identity those that PI finds in one call."""
    params = [_IDS, ("selectedFields", _OF_FOUND), *(("webId", web_id) for web_id in group)]
    try:
        answer = await client.get("/elements/multiple", params, _read_found)
    except RejectedError:
        return {}
    objects = (item.object for item in answer.items)
    return {identity(element.web_id): element for element in objects if element and not element.problem()}
