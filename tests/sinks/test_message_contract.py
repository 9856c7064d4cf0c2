"""What every sink that sends messages promises, whoever takes them."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from pibridge.errors import UnavailableError
from pibridge.model.event import Lane
from pibridge.sinks.contract import Bounds, Receipt, Sink
from sinks.batches import ListedBatch
from sinks.message_sides import MESSAGE_SIDES, MessageSide, disorder, long_text, readings
from sinks.mosquitto import require_mosquitto
from waiting import eventually


@pytest.fixture(params=MESSAGE_SIDES)
async def side(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MessageSide]:
    """Give each far side, taking messages."""
    require_mosquitto(monkeypatch)
    side = MESSAGE_SIDES[request.param](tmp_path)
    try:
        await side.start()
        yield side
    finally:
        await side.stop()


@pytest.fixture
async def sink(side: MessageSide) -> AsyncIterator[Sink]:
    """Give an open sink that delivers there."""
    sink = side.sink()
    await sink.open()
    yield sink
    await sink.close()


async def arrived(side: MessageSide, first: int, count: int) -> None:
    """Wait until these have arrived, all of them."""
    wanted = set(range(first, first + count))
    await eventually(lambda: wanted <= {record["seq"] for record in side.records()})


async def test_every_record_arrives_in_order(sink: Sink, side: MessageSide) -> None:
    """Both lanes at the same time: each record arrives, those of one tag and lane in order."""
    live, history = (ListedBatch(readings(first, 2000, lane)) for first, lane in zip((1, 5001), Lane, strict=True))
    receipts = await asyncio.gather(sink.write(live), sink.write(history))
    assert not any(receipt.refused for receipt in receipts)
    await arrived(side, 1, 2000)
    await arrived(side, 5001, 2000)
    assert disorder(side.records()) == []
    assert all(record["lane"] == "live" or record["seq"] > 5000 for record in side.records())


async def test_a_sealed_batch_is_taken_whole(sink: Sink, side: MessageSide) -> None:
    """Of a batch whose bounds are fixed, every part arrives and nothing behind it."""
    sealed = Bounds(Lane.LIVE, 1, 25_000, "2026-03-09")
    await sink.write(ListedBatch(readings(1, 26_000), part=1000, sealed=sealed))
    await arrived(side, 1, 25_000)
    assert max(record["seq"] for record in side.records()) == 25_000


async def test_what_is_refused_is_named_and_the_others_arrive(sink: Sink, side: MessageSide) -> None:
    """A record that can never arrive comes back with the reason; it holds up nobody, not even its own tag."""
    records = [*readings(1, 50), long_text(51, side.refused_chars), *readings(52, 50)]
    receipt = await sink.write(ListedBatch(records))
    ((seq, reason),) = [(refusal.record.seq, refusal.reason) for refusal in receipt.refused]
    assert (seq, bool(reason)) == (51, True)
    await arrived(side, 1, 50)
    await arrived(side, 52, 50)
    assert disorder(side.records()) == []


async def test_a_far_side_that_is_away_is_unavailable(sink: Sink, side: MessageSide) -> None:
    """While it is away, writing raises UnavailableError with the next step; once it is back, the batch arrives."""
    await side.fail()
    batch = ListedBatch(readings(1, 100))
    with pytest.raises(UnavailableError) as error:
        await sink.write(batch)
    assert error.value.hint
    await side.start()
    await sink.write(ListedBatch(readings(1, 300), sealed=batch.sealed))
    await arrived(side, 1, 100)


async def test_opening_can_be_tried_again(side: MessageSide) -> None:
    """Making a sink asks nobody; opening it fails while the far side is away, and works when it is back."""
    await side.fail()
    sink = side.sink()
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await sink.open()
    await side.start()
    for _ in range(2):
        await sink.open()
    await sink.write(ListedBatch(readings(1, 10)))
    await sink.close()
    await arrived(side, 1, 10)


async def test_nothing_is_confirmed_that_did_not_arrive(sink: Sink, side: MessageSide) -> None:
    """The far side dies again and again in the middle: what was acknowledged has arrived, in order."""
    chance = random.Random(5)  # noqa: S311 - a seed for moments, not a secret
    for round_ in range(4):
        first = round_ * 3000 + 1
        batch = ListedBatch(readings(first, 3000))
        enough = len(side.records()) + chance.randrange(1000)
        writing = asyncio.create_task(sink.write(batch))
        await eventually(lambda enough=enough: len(side.records()) >= enough)  # type: ignore[misc]
        await side.fail()
        (outcome,) = await asyncio.gather(writing, return_exceptions=True)
        await side.start()
        if not isinstance(outcome, Receipt):
            assert isinstance(outcome, UnavailableError)
            await sink.write(ListedBatch(readings(first, 3000), sealed=batch.sealed))
        await arrived(side, first, 3000)
    assert disorder(side.records()) == []


async def test_a_cancelled_write_can_be_done_again(sink: Sink, side: MessageSide) -> None:
    """Cancelled in the middle, a write leaves the sink fit: the same batch arrives whole, and the next one too."""
    batch = ListedBatch(readings(1, 9000))
    writing = asyncio.create_task(sink.write(batch))
    await eventually(lambda: batch.sealed)
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await sink.write(ListedBatch(readings(1, 9000), sealed=batch.sealed))
    await sink.write(ListedBatch(readings(9001, 1000)))
    await arrived(side, 1, 10_000)
    assert disorder(side.records()) == []


async def test_closing_lets_go(side: MessageSide) -> None:
    """A closed sink keeps no connection, also one that was never opened; it can be closed twice."""
    process = psutil.Process()
    before = len(process.net_connections("inet"))
    sink = side.sink()
    await sink.close()
    await sink.open()
    await sink.write(ListedBatch(readings(1, 10)))
    assert len(process.net_connections("inet")) > before
    await sink.close()
    await sink.close()
    await eventually(lambda: len(process.net_connections("inet")) == before)


async def test_a_probe_disturbs_nobody(sink: Sink, side: MessageSide) -> None:
    """Beside a sink that is writing, a probe says what it did, and no consumer sees anything of it."""
    writing = asyncio.create_task(sink.write(ListedBatch(readings(1, 3000))))
    other = side.sink()
    assert await other.probe()
    await other.close()
    assert not (await writing).refused
    await arrived(side, 1, 3000)
    assert len(side.records()) == 3000


async def test_a_probe_tells_what_is_wrong(side: MessageSide) -> None:
    """A far side that is away makes the probe raise UnavailableError."""
    await side.fail()
    sink = side.sink()
    with pytest.raises(UnavailableError):
        await sink.probe()
    await sink.close()
