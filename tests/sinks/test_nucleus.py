import asyncio
import time
from collections.abc import AsyncIterator
from typing import get_args

import pytest
from msgspec.structs import replace

from greengrass.deployed import OperationError
from greengrass.nucleus import TestNucleus
from pibridge.context.messages import Encoding
from pibridge.context.record import Record, context_of
from pibridge.errors import UnavailableError
from pibridge.greengrass.limits import MESSAGE_BYTES, Operation
from pibridge.model.event import Event, Lane
from pibridge.sinks.contract import Bounds, Refusal
from pibridge.sinks.nucleus import NucleusSink
from pibridge.sinks.settings import PublishLimits
from sinks.batches import NOON, TEMPERATURE, ListedBatch, values
from sinks.greengrass_core import CONTEXTS, TAGS, GreengrassCore, in_order, of_tags, records_of, sink_to
from unpacking import unpacked
from waiting import eventually


@pytest.fixture
async def sink(nucleus: TestNucleus) -> AsyncIterator[NucleusSink]:
    """Give a sink to IoT Core, without pauses."""
    sink = sink_to(nucleus)
    yield sink
    await sink.close()


@pytest.mark.parametrize("encoding", get_args(Encoding))
@pytest.mark.parametrize("operation", Operation)
async def test_all_records_arrive_once_in_order(
    nucleus: TestNucleus,
    operation: Operation,
    encoding: Encoding,
) -> None:
    """Records of several topics are packed into few messages, none is a frame too long, each tag keeps its order."""
    sink = sink_to(nucleus, operation, encoding=encoding)
    records = of_tags(1, 1000)
    receipt = await sink.write(ListedBatch(records))
    assert not receipt.refused
    messages = nucleus.local if operation is Operation.PUBLISH_TO_TOPIC else nucleus.iot_core
    assert {topic for topic, _ in messages} == {f"pi/houston/{tag.name}" for tag in TAGS}
    expected = {tag.name: [r.seq for r in records if r.context.tag is tag] for tag in TAGS}
    assert in_order(records_of(messages)) == expected
    assert len(records_of(messages)) == len(records)
    assert all(unpacked(payload)["site"] == "houston" for _, payload in messages)
    assert len(messages) < 100
    assert nucleus.bad_frames == 0
    await sink.close()


async def test_nothing_leaves_before_its_bounds_are_fixed(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """When the batch is sealed, nothing has been published yet."""
    before: list[int] = []

    class Watched(ListedBatch):
        async def seal(self) -> Bounds:
            before.append(len(nucleus.iot_core))
            return await super().seal()

    await sink.write(Watched(values(1, 50)))
    assert before[0] == 0
    assert nucleus.iot_core


async def test_a_batch_has_an_end(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """Of a backlog as much is taken as is well sent again; a sealed batch is taken whole, however large."""
    batch = ListedBatch(values(1, 9000))
    await sink.write(batch)
    taken = (await batch.seal()).last
    assert len(records_of(nucleus.iot_core)) == taken < 9000
    nucleus.iot_core.clear()
    await sink.write(ListedBatch(values(1, 9000), sealed=Bounds(Lane.LIVE, 1, 8500, "2026-03-09")))
    assert [record["seq"] for record in records_of(nucleus.iot_core)] == list(range(1, 8501))


async def test_what_fits_no_message_is_refused(nucleus: TestNucleus) -> None:
    """A record that is too large, or whose topic nobody takes, is refused with the reason; the others go."""
    sink = sink_to(nucleus, topic="pi/{tag}")
    deep = context_of("houston", replace(TEMPERATURE, name="a/b/c/d/e/f/g/h/i"), None, Lane.LIVE)
    records = [
        Record(1, Event(0, NOON, "x" * 200_000), CONTEXTS[0]),
        Record(2, Event(0, NOON, 1.0), CONTEXTS[0]),
        Record(3, Event(0, NOON, 1.0), deep),
    ]
    receipt = await sink.write(ListedBatch(records))
    assert [refused.record.seq for refused in receipt.refused] == [1, 3]
    assert "the nucleus takes" in receipt.refused[0].reason
    assert "slashes" in receipt.refused[1].reason
    assert [record["seq"] for record in records_of(nucleus.iot_core)] == [2]
    await sink.close()


async def test_what_the_nucleus_calls_wrong_is_refused(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """A message that the nucleus will never take becomes dead letters in its words, and holds nothing up."""

    def refuse(_operation: str, topic: str) -> None:
        if topic.endswith("R1.T"):
            raise OperationError("InvalidArgumentsError", "no such topic")

    nucleus.refuse = refuse
    receipt = await sink.write(ListedBatch(of_tags(0, 10)))
    assert [refused.record.seq for refused in receipt.refused] == [1, 6]
    assert all(isinstance(refused, Refusal) and "cannot publish" in refused.reason for refused in receipt.refused)
    assert len(records_of(nucleus.iot_core)) == 8


async def test_a_full_queue_is_waited_for(nucleus: TestNucleus) -> None:
    """Lite takes so many bytes until IoT Core has confirmed some: the same message is tried again after a pause."""
    waiting, pauses = [0], []

    def refuse(_operation: str, _topic: str) -> None:
        if waiting[0] == 2:
            raise OperationError("ServiceError", "full")
        waiting[0] += 1

    async def drain(seconds: float) -> None:
        pauses.append(seconds)
        waiting[0] = 0

    nucleus.refuse = refuse
    sink = sink_to(nucleus, sleep=drain)
    records = of_tags(1, 1000)
    receipt = await sink.write(ListedBatch(records))
    assert not receipt.refused
    assert sorted(record["seq"] for record in records_of(nucleus.iot_core)) == [record.seq for record in records]
    assert set(pauses) == {0.1}
    await sink.close()


async def test_an_offline_core_is_unavailable(nucleus: TestNucleus) -> None:
    """After some pauses that grow, the sink says that it is unavailable, and why; nothing is refused."""
    pauses: list[float] = []

    def refuse(_operation: str, _topic: str) -> None:
        raise OperationError("ServiceError", "Device is offline")

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    nucleus.refuse = refuse
    sink = sink_to(nucleus, sleep=note)
    with pytest.raises(UnavailableError, match="offline or its queue is full"):
        await sink.write(ListedBatch(values(1, 10)))
    assert pauses == sorted(pauses)
    assert 5 < sum(pauses) < 15
    assert nucleus.iot_core == []
    await sink.close()


async def test_a_policy_that_is_missing_is_unavailable(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """Records wait until the recipe is mended, which the hint says how; nothing is refused."""
    nucleus.allowed = "other/*"
    with pytest.raises(UnavailableError, match="accessControl"):
        await sink.write(ListedBatch(values(1, 10)))
    nucleus.allowed = "pi/*"
    receipt = await sink.write(ListedBatch(values(1, 10)))
    assert not receipt.refused


@pytest.mark.parametrize(("messages_per_s", "bytes_per_s"), [(100, 1 << 30), (1_000_000, 1_000_000)])
async def test_it_is_sent_at_an_even_pace(nucleus: TestNucleus, messages_per_s: float, bytes_per_s: int) -> None:
    """Messages and bytes leave no faster than the pace says, also in the first second."""
    limits = PublishLimits(publishes_per_second=messages_per_s, bytes_per_second=bytes_per_s)
    sink = sink_to(nucleus, limits=limits)
    began = time.monotonic()
    await sink.write(ListedBatch(of_tags(0, 1500)))
    took_s = time.monotonic() - began
    sent_bytes = sum(len(payload) for _, payload in nucleus.iot_core)
    assert sent_bytes > 1 << 18
    assert took_s >= (len(nucleus.iot_core) - 1) / messages_per_s
    assert took_s >= (sent_bytes - MESSAGE_BYTES - (1 << 10)) / bytes_per_s
    await sink.close()


@pytest.mark.parametrize("local", [False, True])
async def test_a_nucleus_killed_in_the_middle_of_load_costs_nothing(
    nucleus: TestNucleus,
    local: bool,  # noqa: FBT001 - two cases
) -> None:
    """Killed before or after it accepts: what is acknowledged was accepted, all arrives, tags keep their order."""
    core = GreengrassCore(nucleus, local=local)
    sink = sink_to(nucleus, Operation.PUBLISH_TO_TOPIC if local else Operation.PUBLISH_TO_IOT_CORE)
    asked, restarts = 0, []

    async def restart() -> None:
        await core.fail()
        nucleus.answering.set()
        await core.recover()

    def kill_sometimes(_operation: str, _topic: str) -> None:
        nonlocal asked
        asked += 1
        if asked in {3, 8, 12}:
            restarts.append(asyncio.create_task(restart()))
            nucleus.answering.clear()
        if asked == 8:
            raise ConnectionResetError

    nucleus.refuse = kill_sometimes
    records, failures = of_tags(1, 6000), 0
    waiting, sealed = records, None
    while waiting:
        batch = ListedBatch(waiting, sealed=sealed)
        try:
            receipt = await sink.write(batch)
        except UnavailableError:
            failures += 1
            sealed = batch.sealed
            await asyncio.gather(*restarts)
            continue
        assert not receipt.refused
        last = (await batch.seal()).last
        assert {record["seq"] for record in core.received()} >= set(range(1, last + 1))
        waiting, sealed = [record for record in waiting if record.seq > last], None
    assert failures == len(restarts) == 3
    assert in_order(core.received()) == {tag.name: [r.seq for r in records if r.context.tag is tag] for tag in TAGS}
    await sink.close()


async def test_a_second_try_sends_only_the_rest(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """What was accepted before a failure is not handed over again; what was refused is told again; order is kept."""

    def fail_at_third(_operation: str, topic: str) -> None:
        if topic.endswith("R0.T"):
            raise OperationError("InvalidArgumentsError", "no such topic")
        if len(nucleus.iot_core) == 2:
            raise ConnectionResetError

    takes, nucleus.refuse = nucleus.refuse, fail_at_third
    batch = ListedBatch(of_tags(0, 10))
    with pytest.raises(UnavailableError):
        await sink.write(batch)
    nucleus.refuse = takes
    receipt = await sink.write(ListedBatch(of_tags(0, 20), sealed=batch.sealed))
    assert not receipt.refused
    assert [record["seq"] for record in records_of(nucleus.iot_core)] == [1, 6, 2, 7, 0, 5, 3, 8, 4, 9]
    await sink.write(ListedBatch(of_tags(0, 5)))
    assert len(records_of(nucleus.iot_core)) == 15


async def test_an_answer_that_is_lost_is_no_acknowledgement(nucleus: TestNucleus) -> None:
    """Accepted and never answered: it is sent again, so it arrives twice and is not lost."""
    sink = sink_to(nucleus)
    nucleus.answering.clear()
    writing = asyncio.create_task(sink.write(ListedBatch(values(1, 5))))
    await eventually(lambda: nucleus.iot_core)
    await nucleus.stop()
    with pytest.raises(UnavailableError):
        await writing
    nucleus.answering.set()
    await nucleus.start()
    await sink.write(ListedBatch(values(1, 5)))
    assert [record["seq"] for record in records_of(nucleus.iot_core)] == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    await sink.close()


async def test_a_token_that_died_needs_a_new_start(nucleus: TestNucleus) -> None:
    """After the IPC daemon's restart nothing goes until the component is started again; then all that waited does."""
    sink = sink_to(nucleus)
    await sink.write(ListedBatch(values(1, 5)))
    await nucleus.stop()
    nucleus.forget_tokens()
    await nucleus.start()
    for hint in (".", "restart the component"):
        with pytest.raises(UnavailableError, match=hint):
            await sink.write(ListedBatch(values(6, 5)))
    await sink.close()
    started_again = sink_to(nucleus)
    await started_again.write(ListedBatch(values(6, 5)))
    assert [record["seq"] for record in records_of(nucleus.iot_core)] == list(range(1, 11))
    await started_again.close()


async def test_both_lanes_write_at_the_same_time(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """The lanes share the connection and the pace."""
    live, history = values(1, 500), values(1, 500, Lane.HISTORY)
    await asyncio.gather(sink.write(ListedBatch(live)), sink.write(ListedBatch(history)))
    assert len(records_of(nucleus.iot_core)) == 1000
    assert nucleus.connections == 1


async def test_a_probe_publishes_no_record(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """It publishes beside the records' topics, to which the same policy applies, and says what that does not prove."""
    found = await sink.probe()
    [(topic, payload)] = nucleus.iot_core
    assert topic == "pi/houston/_pibridge_check"
    assert unpacked(payload) == {"v": 1, "site": "houston", "records": []}
    assert topic in found
    assert "accepted, not delivered" in found


async def test_a_probe_says_what_is_missing(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """A core without the policy is found out."""
    nucleus.allowed = "other"
    with pytest.raises(UnavailableError, match=r"aws\.greengrass\.ipc\.mqttproxy"):
        await sink.probe()


async def test_a_probe_finds_a_topic_that_nobody_takes(nucleus: TestNucleus) -> None:
    """A template that is too deep for every record is found out before it makes dead letters."""
    sink = sink_to(nucleus, topic="a/b/c/d/e/f/g/h/{tag}")
    with pytest.raises(UnavailableError, match=r"has 8 slashes.*shorten the topic"):
        await sink.probe()
    assert nucleus.connections == 0


async def test_a_closed_sink_can_be_opened(sink: NucleusSink, nucleus: TestNucleus) -> None:
    """Closing twice is no error, and a closed sink works again."""
    await sink.open()
    await sink.close()
    await sink.close()
    await sink.open()
    await sink.write(ListedBatch(values(1, 3)))
    assert len(records_of(nucleus.iot_core)) == 3
    assert nucleus.connections == 2
