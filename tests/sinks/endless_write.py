"""A process that writes one file without end, to be killed. Argument: the folder."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pibridge.context.record import Record
from pibridge.sinks.file import FileSink
from pibridge.sinks.settings import FileSettings
from sinks.batches import ListedBatch, values


class Endless(ListedBatch):
    """Says `writing` once the first part is in the file."""

    async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        """Give the same part for ever."""
        yield values(1, 100)
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        while True:
            yield values(1, 100)


async def write(folder: Path) -> None:
    """Write until killed."""
    sink = FileSink(FileSettings(type="file", path=folder))
    await sink.open()
    await sink.write(Endless(values(1, 1)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
