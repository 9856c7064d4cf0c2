"""Whether PI reads a stream in a certain way: tried once, with little data."""

from typing import Final

from pibridge.errors import PIBridgeError, TooMuchError
from pibridge.model import ticks
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import recorded
from pibridge.pi.updates import register
from pibridge.pi.wire import Items, Reader, TimedValue

_PERIOD_TICKS: Final = 600 * ticks.PER_SECOND
_VALUES: Final = 10

_read_values: Final = Reader(Items[TimedValue])


async def refusal_of_history(client: PiClient, web_id: str) -> PIBridgeError | None:
    """Give why PI does not tell what was recorded of this stream; None: it does. Raises UnavailableError, 401."""
    now = client.server_ticks()
    outcome = (await recorded(client, [web_id], now - _PERIOD_TICKS, now, _VALUES))[web_id]
    return outcome if isinstance(outcome, PIBridgeError) else None


async def refusal_of_interpolation(client: PiClient, web_id: str) -> PIBridgeError | None:
    """Give why PI gives no values of this stream at even times; None: it does."""
    now = client.server_ticks()
    params = [
        ("startTime", ticks.render(now - _PERIOD_TICKS)),
        ("endTime", ticks.render(now)),
        ("interval", "5m"),
    ]
    try:
        await client.get(f"/streams/{web_id}/interpolated", params, _read_values)
    except TooMuchError:
        return None
    except PIBridgeError as error:
        return error
    return None


async def refusal_of_updates(client: PiClient, web_id: str) -> PIBridgeError | None:
    """Give why PI keeps no Stream Updates of this stream; None: it does. Raises UnavailableError, 401."""
    return (await register(client, [web_id])).failed.get(web_id)


async def refusal(client: PiClient, web_id: str, mode: Mode) -> PIBridgeError | None:
    """Give why PI does not read this stream in this mode; None: it does. Of realtime: why it does not tell its past."""
    ask = refusal_of_interpolation if mode is Mode.INTERPOLATED else refusal_of_history
    return await ask(client, web_id)
