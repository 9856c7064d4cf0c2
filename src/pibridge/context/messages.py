"""Records packed into messages of limited size: `{"v":1,"site":…,"records":[…]}`, or the same as columns. Pure."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Literal

import msgspec
from msgspec import Struct

from pibridge.context.columns import columns
from pibridge.context.filling import filled
from pibridge.context.record import VERSION, Context, Record, json_records

Encoding = Literal["json", "json.gz", "columns"]
"""What a payload is: JSON, the same compressed, or columns."""

_ENVELOPE_END: Final = b"]}"
_Line = tuple[Record, bytes]


class Message(Struct, frozen=True):
    """One message. `records`: what is in it, in order."""

    topic: str
    payload: bytes
    records: Sequence[Record]


class TooLarge(Struct, frozen=True):
    """A record that fits no message by itself."""

    record: Record
    size_bytes: int


class Packing:
    """`topic_of`: where the records of a context go. `most_bytes`: of one payload; `most_records`: in one payload.

    `filled_bytes`: a payload of several records does not exceed this either.
    `encoding`: `json`; `json.gz`, the same compressed; `columns`. The same records give the same bytes.
    """

    def __init__(  # noqa: PLR0913 - the limits of a transport
        self,
        site: str,
        topic_of: Callable[[Context], str],
        most_bytes: int,
        *,
        most_records: int = 1 << 30,
        filled_bytes: int = 1 << 30,
        encoding: Encoding = "json",
    ) -> None:
        self._site = site
        self._opening = f'{{"v":{VERSION},"site":{msgspec.json.encode(site).decode()},"records":['.encode()
        self._topic_of = topic_of
        self._most_bytes = most_bytes
        self._filled_bytes = min(most_bytes, filled_bytes)
        self._most_records = most_records
        self._encoding = encoding

    def pack(self, records: Sequence[Record]) -> tuple[list[Message], list[TooLarge]]:
        """Give messages that hold all records but those that fit none.

        Records of one topic keep their order, within messages and from message to message.
        """
        by_topic: dict[str, list[Record]] = {}
        for record in records:
            by_topic.setdefault(self._topic_of(record.context), []).append(record)
        messages: list[Message] = []
        too_large: list[TooLarge] = []
        for topic, some in by_topic.items():
            for part, payload in self._payloads(some):
                if len(payload) > self._most_bytes:
                    too_large.append(TooLarge(part[0], len(payload)))
                else:
                    messages.append(Message(topic, payload, part))
        return messages, too_large

    def empty(self) -> bytes:
        """Give the payload of a message without records."""
        return columns(self._site, ()) if self._encoding == "columns" else self._payload(())

    def _payloads(self, records: Sequence[Record]) -> Iterator[tuple[Sequence[Record], bytes]]:
        """Give the records in parts, each with its payload; that of a single record may be too large."""
        if self._encoding == "columns":
            yield from filled(records, partial(columns, self._site), self._filled_bytes, self._most_records)
            return
        lines = list(zip(records, json_records(records), strict=True))
        parts = (
            self._counted(lines)
            if self._encoding == "json"
            else filled(lines, self._payload, self._filled_bytes, self._most_records)
        )
        for part, payload in parts:
            yield [record for record, _ in part], payload

    def _counted(self, lines: Sequence[_Line]) -> Iterator[tuple[Sequence[_Line], bytes]]:
        """Fill messages of plain JSON, whose size is the sum of its lines."""
        empty_bytes = part_bytes = len(self._opening) + len(_ENVELOPE_END)
        part: list[_Line] = []
        for line in lines:
            more = len(line[1]) + 1
            if part and (part_bytes + more > self._filled_bytes or len(part) == self._most_records):
                yield part, self._payload(part)
                part, part_bytes = [], empty_bytes
            part.append(line)
            part_bytes += more
        if part:
            yield part, self._payload(part)

    def _payload(self, part: Sequence[_Line]) -> bytes:
        json = self._opening + b",".join([line for _, line in part]) + _ENVELOPE_END
        return json if self._encoding == "json" else gzip.compress(json, compresslevel=6, mtime=0)
