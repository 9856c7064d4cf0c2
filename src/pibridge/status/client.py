"""Asks the page of a running daemon how it goes."""

from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.status.settings import StatusSettings
from pibridge.status.snapshot import Snapshot

_PATIENCE: Final = aiohttp.ClientTimeout(total=5)
_THIS_MACHINE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is asked instead of all addresses


async def ask(settings: StatusSettings) -> Snapshot:
    """Give the state of the daemon at `listen`.

    Raises UnavailableError: nobody listens there. PIBridgeError: who does will not tell us, or is no PI Bridge.
    """
    host = _THIS_MACHINE.get(settings.host, settings.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/api/status"
    headers = {} if settings.token is None else {"Authorization": f"Bearer {settings.token.reveal()}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            status, body = answer.status, await answer.read()
    except aiohttp.ClientConnectorError as error:
        raise UnavailableError(f"nobody listens on {settings.listen}", hint="start the daemon") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PIBridgeError(
            f"what listens on {settings.listen} does not answer: {error or 'it took too long'}",
            hint="look whether the daemon is busy, or whether another program has this address",
        ) from error
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}:
        raise PIBridgeError(
            f"the daemon on {settings.listen} refuses our status.token",
            hint="use the configuration that the daemon runs with",
        )
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise PIBridgeError(
            f"what listens on {settings.listen} is no PI Bridge of this version (it answered {status})",
            hint="set status.listen to an address of its own",
        ) from error
