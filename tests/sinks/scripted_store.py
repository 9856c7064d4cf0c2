"""A store that answers what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Give an HTTP answer."""
    fields = {"Content-Length": str(len(body.encode())), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} -\r\n{lines}\r\n{body}".encode()


def refusal(status: int, code: str, headers: Mapping[str, str] | None = None, more: str = "") -> bytes:
    """Give an error as S3 writes it."""
    said = f"<Error><Code>{code}</Code><Message>the words of S3</Message>{more}</Error>"
    return answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{said}', headers)


@dataclass
class Request:
    """One request. `headers`: by lower-case name."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedStore:
    """`answers`: in turn, the last one again and again; None keeps silent."""

    port: int = 0
    answers: list[bytes | None] = field(default_factory=lambda: [OK])
    requests: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections.add(writer)
        try:
            while True:
                line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in fields)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append(Request(line, headers, body))
                self.asked.set()
                said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if said is not None:
                    writer.write(said)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.connections.discard(writer)
            writer.close()


@asynccontextmanager
async def scripted_store() -> AsyncIterator[ScriptedStore]:
    """Run one on a free port."""
    store = ScriptedStore()
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    store.port = server.sockets[0].getsockname()[1]
    yield store
    server.close()
    for writer in store.connections:
        writer.close()
