"""Kinesis as tests need it: moto's server on a real port, and a gate before it that fails as Kinesis does."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import boto3  # type: ignore[import-untyped]  # comes with moto, without types
from aiohttp import web

from pibridge.sinks import build
from pibridge.sinks.kinesis import KinesisSink
from pibridge.sinks.settings import KinesisSettings
from sinks.far_sides import REGION, SITE, Store

THROTTLED: Final = "ProvisionedThroughputExceededException"
Entry = dict[str, Any]


@dataclass
class Said:
    """An answer in place of Kinesis. `code`: of the error, as in its body."""

    status: int
    code: str
    message: str = "the words of Kinesis"


@dataclass
class Gate:
    """Stands before moto. Whatever it lets through, moto holds.

    `answers`: for whole requests in turn, then `pass`: `pass` lets it through, `cut` ends the connection, `cut after`
    does so once moto has it, `hang` never answers, `hold` sets `holding` and lets it through after `release`, `nothing`
    answers about no record. `fails`: the error code of one record by its place, None if it goes through. `judges`: a
    refusal of a whole PutRecords for what is in it. `admits`: tells which session tokens have not expired.
    """

    behind: str
    port: int = 0
    answers: list[Said | str] = field(default_factory=list)
    fails: Callable[[int, Entry], str | None] = lambda _, __: None
    judges: Callable[[list[Entry]], Said | None] = lambda _: None
    admits: Callable[[str | None], bool] = lambda _: True
    is_away: bool = False
    requests: list[list[Entry]] = field(default_factory=list)
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: list[web.Request] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        if operation == "PutRecords":
            self.requests.append(json.loads(body)["Records"])
        if self.is_away:
            return _cut(request)
        if not self.admits(request.headers.get("X-Amz-Security-Token")):
            return _refusal(Said(400, "ExpiredTokenException", "The security token included in the request is expired"))
        said = self.answers.pop(0) if self.answers else None
        match said:
            case Said():
                return _refusal(said)
            case "cut":
                return _cut(request)
            case "nothing":
                return web.json_response({"FailedRecordCount": 0, "Records": []}, content_type=_JSON)
            case "hang":
                self.hanging.append(request)
                await asyncio.Event().wait()
            case "hold":
                self.holding.set()
                await self.release.wait()
        answer = await self._put(request, body) if operation == "PutRecords" else await self._pass(request, body)
        return _cut(request) if said == "cut after" else answer

    def cut(self) -> None:
        """End the connections that got no answer."""
        for request in self.hanging:
            _cut(request)
        self.hanging.clear()

    async def _put(self, request: web.Request, body: bytes) -> web.Response:
        asked = json.loads(body)
        if judgement := self.judges(asked["Records"]):
            return _refusal(judgement)
        failures = [self.fails(place, entry) for place, entry in enumerate(asked["Records"])]
        through = [entry for entry, code in zip(asked["Records"], failures, strict=True) if code is None]
        told: Iterator[Entry] = iter(())
        if through:
            answer = await self._pass(request, json.dumps({**asked, "Records": through}).encode())
            if answer.status != 200:
                return answer
            told = iter(json.loads(answer.body or b"")["Records"])  # type: ignore[arg-type]  # bytes, as we made it
        entries = [
            next(told) if code is None else {"ErrorCode": code, "ErrorMessage": "the words of Kinesis"}
            for code in failures
        ]
        failed = sum(code is not None for code in failures)
        return web.json_response({"FailedRecordCount": failed, "Records": entries}, content_type=_JSON)

    async def _pass(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: request.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization")}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.behind, data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=_JSON)


_JSON: Final = "application/x-amz-json-1.1"


def _refusal(said: Said) -> web.Response:
    told = {"__type": said.code, "message": said.message}
    return web.json_response(told, status=said.status, content_type=_JSON)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def served(handler: Callable[[web.Request], Any]) -> AsyncIterator[int]:
    """Run a web server on a free port, and give that."""
    app = web.Application(client_max_size=16 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def gate_before(store: Store) -> AsyncIterator[Gate]:
    """Run a gate."""
    gate = Gate(store.url)
    async with served(gate.serve) as gate.port:
        yield gate


class DataStream:
    """A new data stream behind a gate."""

    def __init__(self, gate: Gate, shards: int = 1) -> None:
        self.gate = gate
        self.name = f"acme-{uuid.uuid4().hex}"
        self._client = boto3.client(
            "kinesis",
            endpoint_url=gate.behind,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self._client.create_stream(StreamName=self.name, ShardCount=shards)

    def settings(self, **given: object) -> KinesisSettings:
        """Give the settings of a sink that delivers here."""
        keys = {"type": "kinesis", "stream": self.name, "region": REGION, "endpoint_url": self.gate.url, **given}
        return KinesisSettings.model_validate(keys)

    def sink(self, **given: object) -> KinesisSink:
        """Make a sink that delivers here."""
        sink = build("stream", self.settings(**given), SITE)
        assert isinstance(sink, KinesisSink)
        return sink

    def shards(self) -> list[list[tuple[str, bytes]]]:
        """Give what each shard holds, in its order: partition keys and data."""
        found = []
        for shard in self._client.list_shards(StreamName=self.name)["Shards"]:
            at = self._client.get_shard_iterator(
                StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            held: list[tuple[str, bytes]] = []
            while entries := (answer := self._client.get_records(ShardIterator=at))["Records"]:
                held += [(entry["PartitionKey"], entry["Data"]) for entry in entries]
                at = answer["NextShardIterator"]
            found.append(held)
        return found

    def messages(self) -> list[bytes]:
        """Give what all shards hold, shard by shard."""
        return [data for held in self.shards() for _, data in held]

    def records(self) -> list[dict[str, Any]]:
        """Give the records in all messages."""
        return [record for data in self.messages() for record in json.loads(data)["records"]]

    def fail(self) -> None:
        """Answer nobody."""
        self.gate.is_away = True

    def recover(self) -> None:
        """Answer again; what was held still is."""
        self.gate.is_away = False

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def read(request: Sequence[Entry]) -> list[tuple[str, dict[str, Any]]]:
    """Give partition key and message of each record of a request."""
    return [(entry["PartitionKey"], json.loads(base64.b64decode(entry["Data"]))) for entry in request]


def first_seen(records: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Give the places of each tag's records in order, each where it was seen first."""
    seen: dict[str, dict[int, None]] = {}
    for record in records:
        seen.setdefault(record["tag"], {})[record["seq"]] = None
    return {tag: list(places) for tag, places in seen.items()}


class StreamSide:
    """A data stream as the contract of sinks that send messages is judged by it."""

    refused_chars = 1_050_000

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = AsyncExitStack()
        self._stream: DataStream | None = None

    @property
    def stream(self) -> DataStream:
        """Give the data stream, once this has started."""
        assert self._stream is not None
        return self._stream

    def sink(self) -> KinesisSink:
        """Make a sink that delivers here."""
        return self.stream.sink()

    async def start(self) -> None:
        """Take messages; after `fail` again."""
        if self._stream is None:
            self._stream = DataStream(await self._running.enter_async_context(gate_before(self._store)), shards=2)
        self.stream.recover()

    async def fail(self) -> None:
        """Answer nobody."""
        self.stream.fail()

    async def stop(self) -> None:
        """End, for good."""
        self.stream.close()
        await self._running.aclose()

    def records(self) -> Sequence[dict[str, Any]]:
        """Give the records that have arrived; those of one key in order."""
        return self.stream.records()
