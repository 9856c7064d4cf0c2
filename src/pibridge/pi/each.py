"""Asking for many things of which PI tells one in a call: in few calls all the same."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final, TypeVar

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError, UnavailableError
from pibridge.pi.answers import OK, UNAUTHORIZED, error_of
from pibridge.pi.client import Params, PiClient
from pibridge.pi.outcomes import Outcomes
from pibridge.pi.wire import BatchPart

T = TypeVar("T")

_TOGETHER: Final = 50


async def each(client: PiClient, asks: Mapping[str, tuple[str, Params]], reader: Callable[[bytes], T]) -> Outcomes[T]:
    """GET path and parameters of each ask, and give its answer or its error by the ask's name.

    Raises UnavailableError and UnauthorizedError (401), which are about no single one.
    """
    outcomes: Outcomes[T] = {}
    names = iter(asks)
    while some := {name: asks[name] for name in islice(names, _TOGETHER)}:
        try:
            parts = await client.batch(some)
        except (RejectedError, UnauthorizedError) as error:
            if error.status == UNAUTHORIZED:
                raise
            # A batch is a POST, which some servers refuse to accounts that only read.
            outcomes |= {name: await _one(client, *ask, reader) for name, ask in some.items()}
        else:
            outcomes |= {name: _outcome(parts[name], reader, path) for name, (path, _) in some.items()}
    return outcomes


async def _one(client: PiClient, path: str, params: Params, reader: Callable[[bytes], T]) -> T | PIBridgeError:
    try:
        return await client.get(path, params, reader)
    except UnauthorizedError as error:
        if error.status == UNAUTHORIZED:
            raise
        return error
    except (RejectedError, UnavailableError) as error:
        return error


def _outcome(part: BatchPart, reader: Callable[[bytes], T], path: str) -> T | PIBridgeError:
    content = bytes(part.content)
    if part.status != OK:
        return error_of(part.status, content, about=f"GET {path}")
    try:
        return reader(content)
    except (RejectedError, UnauthorizedError, UnavailableError) as error:
        return error
