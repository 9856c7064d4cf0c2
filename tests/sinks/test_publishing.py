import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pibridge.context.messages import Message
from pibridge.errors import UnavailableError
from pibridge.model.event import Event, Lane
from pibridge.sinks.mqtt import mqtt_sink
from pibridge.sinks.publishing import PublishingSink, Retained
from pibridge.sinks.settings import MqttSettings, client_ids
from sinks.batches import NOON, ListedBatch
from sinks.message_sides import readings
from sinks.scripted_broker import ScriptedBroker, scripted_broker


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBroker]:
    """Run a scripted broker."""
    async with scripted_broker() as broker:
        yield broker


def sink_at(broker: ScriptedBroker, **keys: Any) -> PublishingSink:
    """Make a sink that publishes there and does not wait long."""
    given = {"type": "mqtt", "host": "127.0.0.1", "port": broker.port, "topic": "{tag}", **keys}
    return mqtt_sink("bus", MqttSettings.model_validate(given), "houston", patience_s=0.5)


def seqs(broker: ScriptedBroker) -> list[int]:
    """Give the positions of all records that the broker was sent, in that order."""
    return [record["seq"] for payload in broker.payloads for record in json.loads(payload)["records"]]


async def test_only_what_was_not_confirmed_is_sent_again(scripted: ScriptedBroker) -> None:
    """A broker that refuses one message now and then gets the whole batch in the end, and hardly anything twice."""
    scripted.pubacks = [0, 0, 151, 0, 0, 0, 151, 0, 0, 0, 0, 151, 0, 0, 0, 0, 0, 0, 0, 0, 151, 0]
    sink = sink_at(scripted, limits={"in_flight": 1})
    batch = ListedBatch(readings(1, 70))
    failures = 0
    while True:
        try:
            receipt = await sink.write(batch)
            break
        except UnavailableError as error:
            assert "Quota exceeded (151)" in str(error)  # noqa: PT017 - it may come or not; which it is counts
            failures += 1
            batch = ListedBatch(readings(1, 90), sealed=batch.sealed)
    await sink.close()
    assert (failures, list(receipt.refused)) == (2, [])
    assert set(seqs(scripted)) == set(range(1, 71))
    assert len(scripted.topics) == 7 + failures


async def test_nothing_of_a_topic_leaves_before_what_was_refused(scripted: ScriptedBroker) -> None:
    """A message that has to wait holds back those behind it in its topic: no record overtakes another."""
    scripted.pubacks = [151, 0]
    sink = sink_at(scripted, topic="all", retain=True)
    batch = ListedBatch(readings(1, 5))
    with pytest.raises(UnavailableError):
        await sink.write(batch)
    assert seqs(scripted) == [1]
    await sink.write(ListedBatch(readings(1, 5), sealed=batch.sealed))
    await sink.close()
    assert seqs(scripted) == [1, 1, 2, 3, 4, 5]


async def test_what_is_remembered_is_of_the_same_batch(scripted: ScriptedBroker) -> None:
    """Another batch of the lane is sent whole, though it holds a record that an earlier one got through."""
    scripted.pubacks = [0, 151, 0]
    sink = sink_at(scripted, limits={"in_flight": 1})
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch(readings(1, 2)))
    scripted.payloads.clear()
    await sink.write(ListedBatch(readings(0, 3)))
    await sink.close()
    assert sorted(seqs(scripted)) == [0, 1, 2]


async def test_a_small_broker_gets_small_messages(scripted: ScriptedBroker) -> None:
    """Messages fit into the packets that the broker allows; what fits into none is refused with its size."""
    scripted.most_packet_bytes = 4096
    sink = sink_at(scripted, topic="all")
    receipt = await sink.write(ListedBatch(readings(1, 100)))
    await sink.close()
    assert not receipt.refused
    assert seqs(scripted) == list(range(1, 101))
    assert max(map(len, scripted.payloads)) <= 4096 - 1024


async def test_each_topic_keeps_to_its_connection(scripted: ScriptedBroker) -> None:
    """Several connections have names of their own and share the topics out, always in the same way."""
    sink = sink_at(scripted, connections=3)
    await sink.write(ListedBatch(readings(1, 700)))
    await sink.write(ListedBatch(readings(701, 700)))
    await sink.close()
    assert sorted(scripted.clients) == [f"pibridge-houston-{n}" for n in (1, 2, 3)]
    used: dict[str, set[str]] = defaultdict(set)
    for client, topic in zip(scripted.publishers, scripted.topics, strict=True):
        used[topic].add(client)
    assert all(len(clients) == 1 for clients in used.values())
    assert len(set(scripted.publishers)) > 1


async def test_only_so_many_messages_are_under_way(scripted: ScriptedBroker) -> None:
    """Beyond the limit nothing leaves before something is confirmed."""
    scripted.pubacks = [None]
    sink = sink_at(scripted, limits={"in_flight": 3})
    with pytest.raises(UnavailableError, match="confirmed nothing"):
        await sink.write(ListedBatch(readings(1, 70)))
    await sink.close()
    assert len(scripted.topics) == 3


async def test_messages_leave_at_the_configured_pace(scripted: ScriptedBroker) -> None:
    """So many a second, evenly."""
    sink = sink_at(scripted, limits={"publishes_per_second": 50})
    await sink.open()
    await sink.write(ListedBatch(readings(1, 7)))
    await sink.write(ListedBatch(readings(8, 7)))
    await sink.close()
    steps = [later - earlier for earlier, later in zip(scripted.times_s, scripted.times_s[1:], strict=False)]
    assert scripted.times_s[-1] - scripted.times_s[0] >= 13 * 0.02 - 0.01
    assert max(steps) < 0.5


async def test_a_failure_is_told_without_waiting_for_the_pace(scripted: ScriptedBroker) -> None:
    """What cannot be sent any more does not use up the time that it would have taken."""
    scripted.goodbye = 139
    sink = sink_at(scripted, limits={"publishes_per_second": 1})
    async with asyncio.timeout(3):
        with pytest.raises(UnavailableError, match="Server shutting down"):
            await sink.write(ListedBatch(readings(1, 700)))
    await sink.close()


def test_an_older_value_is_not_kept() -> None:
    """Neither what happened before the value that is kept already, nor what is recovered, becomes the last value."""

    def message(lane: Lane, seconds: int) -> Message:
        (record,) = readings(1, 1, lane)
        record = type(record)(record.seq, Event(1, NOON + seconds, 1.0), record.context)
        return Message("t", b"", [record])

    retained = Retained()
    said = [(Lane.LIVE, 5), (Lane.LIVE, 4), (Lane.LIVE, 5), (Lane.HISTORY, 9), (Lane.LIVE, 6)]
    assert [retained.takes(message(*each)) for each in said] == [True, False, True, False, True]


def test_one_connection_has_the_name_as_it_is_written() -> None:
    """Only several need a number each."""
    assert client_ids("me", 1) == ["me"]
    assert client_ids("me", 2) == ["me-1", "me-2"]
