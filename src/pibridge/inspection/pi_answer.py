"""What PI itself has of a tag at a time: for what the journal does not have."""

from typing import Final

from msgspec import Struct

from pibridge.errors import PIBridgeError, TooMuchError
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import recorded, values_at
from pibridge.pi.wire import TimedValue

_MOST: Final = 100


class PiAnswer(Struct, frozen=True):
    """`at`: what the archive has of the very time. `last`: what at or before it. `error`: why it does not say."""

    at: list[str]
    last: str = ""
    error: str = ""


async def pi_answer(client: PiClient, web_id: str, moment: int) -> PiAnswer:
    """Ask PI. Raises UnavailableError, UnauthorizedError (401)."""
    try:
        page = (await recorded(client, [web_id], moment, moment, _MOST))[web_id]
        before = (await values_at(client, [web_id], moment))[web_id]
    except TooMuchError as error:
        return PiAnswer([], error=str(error))
    if isinstance(page, PIBridgeError):
        return PiAnswer([], error=str(page))
    last = str(before) if isinstance(before, PIBridgeError) else _text(before)
    return PiAnswer([_text(value) for at, value in zip(page.ticks, page.values, strict=True) if at == moment], last)


def _text(value: TimedValue) -> str:
    said = value.error() or f"{value.value}"
    return f"{value.timestamp}: {said}{'' if value.good else ', not good'}"
