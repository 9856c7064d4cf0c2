import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from context.plants import POINT, TEMPERATURE
from journal.samples import NOW
from pibridge.context.record import Context, Record, context_of
from pibridge.errors import ThrottledError, UnavailableError
from pibridge.model.event import Event, Lane
from pibridge.sinks import kinesis
from pibridge.sinks.contract import Bounds
from pibridge.sinks.kinesis import KinesisSink, PartitionKey, next_pause_s
from sinks.batches import ListedBatch
from sinks.data_streams import THROTTLED, DataStream, Entry, Gate, Said, first_seen, gate_before, read
from sinks.far_sides import SITE, Store

LARGE = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
"""aiohttp would have a large body read from a file, in parts; botocore has it in memory, and signs it, anyway."""


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> Iterator[None]:
    # Nobody waits for quotas that are by the second.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinesis, "_LONGEST_PAUSE_S", 0.02)
        patch.setattr(kinesis, "_SHORTEST_PAUSE_S", 0.005)
        yield


def context(name: str, lane: Lane = Lane.LIVE) -> Context:
    """Give what records of a point share."""
    return context_of(SITE, replace(POINT, name=name), None, lane)


def values(count: int, *names: str, first: int = 1, lane: Lane = Lane.LIVE) -> list[Record]:
    """Give records of these tags in turn, or of `SINUSOID`."""
    contexts = [context(name, lane) for name in names or ("SINUSOID",)]
    return [Record(seq, Event(1, NOW + seq, seq), contexts[seq % len(contexts)]) for seq in range(first, first + count)]


def text(seq: int, characters: int) -> Record:
    """Give a record that is a little larger than its text."""
    return Record(seq, Event(1, NOW + seq, "x" * characters), context("TEXT"))


def seqs(stream: DataStream) -> list[int]:
    """Give the places of all records in the stream, in its order."""
    return [record["seq"] for record in stream.records()]


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    """Run Kinesis behind a gate."""
    async with gate_before(store) as gate:
        yield gate


@pytest.fixture
def stream(gate: Gate) -> DataStream:
    """Make a data stream of two shards."""
    return DataStream(gate, shards=2)


@pytest.fixture
async def sink(stream: DataStream) -> AsyncIterator[KinesisSink]:
    """Give a sink that delivers there, and does not wait long."""
    sink = KinesisSink("stream", stream.settings(), SITE, patience_s=1.0)
    await sink.open()
    yield sink
    await sink.close()
    stream.close()


async def test_a_message_holds_the_records_of_one_key(sink: KinesisSink, stream: DataStream) -> None:
    """One line of JSON, the same envelope as of other messages, records in order, key as the template says."""
    await sink.write(ListedBatch(values(6, "A", "B")))
    held = sorted(entry for shard in stream.shards() for entry in shard)
    assert [key for key, _ in held] == ["A", "B"]
    for key, data in held:
        assert data.endswith(b"\n")
        assert data.count(b"\n") == 1
        told = json.loads(data)
        assert (told["v"], told["site"]) == (1, SITE)
        assert [record["tag"] for record in told["records"]] == [key] * 3
    assert [record["seq"] for record in json.loads(held[1][1])["records"]] == [1, 3, 5]


async def test_the_same_records_give_the_same_messages(sink: KinesisSink, gate: Gate) -> None:
    """Keys, bytes and their order follow from the records alone, however these are parted."""
    for part in (300, 170):
        await sink.write(ListedBatch(values(900, "A", "B", "C"), part=part))
    assert len(gate.requests) % 2 == 0
    half = len(gate.requests) // 2
    assert gate.requests[:half] == gate.requests[half:]


async def test_a_request_holds_at_most_500_messages(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """Of more keys than that, the others leave with the next request."""
    names = [f"TAG{number:04}" for number in range(1100)]
    await sink.write(ListedBatch(values(1100, *names), part=1100))
    assert [len(request) for request in gate.requests] == [500, 500, 100]
    assert sorted(seqs(stream)) == list(range(1, 1101))


@LARGE
async def test_a_request_holds_at_most_5_mb(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """Keys included; moto refuses more."""
    records = [Record(seq, Event(1, NOW, "x" * 900_000), context(f"T{seq}")) for seq in range(1, 12)]
    await sink.write(ListedBatch(records))
    assert [len(request) for request in gate.requests] == [5, 5, 1]
    assert sorted(seqs(stream)) == list(range(1, 12))


async def test_many_records_of_a_key_fill_messages_moderately(sink: KinesisSink, gate: Gate) -> None:
    """Four payload units at most, so that a busy shard has room for one soon; each leaves by itself, in order."""
    await sink.write(ListedBatch(values(1000), part=1000))
    sizes = [len(json.dumps(message)) for request in gate.requests for _, message in read(request)]
    assert all(len(request) == 1 for request in gate.requests)
    assert len(sizes) > 2
    told = [record["seq"] for request in gate.requests for _, message in read(request) for record in message["records"]]
    assert told == list(range(1, 1001))


@LARGE
async def test_what_is_larger_than_a_message_is_refused(sink: KinesisSink, stream: DataStream) -> None:
    """1 MB goes, more becomes a dead letter with the reason; what stands around it arrives in order."""
    records = [text(1, 10), text(2, 1_040_000), text(3, 1_050_000), text(4, 10)]
    receipt = await sink.write(ListedBatch(records))
    assert [refusal.record.seq for refusal in receipt.refused] == [3]
    assert "bytes as a message; Kinesis takes 1048576" in receipt.refused[0].reason
    assert seqs(stream) == [1, 2, 4]


async def test_only_what_failed_is_sent_again(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """Within a request some are taken: the others leave again, and nothing later of their key before them."""
    refusals = iter([THROTTLED, "InternalFailure"])
    gate.fails = lambda _, entry: next(refusals, None) if entry["PartitionKey"] == "A" else None
    await sink.write(ListedBatch(values(3000, "A", "B"), part=3000))
    sent = [dict(read(request)) for request in gate.requests[:4]]
    assert all(list(request) == ["B", "A"] for request in sent[:3])
    assert sent[0]["A"] == sent[1]["A"] == sent[2]["A"] != sent[3]["A"]
    assert sent[0]["B"] != sent[1]["B"] != sent[2]["B"]
    assert first_seen(stream.records()) == {"A": list(range(2, 3001, 2)), "B": list(range(1, 3001, 2))}
    assert len(seqs(stream)) == 3000


async def test_what_kinesis_never_takes_is_refused(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """A final code of one record: its records come back with the words of Kinesis, the others arrive."""
    gate.fails = lambda _, entry: "InvalidArgumentException" if entry["PartitionKey"] == "A" else None
    receipt = await sink.write(ListedBatch(values(4, "A", "B")))
    assert [(each.record.seq, each.reason) for each in receipt.refused] == [
        (2, "InvalidArgumentException: the words of Kinesis"),
        (4, "InvalidArgumentException: the words of Kinesis"),
    ]
    assert seqs(stream) == [1, 3]


async def test_a_refused_request_is_halved(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """Kinesis refuses a request for one record in it: that one alone comes back."""

    def refused(entries: list[Entry]) -> Said | None:
        wrong = any(entry["PartitionKey"] == "C" for entry in entries)
        return Said(400, "ValidationException", "the words of Kinesis") if wrong else None

    gate.judges = refused
    receipt = await sink.write(ListedBatch(values(10, "A", "B", "C", "D", "E")))
    assert {each.record.context.tag.name for each in receipt.refused} == {"C"}
    assert "ValidationException: the words of Kinesis" in receipt.refused[0].reason
    assert sorted(seqs(stream)) == [1, 3, 4, 5, 6, 8, 9, 10]


async def test_a_busy_stream_is_unavailable_in_the_end(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """Nothing is taken for as long as the sink is patient: it says why; the next try sends what is left, no more."""
    gate.fails = lambda _, entry: THROTTLED if entry["PartitionKey"] == "A" else None
    with pytest.raises(ThrottledError, match=rf"took nothing for 1 s: {THROTTLED}: .*add shards or use on-demand"):
        await sink.write(ListedBatch(values(4, "A", "B")))
    gate.fails = lambda _, __: None
    await sink.write(ListedBatch(values(4, "A", "B"), part=3))
    assert sorted(seqs(stream)) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "said", ["cut", Said(400, THROTTLED), Said(500, "InternalFailure"), Said(400, "ExpiredTokenException"), "hang"]
)
async def test_an_outage_loses_nothing(sink: KinesisSink, gate: Gate, stream: DataStream, said: Said | str) -> None:
    """It is told with a hint; what was taken before is not sent again, and the rest arrives."""
    gate.answers = ["pass", said]
    batch = ListedBatch(values(1200, "A"), part=200)
    with pytest.raises(UnavailableError) as caught:
        await sink.write(batch)
    assert caught.value.hint
    await sink.write(ListedBatch(values(2000, "A"), part=170, sealed=batch.sealed))
    assert seqs(stream) == list(range(1, 1201))


async def test_an_answer_that_is_lost_doubles_its_request_only(
    sink: KinesisSink, gate: Gate, stream: DataStream
) -> None:
    """Kinesis has it, we do not know: it comes twice, each time in order."""
    gate.answers = ["cut after"]
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch(values(10)))
    await sink.write(ListedBatch(values(10)))
    assert seqs(stream) == [*range(1, 11), *range(1, 11)]


async def test_refusals_are_told_once_the_batch_is_through(sink: KinesisSink, gate: Gate) -> None:
    """What was refused before an outage is in the receipt of the try that ends well."""
    records = [text(1, 1_050_000), *values(3, first=2)]
    gate.answers = ["cut"]
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch(records))
    receipt = await sink.write(ListedBatch(records))
    assert [refusal.record.seq for refusal in receipt.refused] == [1]
    assert not (await sink.write(ListedBatch(values(3, first=5)))).refused


async def test_another_batch_is_sent_whole(sink: KinesisSink, gate: Gate, stream: DataStream) -> None:
    """What is remembered of a batch that did not end well speaks for no other, nor for the other lane."""
    gate.fails = lambda _, entry: THROTTLED if entry["PartitionKey"] == "A" else None
    with pytest.raises(UnavailableError):
        await sink.write(ListedBatch(values(2, "A", "B", first=10)))
    gate.fails = lambda _, __: None
    await sink.write(ListedBatch(values(2, "A", "B", first=10, lane=Lane.HISTORY)))
    await sink.write(ListedBatch(values(3, "A", "B", first=10)))
    assert sorted(seqs(stream)) == [10, 10, 11, 11, 11, 12]


async def test_an_answer_about_other_records_is_no_answer(sink: KinesisSink, gate: Gate) -> None:
    """Something else answers in the place of Kinesis: nothing counts as taken."""
    gate.answers = ["nothing"]
    with pytest.raises(UnavailableError, match="an answer about 0 records, 1 were sent"):
        await sink.write(ListedBatch(values(3)))


async def test_a_missing_stream_is_told(stream: DataStream) -> None:
    """With the keys that may be wrong."""
    sink = KinesisSink("k", stream.settings(stream="other"), SITE)
    with pytest.raises(UnavailableError, match=r"ResourceNotFoundException: .*correct sinks\.k\.stream and sinks\.k"):
        await sink.probe()
    with pytest.raises(UnavailableError, match="ResourceNotFoundException"):
        await sink.write(ListedBatch(values(3)))
    await sink.close()
    stream.close()


async def test_a_long_backlog_leaves_in_batches(sink: KinesisSink, stream: DataStream) -> None:
    """About ten thousand records are enough for one, unless it comes sealed."""
    batch = ListedBatch(values(12_000, "A", "B"), part=1000)
    await sink.write(batch)
    assert batch.sealed is not None
    assert batch.sealed.last == 10_000
    await sink.write(ListedBatch(values(12_000), part=1000, sealed=Bounds(Lane.LIVE, 1, 11_500, batch.day)))
    assert len(seqs(stream)) == 21_500


async def test_a_probe_writes_nothing(sink: KinesisSink, stream: DataStream) -> None:
    """It tells what the stream is like."""
    assert await sink.probe() == f"data stream {stream.name} is ACTIVE, 2 shards (nothing was written)"
    assert stream.messages() == []


async def test_a_closed_sink_can_be_opened(sink: KinesisSink, stream: DataStream) -> None:
    """Closing twice is no error."""
    await sink.close()
    await sink.close()
    await sink.open()
    await sink.open()
    await sink.write(ListedBatch(values(3)))
    assert seqs(stream) == [1, 2, 3]


def test_the_key_follows_the_template() -> None:
    """Of a name that is too long for Kinesis, its hash."""
    assert PartitionKey("{tag}", SITE).of(context("SINUSOID")) == "SINUSOID"
    in_asset = context_of(SITE, TEMPERATURE, TEMPERATURE.asset, Lane.LIVE)
    assert PartitionKey("{site}/{asset.path}", SITE).of(in_asset) == "houston/Plant/Area1/R1"
    assert len(PartitionKey("{tag}", SITE).of(context("T" * 256))) == 256
    long = PartitionKey("{tag}", SITE).of(context("T" * 257))
    assert len(long) == 64
    assert long == PartitionKey("{tag}", SITE).of(context("T" * 257))


def test_the_pause_follows_what_is_taken() -> None:
    """It grows up to a limit while Kinesis takes too little, and goes back to nothing."""
    pauses = [0.0]
    for _ in range(4):
        pauses.append(next_pause_s(pauses[-1], is_taken=False))
    assert pauses == [0.0, 0.005, 0.01, 0.02, 0.02]
    for _ in range(3):
        pauses.append(next_pause_s(pauses[-1], is_taken=True))
    assert pauses[-3:] == [0.01, 0.005, 0.0]


@given(data=st.data())
@settings(max_examples=15)
def test_each_tag_keeps_its_order_whatever_fails(data: st.DataObject, store: Store) -> None:
    """Some records of a request fail, requests fail, connections are cut: all arrive, of a tag first seen in order."""
    tags = data.draw(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=5, unique=True))
    count = data.draw(st.integers(1, 600))
    part = data.draw(st.integers(20, 300))
    luck = Random(data.draw(st.integers()))  # noqa: S311 - drawn, so that it can be drawn again
    harm = luck.uniform(0.0, 0.6)
    faults: tuple[str | Said, ...] = ("cut", "cut after", Said(500, "InternalFailure"), Said(400, THROTTLED))

    async def deliver() -> DataStream:
        async with gate_before(store) as gate:
            stream = DataStream(gate, shards=2)
            gate.answers = [luck.choice(faults) if luck.random() < harm / 3 else "pass" for _ in range(40)]
            gate.fails = lambda _, __: luck.choice([THROTTLED, "InternalFailure"]) if luck.random() < harm else None
            sink = KinesisSink("stream", stream.settings(), SITE, patience_s=5)
            await sink.open()
            records = values(count, *tags)
            while True:
                try:
                    assert not (await sink.write(ListedBatch(records, part=part))).refused
                except UnavailableError:
                    continue
                break
            await sink.close()
            return stream

    stream = asyncio.run(deliver())
    expected: dict[str, list[int]] = {}
    for record in values(count, *tags):
        expected.setdefault(record.context.tag.name, []).append(record.seq)
    for shard in stream.shards():
        for tag, places in first_seen([record for _, data in shard for record in json.loads(data)["records"]]).items():
            assert places == expected.pop(tag)
    assert not expected
    stream.close()
