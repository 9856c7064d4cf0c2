"""A store that takes what S3's clients send, counts it and answers as S3 does; it keeps nothing.

`python store.py PORT_FILE` writes its port into PORT_FILE. `GET /bench` gives how many objects and bytes it was sent.
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_AT_ONCE: Final = 1 << 20


class Store:
    """Counts."""

    def __init__(self) -> None:
        self.objects = 0
        self.size_bytes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
                headers = {key.lower(): value for key, _, value in (text.partition(": ") for text in fields)}
                left = size = int(headers.get("content-length", "0"))
                while left:
                    left -= len(await reader.readexactly(min(left, _AT_ONCE)))
                writer.write(self._answer(line.partition(" ")[0], size))
                await writer.drain()
        writer.close()

    def _answer(self, method: str, size_bytes: int) -> bytes:
        body = b""
        if method == "PUT":
            self.objects += 1
            self.size_bytes += size_bytes
        else:
            body = json.dumps({"objects": self.objects, "bytes": self.size_bytes}).encode()
        head = (
            f'HTTP/1.1 200 OK\r\nx-amz-request-id: {self.objects:016X}\r\nETag: "{self.objects:032x}"\r\n'
            f"Server: AmazonS3\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _main(port_file: Path) -> None:
    server = await asyncio.start_server(Store().serve, "127.0.0.1", 0, limit=4 * _AT_ONCE)
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
