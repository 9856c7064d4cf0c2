"""Records packed into messages of limited size: `{"v":1,"site":…,"records":[…]}`. Pure."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from pibridge.context.record import VERSION, Context, Record, json_record

_ENVELOPE_END: Final = b"]}"


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
    `compress`: payloads are gzip of the JSON; the same records give the same bytes.
    """

    def __init__(  # noqa: PLR0913 - the limits of a transport
        self,
        site: str,
        topic_of: Callable[[Context], str],
        most_bytes: int,
        *,
        most_records: int = 1 << 30,
        filled_bytes: int = 1 << 30,
        compress: bool = False,
    ) -> None:
        self._opening = f'{{"v":{VERSION},"site":{msgspec.json.encode(site).decode()},"records":['.encode()
        self._topic_of = topic_of
        self._most_bytes = most_bytes
        self._filled_bytes = min(most_bytes, filled_bytes)
        self._most_records = most_records
        self._compress = compress

    def pack(self, records: Sequence[Record]) -> tuple[list[Message], list[TooLarge]]:
        """Give messages that hold all records but those that fit none.

        Records of one topic keep their order, within messages and from message to message.
        """
        by_topic: dict[str, list[tuple[Record, bytes]]] = {}
        for record in records:
            by_topic.setdefault(self._topic_of(record.context), []).append((record, json_record(record)))
        messages: list[Message] = []
        too_large: list[TooLarge] = []
        for topic, lines in by_topic.items():
            for part in self._parts(lines):
                payload = self._payload(part)
                if len(payload) > self._most_bytes:
                    too_large.append(TooLarge(part[0][0], len(payload)))
                else:
                    messages.append(Message(topic, payload, [record for record, _ in part]))
        return messages, too_large

    def empty(self) -> bytes:
        """Give the payload of a message without records."""
        return self._payload(())

    def _parts(self, lines: Sequence[tuple[Record, bytes]]) -> Iterator[Sequence[tuple[Record, bytes]]]:
        """Give the lines in parts that fit a message each; a part of one line may be too large."""
        size_bytes = len(self._opening) + len(_ENVELOPE_END)
        part: list[tuple[Record, bytes]] = []
        part_bytes = size_bytes
        for line in lines:
            more = len(line[1]) + 1
            if part and (part_bytes + more > self._room_bytes or len(part) == self._most_records):
                yield from self._fitting(part)
                part, part_bytes = [], size_bytes
            part.append(line)
            part_bytes += more
        if part:
            yield from self._fitting(part)

    @property
    def _room_bytes(self) -> int:
        # JSON of records shrinks to a tenth or so; what does not is parted again.
        return self._filled_bytes * 6 if self._compress else self._filled_bytes

    def _fitting(self, part: Sequence[tuple[Record, bytes]]) -> Iterator[Sequence[tuple[Record, bytes]]]:
        if len(part) == 1 or len(self._payload(part)) <= self._filled_bytes:
            yield part
            return
        middle = len(part) // 2
        yield from self._fitting(part[:middle])
        yield from self._fitting(part[middle:])

    def _payload(self, part: Sequence[tuple[Record, bytes]]) -> bytes:
        json = self._opening + b",".join([line for _, line in part]) + _ENVELOPE_END
        return gzip.compress(json, compresslevel=6, mtime=0) if self._compress else json
