import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from deploy.cloud import template
from pibridge.context.messages import Encoding, Packing
from sinks.plant_records import every_kind

MOST_CHARACTERS = 4096
"""Of a function that stands in a template."""


class Influx:
    """InfluxDB, as far as it is written to. `written`: path, token and lines of each write."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, list[str]]] = []
        written = self.written

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                written.append((self.path, self.headers["Authorization"], body.split("\n")))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def influx(monkeypatch: pytest.MonkeyPatch) -> Iterator[Influx]:
    """Run one, and tell the function of it."""
    influx = Influx()
    for name, value in {"ENDPOINT": influx.url, "ORGANIZATION": "acme", "DATABASE": "plant", "SECRET": "arn"}.items():
        monkeypatch.setenv(name, value)
    yield influx
    influx.stop()


def function(secret: str) -> dict[str, Any]:
    """Give the names that the function of influxdb.yaml defines, with this secret."""
    code = template("influxdb")["Resources"]["Writer"]["Properties"]["Code"]["ZipFile"]
    assert len(code) <= MOST_CHARACTERS
    names: dict[str, Any] = {}
    exec(compile(code, "index.py", "exec"), names)  # noqa: S102 - what Lambda does with it
    client = SimpleNamespace(get_secret_value=lambda SecretId: {"SecretString": secret})  # noqa: ARG005, N803 - named by boto3
    names["boto3"] = SimpleNamespace(client=lambda _: client)
    return names


def message(encoding: Encoding) -> dict[str, str]:
    """Give a message of every kind of record, as the rule hands it on."""
    ((packed,), _) = Packing("houston", lambda _: "pi", 128 << 10, encoding=encoding).pack(every_kind())
    return {"data": base64.b64encode(packed.payload).decode()}


@pytest.mark.parametrize("encoding", get_args(Encoding))
@pytest.mark.parametrize("secret", ["apiv3_x", '{"token": "apiv3_x", "user": "u"}'])
def test_messages_become_points(influx: Influx, secret: str, encoding: Encoding) -> None:
    """Each value is one point of its tag and time; whole numbers become fractions, so no column changes its type."""
    function(secret)["handler"](message(encoding), None)
    ((path, token, lines),) = influx.written
    assert (path, token) == ("/api/v2/write?org=acme&bucket=plant&precision=ns", "Token apiv3_x")
    series = "pi,asset=Plant/Area1/R1,site=houston,stream=reactors,tag=Plant/Area1/R1|Temperature,unit=°C"
    assert lines[0] == f'{series} quality="good",number=71.37,batch="B-1001" 1773057600123456700'
    assert lines[1] == f'{series} quality="questionable",number=5.0,batch="B-1001" 1773057601123456700'
    fields = [line.rpartition(" ")[0].rpartition(" ")[2] for line in lines]
    assert any("boolean=true" in each for each in fields)
    assert not any("array" in each or "frame" in line for each, line in zip(fields, lines, strict=True))
    assert {line.rpartition(" ")[2][-7:] for line in lines} == {"3456700"}


def test_nothing_to_write_is_not_written(influx: Influx) -> None:
    """A message of deletions and frames alone asks InfluxDB for nothing."""
    record = {"v": 1, "kind": "frame", "site": "houston", "stream": "batches", "ts": "2026-03-09T12:00:01.0000000Z"}
    body = json.dumps({"records": [record]}).encode()
    function("t")["handler"]({"data": base64.b64encode(body).decode()}, None)
    assert influx.written == []


@pytest.mark.parametrize(
    ("name", "key"), [("a,b", r"a\,b"), ("a=b", r"a\=b"), ("a b", r"a\ b"), ("a\nb", r"a\ b"), ("a\\", "a")]
)
def test_names_are_escaped(name: str, key: str) -> None:
    """A name of PI cannot break a line."""
    assert function("t")["key"](name) == key
