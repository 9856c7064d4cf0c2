"""A PI Web API that is nothing but fast: it knows its points, and sends ready messages as quickly as they are taken.

`python feeder.py PORT_FILE POINTS ITEMS_PER_MESSAGE EVENTS` writes its port into PORT_FILE.
"""

import asyncio
import json
import random
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from pibridge.model import ticks
from pibridge.pi.webid import id_only_point

SERVER = UUID(int=7)
START = ticks.parse("2026-03-01T12:00:00Z")
STEP_TICKS = 156_250


def path(number: int) -> str:
    """Give the path of a point."""
    return rf"\\PISRV1\BENCH.{number:06d}"


def web_id(number: int) -> str:
    """Give the WebID of a point."""
    return id_only_point(SERVER, number)


def messages(points: int, items: int, events: int) -> list[bytes]:
    """Give channel messages of `items` streams with one value each, as PI writes them."""
    numbers = random.Random(1)  # noqa: S311 - play numbers
    made = []
    for start in range(0, events, items):
        moment = START + start // points * 10_000_000
        streams = []
        for place in range(start, min(start + items, events)):
            number = place % points
            time = ticks.render(moment + number % 64 * STEP_TICKS).rstrip("0Z").rstrip(".") + "Z"
            streams.append(
                f'{{"WebId":"{web_id(number)}","Name":"BENCH.{number:06d}","Path":{json.dumps(path(number))},'
                f'"Links":{{}},"UnitsAbbreviation":"","Items":[{{"Timestamp":"{time}",'
                f'"Value":{round(numbers.uniform(0, 500), 6)},"UnitsAbbreviation":"","Good":true,"Questionable":false,'
                f'"Substituted":false,"Annotated":false}}]}}'
            )
        made.append(f'{{"Links":{{}},"Items":[{",".join(streams)}]}}'.encode())
    return made


def _answer(request: Request) -> Response | None:
    url = urlsplit(request.path)
    if url.path.endswith("/channel"):
        return None
    if url.path.endswith("/points/multiple"):
        found = [
            {"Identifier": each, "IdentifierType": "Path", "Object": _point(each)}
            for each in parse_qs(url.query)["path"]
        ]
        body = json.dumps({"Items": found}).encode()
    else:
        body = b'{"Links":{},"Items":[]}'
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(HTTPStatus.OK, "OK", headers, body)


def _point(name: str) -> dict[str, object]:
    number = int(name.rpartition(".")[2])
    return {
        "WebId": web_id(number),
        "Id": number,
        "Name": name.rpartition("\\")[2],
        "Path": name,
        "PointType": "Float32",
        "EngineeringUnits": "bar",
    }


async def _main(port_file: Path, points: int, items: int, events: int) -> None:
    ready = messages(points, items, events)

    async def feed(connection: ServerConnection) -> None:
        await connection.send(b'{"Links":{},"Items":[]}', text=True)
        await asyncio.sleep(0.5)
        for message in ready:
            await connection.send(message, text=True)
        await connection.wait_closed()

    async with serve(
        feed,
        "127.0.0.1",
        0,
        process_request=lambda _, request: _answer(request),
        compression=None,
        ping_interval=None,
    ) as server:
        port_file.write_text(str(next(iter(server.sockets)).getsockname()[1]))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
