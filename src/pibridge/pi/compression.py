"""Whether PI compresses what comes of a point."""

from typing import Any, Final

from msgspec import Struct

from pibridge.errors import RejectedError, UnauthorizedError
from pibridge.pi.answers import UNAUTHORIZED
from pibridge.pi.client import PiClient
from pibridge.pi.wire import Items, Reader

_NAME: Final = "compressing"


class _Attribute(Struct, rename="pascal"):
    name: str
    value: Any = None


_read: Final = Reader(Items[_Attribute])


async def is_compressed(client: PiClient, web_id: str) -> bool | None:
    """Ask whether a point's values are compressed; None: PI does not say, or this is no point.

    Raises UnavailableError, UnauthorizedError (401).
    """
    try:
        answer = await client.get(f"/points/{web_id}/attributes", [("name", _NAME)], _read)
    except RejectedError:
        return None
    except UnauthorizedError as error:
        if error.status == UNAUTHORIZED:
            raise
        return None
    said = {attribute.name.lower(): attribute.value for attribute in answer.items}.get(_NAME)
    return bool(said) if isinstance(said, int) else None
