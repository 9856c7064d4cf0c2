"""What selections meant when they were last resolved: which tags, by number. The next start need not wait for PI."""

from collections.abc import Collection, Sequence
from contextlib import suppress

import apsw
import msgspec
import zstandard

from pibridge.journal.requests import Requests
from pibridge.journal.tally import Ledger

_read_numbers = msgspec.msgpack.Decoder(list[int]).decode


def load(db: apsw.Connection) -> dict[str, frozenset[int]]:
    """Give the tags of all selections, by name; what is damaged is left out."""
    found: dict[str, frozenset[int]] = {}
    for name, payload in db.execute("SELECT name, payload FROM selection ORDER BY name"):
        with suppress(zstandard.ZstdError, msgspec.DecodeError):
            found[name] = frozenset(_read_numbers(zstandard.decompress(payload)))
    return found


class Selections:
    """Each has a name, and a digest of what was to be selected. All calls raise JournalError."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def get(self, name: str, digest: str) -> list[int] | None:
        """Give the tags that were kept; None: there are none, they were kept with another digest, or are damaged."""

        def run(ledger: Ledger) -> bytes | None:
            row = ledger.db.execute("SELECT payload FROM selection WHERE name = ? AND digest = ?", (name, digest))
            found = row.fetchone()
            return None if found is None else bytes(found[0])

        payload = await self._requests.ask(run)
        try:
            return None if payload is None else _read_numbers(zstandard.decompress(payload))
        except (zstandard.ZstdError, msgspec.DecodeError):
            return None

    async def keep(self, name: str, digest: str, numbers: Sequence[int]) -> None:
        """Keep these tags in place of those before; durable on return. Raises JournalFullError: those before stay."""
        raw = msgspec.msgpack.encode(numbers)
        payload = zstandard.ZstdCompressor(write_checksum=True).compress(raw)

        def run(ledger: Ledger) -> None:
            ledger.db.execute(
                "REPLACE INTO selection (name, digest, payload) VALUES (?, ?, ?)", (name, digest, payload)
            )

        await self._requests.ask(run, len(payload))

    async def forget_all_but(self, names: Collection[str]) -> None:
        """Forget selections that are not among these."""

        def run(ledger: Ledger) -> None:
            gone = {name for (name,) in ledger.db.execute("SELECT name FROM selection")} - set(names)
            ledger.db.executemany("DELETE FROM selection WHERE name = ?", [(name,) for name in gone])

        await self._requests.ask(run)
