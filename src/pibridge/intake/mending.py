"""What a damaged chunk of the journal may have held is owed again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from pibridge.intake.pages import MARGIN_TICKS
from pibridge.intake.reception import described
from pibridge.journal.gaps import NewGap
from pibridge.journal.journal import Journal
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient

_LOOK_S: Final = 10.0
_REASON: Final = "a damaged chunk"


async def mend_damage(
    client: PiClient, journal: Journal, lose: Callable[[int, int], Awaitable[None]], recoverable: Callable[[], None]
) -> NoReturn:
    """Let every tag owe again what a damaged chunk may have held of it, whenever there is one.

    `lose`: is told of which time records may be lost. `recoverable`: is told that there are gaps to pay.
    """
    while True:
        await asyncio.sleep(_LOOK_S)
        for damaged in await journal.damaged():
            start, end = damaged.first_ticks or 0, damaged.last_ticks or client.server_ticks()
            # Also of tags that are not read now: their streams may not be resolved yet. A chunk that holds first
            # values reaches far back, but nobody is owed what was before it joined.
            gaps = [
                NewGap(number, max(start, _owed_from(journal, number, since)), end, _REASON)
                for number, since in journal.owed().items()
                if since <= end and not described(journal, number).static
            ]
            gaps += [NewGap(*of, _REASON) for of in journal.backfills.of_time(start, end)]
            await lose(start, end)
            await journal.mend(damaged, gaps)
            recoverable()


def _owed_from(journal: Journal, number: int, joined: int) -> int:
    """Give from when on a tag is read again that joined at this time; instants before it are nobody's."""
    return joined if described(journal, number).mode is Mode.INTERPOLATED else joined - MARGIN_TICKS
