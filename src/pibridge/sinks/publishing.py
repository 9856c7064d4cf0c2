"""Records published as messages, over connections that confirm each one by a PUBACK."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from zlib import crc32

from pibridge.context.messages import Message, Packing
from pibridge.context.record import Record
from pibridge.context.topics import TopicTemplate
from pibridge.errors import UnavailableError
from pibridge.model.event import Lane
from pibridge.sinks.contract import Batch, Receipt, Refusal, start_of
from pibridge.sinks.mqtt_link import Broker, Link, RefusedError
from pibridge.sinks.mqtt_wires import Network
from pibridge.sinks.pace import MOST_MESSAGE_BYTES, Pace
from pibridge.sinks.settings import IotCoreSettings, MqttSettings, client_ids

_ENOUGH_RECORDS: Final = 10_000
"""A batch of a backlog ends with so many: enough to fill messages, little enough to hold in memory."""
_AROUND_BYTES: Final = 1 << 10
"""Of a packet, what is no payload: the topic, and some bytes."""


class PublishingSink:
    """Publishes batches as messages; each message of a topic leaves when the one before it is confirmed.

    So records of a topic arrive in order, whatever is refused or lost on the way. `unfit`: says why a topic cannot be
    used, or nothing.
    """

    def __init__(
        self, settings: IotCoreSettings | MqttSettings, site: str, broker: Broker, unfit: Callable[[str], str]
    ) -> None:
        self.max_age_s = settings.roll.age
        self._site = site
        self._broker = broker
        self._unfit = unfit
        self._topics = TopicTemplate(settings.topic, site)
        self._encoding = settings.encoding
        self._retained = Retained() if isinstance(settings, MqttSettings) and settings.retain else None
        self._client_id = settings.client_id.replace("{site}", site)
        self._network: Network | None = None
        self._lines = [
            _Line(broker, client_id, Pace(settings.limits))
            for client_id in client_ids(self._client_id, settings.connections)
        ]
        self._arrived: dict[Lane, tuple[tuple[int, str], set[int]]] = {}

    async def open(self) -> None:
        """Connect."""
        await self._links()

    async def write(self, batch: Batch) -> Receipt:
        """Publish what the batch holds. Tried again, it publishes only what was not confirmed."""
        records = [record for part in await _parts(batch) for record in part]
        await batch.seal()
        start, arrived = self._arrived.get(batch.lane, (None, set()))
        if start != start_of(batch):
            arrived = set()
            self._arrived[batch.lane] = start_of(batch), arrived
        links = await self._links()
        packing = self._packing(links)
        owed = [record for record in records if record.seq not in arrived]
        messages, too_large = await asyncio.to_thread(packing.pack, owed)
        shipment = _Shipment(arrived)
        for each in too_large:
            shipment.refused.append(Refusal(each.record, f"{each.size_bytes} bytes are too many for one message"))
        async with asyncio.TaskGroup() as group:
            for line, queues in self._by_line(messages, shipment).items():
                group.create_task(self._send(line, links[line], queues, shipment))
        if shipment.failure is not None:
            raise shipment.failure
        self._arrived.pop(batch.lane, None)
        return Receipt(sorted(shipment.refused, key=lambda refusal: refusal.record.seq))

    async def probe(self) -> str:
        """Connect under a name of its own, which disturbs nobody, and publish nothing."""
        client_id = f"{self._client_id}-check"
        network = Network()
        try:
            link = await self._broker.connect(network, client_id)
            try:
                self._require(link)
            finally:
                await link.close()
        finally:
            await network.close()
        return (
            f"connected to {self._broker.advice.address} by MQTT {self._broker.protocol} as {client_id}; published"
            " nothing, so the right to publish was not tried"
        )

    async def close(self) -> None:
        """Let go of the connections, and wait for their thread."""
        for line in self._lines:
            await line.close()
        network, self._network = self._network, None
        if network is not None:
            await network.close()

    async def _links(self) -> "dict[_Line, Link]":
        if self._network is None:
            self._network = Network()
        links = {line: await line.link(self._network) for line in self._lines}
        for link in links.values():
            self._require(link)
        return links

    def _require(self, link: Link) -> None:
        if self._retained is not None and not link.retains:
            advice = self._broker.advice
            raise UnavailableError(
                f"{advice.address} keeps no messages", hint=f"write sinks.{advice.sink}.retain: false"
            )

    def _packing(self, links: "Mapping[_Line, Link]") -> Packing:
        most_bytes = min(link.most_packet_bytes - _AROUND_BYTES for link in links.values())
        return Packing(
            self._site,
            self._topics.of,
            min(most_bytes, MOST_MESSAGE_BYTES),
            most_records=1 << 30 if self._retained is None else 1,
            encoding=self._encoding,
        )

    def _by_line(self, messages: Sequence[Message], shipment: "_Shipment") -> "dict[_Line, list[deque[Message]]]":
        """Give the messages of each topic in order, by the connection that carries them."""
        by_topic: dict[str, deque[Message]] = defaultdict(deque)
        for message in messages:
            by_topic[message.topic].append(message)
        by_line: dict[_Line, list[deque[Message]]] = defaultdict(list)
        for topic, queue in by_topic.items():
            problem = self._unfit(topic)
            if problem:
                shipment.refuse(queue, f"topic {topic}: {problem}")
            else:
                by_line[self._lines[crc32(topic.encode()) % len(self._lines)]].append(queue)
        return by_line

    async def _send(self, line: "_Line", link: Link, queues: Sequence[deque[Message]], shipment: "_Shipment") -> None:
        """Publish all, of each topic one at a time. After a failure nothing more leaves."""
        ready: asyncio.Queue[deque[Message]] = asyncio.Queue()
        for queue in queues:
            ready.put_nowait(queue)
        async with asyncio.TaskGroup() as group:
            for _ in range(sum(map(len, queues))):
                queue = await ready.get()
                if shipment.failure is not None:
                    break
                message = queue.popleft()
                await line.pace.admit(len(message.topic) + len(message.payload))
                leaving = group.create_task(self._publish(link, message, shipment))
                leaving.add_done_callback(partial(_answered, line, queue, ready))

    async def _publish(self, link: Link, message: Message, shipment: "_Shipment") -> None:
        retain = self._retained is not None and self._retained.takes(message)
        try:
            await link.publish(message.topic, message.payload, retain=retain)
        except RefusedError as error:
            shipment.refuse([message], str(error))
        except UnavailableError as error:
            shipment.failure = shipment.failure or error
        else:
            shipment.arrived.update(record.seq for record in message.records)


async def _parts(batch: Batch) -> list[Sequence[Record]]:
    """Wait until the batch is complete, or holds enough."""
    parts: list[Sequence[Record]] = []
    async for part in batch:
        parts.append(part)
        if batch.sealed is None and sum(map(len, parts)) >= _ENOUGH_RECORDS:
            break
    return parts


class Retained:
    """Which messages a broker shall keep: those that are not older than what it keeps already."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def takes(self, message: Message) -> bool:
        """Tell whether this message, of one record, becomes the last value of its topic."""
        record = message.records[0]
        ticks = record.event.ticks
        if record.context.lane is not Lane.LIVE or ticks < self._newest.get(message.topic, 0):
            return False
        self._newest[message.topic] = ticks
        return True


def _answered(
    line: "_Line", queue: deque[Message], ready: asyncio.Queue[deque[Message]], _: asyncio.Task[None]
) -> None:
    """Let the next message of the topic leave."""
    line.pace.done()
    if queue:
        ready.put_nowait(queue)


@dataclass
class _Shipment:
    """What became of one batch. `arrived`: positions that are confirmed."""

    arrived: set[int]
    refused: list[Refusal] = field(default_factory=list)
    failure: UnavailableError | None = None

    def refuse(self, messages: Sequence[Message] | deque[Message], reason: str) -> None:
        self.refused += [Refusal(record, reason) for message in messages for record in message.records]


class _Line:
    """A client id at a broker, and how fast it may send. It gets another connection when one is lost."""

    def __init__(self, broker: Broker, client_id: str, pace: Pace) -> None:
        self.pace = pace
        self._broker = broker
        self._client_id = client_id
        self._link: Link | None = None
        # Two lanes may need it at the same time.
        self._connecting = asyncio.Lock()

    async def link(self, network: Network) -> Link:
        """Give a connection that was not lost yet. Raises UnavailableError."""
        async with self._connecting:
            if self._link is None or self._link.lost is not None:
                self._link = None
                self._link = await self._broker.connect(network, self._client_id)
            return self._link

    async def close(self) -> None:
        """Let go of the connection."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
