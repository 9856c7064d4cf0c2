"""Messages into an Amazon Kinesis data stream, by PutRecords; those of one partition key in order."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from pibridge.context.messages import Message, Packing
from pibridge.context.record import Context, Record
from pibridge.context.topics import TopicTemplate
from pibridge.errors import RejectedError, ThrottledError, UnavailableError
from pibridge.sinks.aws import REFUSED, AwsService, far_of
from pibridge.sinks.contract import Batch, Bounds, Receipt, Refusal
from pibridge.sinks.outbox import Outbox, size_bytes
from pibridge.sinks.settings import KinesisSettings

_MOST_MESSAGES: Final = 500
_MOST_REQUEST_BYTES: Final = 5 << 20
_MOST_MESSAGE_BYTES: Final = 1 << 20
_MOST_KEY_CHARACTERS: Final = 256
_FILLED_BYTES: Final = 100_000
"""Four payload units of 25 KB, and a tenth of what a shard takes in a second: one that is busy has room for it soon."""

_MAX_AGE_S: Final = 1.0
_ENOUGH: Final = 10_000
_SHORTEST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
"""The quotas of a shard are by the second."""


class KinesisSink:
    """Sends messages of the records of one partition key each.

    `name`: of the sink in the configuration, for messages. `patience_s`: how long an answer may take, and how long
    Kinesis may take nothing at all before the sink is unavailable. Raises ConfigurationError if no region is known.
    """

    def __init__(self, name: str, settings: KinesisSettings, site: str, *, patience_s: float = 30.0) -> None:
        self.max_age_s = _MAX_AGE_S
        self._stream = settings.stream
        self._patience_s = patience_s
        self._service = AwsService(
            far_of(
                name,
                "kinesis",
                f"stream/{settings.stream}",
                region=settings.region,
                endpoint_url=settings.endpoint_url,
                missing=f"create the data stream or correct sinks.{name}.stream and sinks.{name}.region",
            ),
            patience_s=patience_s,
        )
        self._packing = packing_of(settings, site)
        self._begun: dict[str, _Begun] = {}
        self._pause_s = 0.0

    async def open(self) -> None:
        """Find credentials."""
        await self._service.open()

    async def write(self, batch: Batch) -> Receipt:
        """Send the batch. What Kinesis has taken of it before an error is not sent again by the next try."""
        records: list[Record] = []
        async for part in batch:
            records += part
            if len(records) >= _ENOUGH and batch.sealed is None:
                break
        bounds = await batch.seal()
        begun = self._begun.get(bounds.lane)
        if begun is None or begun.bounds != bounds:
            begun = self._begun[bounds.lane] = await asyncio.to_thread(self._begin, bounds, records)
        await self._send(begun)
        del self._begun[bounds.lane]
        return Receipt(begun.refused)

    async def probe(self) -> str:
        """Ask for a summary of the stream: a record that is put there to try would stay there."""
        answer = await self._service.call("describe_stream_summary", StreamName=self._stream)
        summary = answer.get("StreamDescriptionSummary", {})
        status = summary.get("StreamStatus", "in no known state")
        if status not in {"ACTIVE", "UPDATING"}:
            raise UnavailableError(
                f"the data stream {self._stream} is {status}", hint="wait until it is active, or create it again"
            )
        return f"data stream {self._stream} is {status}, {summary['OpenShardCount']} shards (nothing was written)"

    async def close(self) -> None:
        """Let go of connections."""
        await self._service.close()

    def _begin(self, bounds: Bounds, records: Sequence[Record]) -> "_Begun":
        messages, too_large = self._packing.pack(records)
        reason = f"bytes as a message; Kinesis takes {_MOST_MESSAGE_BYTES}, key included"
        return _Begun(
            bounds, outbox_of(messages), [Refusal(each.record, f"{each.size_bytes} {reason}") for each in too_large]
        )

    async def _send(self, begun: "_Begun") -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_s
        while request := begun.outbox.request():
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            failures = await self._put(request)
            left = begun.note(request, failures)
            self._pause_s = next_pause_s(self._pause_s, is_taken=not left)
            if len(left) < len(request):
                give_up_at = loop.time() + self._patience_s
            elif loop.time() >= give_up_at:
                raise self._takes_nothing(left[0])

    async def _put(self, request: Sequence[Message]) -> list["_Failure | None"]:
        """Ask Kinesis to take these; give what it says of each, None if it has it."""
        entries = [{"Data": message.payload, "PartitionKey": message.topic} for message in request]
        try:
            answer = await self._service.call(
                "put_records", size_bytes=sum(map(size_bytes, request)), StreamName=self._stream, Records=entries
            )
        except RejectedError as error:
            if len(request) == 1:
                return [_Failure("", str(error), is_final=True)]
            # One that is wrong must not take the others along.
            middle = len(request) // 2
            return [*await self._put(request[:middle]), *await self._put(request[middle:])]
        said = answer.get("Records", [])
        if len(said) != len(request):
            raise UnavailableError(
                f"data stream {self._stream}: an answer about {len(said)} records, {len(request)} were sent",
                hint="look what answers in the place of Kinesis",
            )
        return [_failure(entry) for entry in said]

    def _takes_nothing(self, failure: "_Failure") -> UnavailableError:
        what = f"data stream {self._stream}: took nothing for {self._patience_s:.0f} s: {failure}"
        if failure.code == "ProvisionedThroughputExceededException":
            return ThrottledError(what, hint="add shards or use on-demand mode; a partition key may also be too busy")
        return UnavailableError(what, hint="it is tried again by itself")


def packing_of(settings: KinesisSettings, site: str) -> Packing:
    """Give what packs records into messages that Kinesis takes, with room for the key and a line end."""
    room_bytes = _MOST_MESSAGE_BYTES - 4 * _MOST_KEY_CHARACTERS - 1
    return Packing(site, PartitionKey(settings.partition_key, site).of, room_bytes, filled_bytes=_FILLED_BYTES - 1)


def outbox_of(messages: Iterable[Message]) -> Outbox:
    """Give messages, each with a line end, as requests that Kinesis takes."""
    ended = (replace(message, payload=message.payload + b"\n") for message in messages)
    return Outbox(ended, most_messages=_MOST_MESSAGES, most_bytes=_MOST_REQUEST_BYTES)


class PartitionKey:
    """The partition key of a record, by a template; names are escaped as in topics. At most 256 characters."""

    def __init__(self, template: str, site: str) -> None:
        self._template = TopicTemplate(template, site)

    def of(self, context: Context) -> str:
        """Give the key of all records with this context; in place of a longer one, its SHA-256."""
        key = self._template.of(context)
        return key if len(key) <= _MOST_KEY_CHARACTERS else hashlib.sha256(key.encode()).hexdigest()


def next_pause_s(pause_s: float, *, is_taken: bool) -> float:
    """Give the pause before the next request: twice as long after one that was not taken whole, else half as long."""
    if not is_taken:
        return min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, 2 * pause_s))
    return pause_s / 2 if pause_s > _SHORTEST_PAUSE_S else 0.0


@dataclass(frozen=True)
class _Failure:
    """What Kinesis says of a message that it has not taken. `is_final`: and never will."""

    code: str
    message: str
    is_final: bool

    def __str__(self) -> str:
        return self.message


@dataclass
class _Begun:
    """What is left of a batch, and what of it was refused."""

    bounds: Bounds
    outbox: Outbox
    refused: list[Refusal]

    def note(self, request: Sequence[Message], failures: Sequence[_Failure | None]) -> list[_Failure]:
        """Note what Kinesis said of each message of a request; give what it said of those that have to leave again."""
        left = []
        for message, failure in zip(request, failures, strict=True):
            if failure is None or failure.is_final:
                self.outbox.taken(message)
            else:
                self.outbox.not_taken(message)
                left.append(failure)
            if failure is not None and failure.is_final:
                self.refused += [Refusal(record, str(failure)) for record in message.records]
        return left


def _failure(entry: dict[str, Any]) -> _Failure | None:
    code = entry.get("ErrorCode")
    if not code:
        return None
    return _Failure(code, f"{code}: {entry.get('ErrorMessage', '')}", is_final=code in REFUSED)
