import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from context.plants import NO_DATA
from pibridge.context.record import Record
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.model import ticks
from pibridge.model.event import BAD, DELETE, UPDATE, Lane
from pibridge.sinks import build
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.sink import SiteWiseSink
from sinks.batches import ListedBatch
from sinks.sitewise.account import RefusedError, Stream
from sinks.sitewise.double import Double, sitewise
from sinks.sitewise.samples import NOW, NOW_S, SITE, context, record
from waiting import eventually

T = "/houston/Plant/R1/Temperature"
DAY = 86400 * ticks.PER_SECOND
PRESSURE = context("Pressure")


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double."""
    async with sitewise(NOW_S) as double:
        yield double


@pytest.fixture
async def sink(double: Double) -> AsyncIterator[SiteWiseSink]:
    """Give an open sink."""
    sink = made(double)
    await sink.open()
    yield sink
    await sink.close()


def made(double: Double, **more: Any) -> SiteWiseSink:
    """Give a sink that delivers to the double."""
    quick = {"limits": {"values_per_second": 1e6, "requests_per_second": 1e5}}
    keys = {"type": "sitewise", "region": "eu-west-1", "endpoint_url": double.url, **quick, **more}
    return SiteWiseSink("sitewise", SiteWiseSettings.model_validate(keys), SITE, now=lambda: double.account.now_s)


def spread(count: int, tags: int = 1) -> list[Record]:
    """Give values of so many tags in turn, one a second."""
    contexts = [context(f"T{number}") for number in range(tags)] if tags > 1 else [context()]
    return [
        record(seq, seq * 0.5, at=NOW - seq * ticks.PER_SECOND, of=contexts[seq % tags]) for seq in range(1, count + 1)
    ]


async def tried(sink: SiteWiseSink, batch: ListedBatch) -> str:
    """Write and give why it cannot be done now."""
    with pytest.raises(UnavailableError) as error:
        await sink.write(batch)
    return str(error.value)


async def test_values_arrive_under_their_alias(sink: SiteWiseSink, double: Double) -> None:
    """Value, quality and time are what PI said, to the last tick."""
    receipt = await sink.write(
        ListedBatch([record(1, 71.5, at=NOW + 1), record(2, NO_DATA, at=NOW + 2, status=BAD), record(3, 72.5)])
    )
    assert not receipt.refused
    start = NOW * 100
    assert double.account.streams[T].values == {
        (start + 100, "GOOD"): 71.5,
        (start + 200, "BAD"): None,
        (start, "GOOD"): 72.5,
    }


async def test_requests_are_full_across_tags(sink: SiteWiseSink, double: Double) -> None:
    """A thousand values of twenty tags are ten requests of ten entries of ten values."""
    await sink.write(ListedBatch(spread(1000, 20)))
    assert [[count for _, count in entries] for entries in double.puts()] == [[10] * 10] * 10


async def test_a_replaced_value_stays(sink: SiteWiseSink, double: Double) -> None:
    """Two values of one time: the later one is what SiteWise has in the end."""
    await sink.write(ListedBatch([record(1, 1.0), record(2, 2.0)]))
    assert double.account.values(T) == [2.0]
    assert [value for *_, value in double.account.streams[T].puts] == [1.0, 2.0]


async def test_an_edit_is_not_undone_by_its_original(sink: SiteWiseSink, double: Double) -> None:
    """The edit was recovered in the lane of history while the original still waited in the other."""
    await sink.write(ListedBatch([record(9, 2.5, status=UPDATE, of=context(lane=Lane.HISTORY))]))
    receipt = await sink.write(ListedBatch([record(1, 1.5), record(2, 7.5, at=NOW + 1)]))
    assert not receipt.refused
    assert double.account.values(T) == [2.5, 7.5]
    await sink.write(ListedBatch([record(12, 3.5, status=UPDATE)]))
    assert double.account.values(T) == [3.5, 7.5]


async def test_only_what_failed_is_sent_again(sink: SiteWiseSink, double: Double) -> None:
    """One property is throttled: the others are taken; tried again, its values alone are sent, in order."""
    throttled = "/houston/Plant/R1/T1"
    double.account.fails = lambda entry: (
        {"errorCode": "ThrottlingException", "errorMessage": "slow down", "timestamps": []}
        if entry["propertyAlias"] == throttled
        else None
    )
    batch = ListedBatch(spread(300, 3))
    said = await tried(sink, batch)
    assert "has not taken" in said
    assert "ThrottlingException: slow down" in said
    assert throttled not in double.account.streams
    double.account.fails = lambda _: None
    before = len(double.requests)
    assert not (await sink.write(ListedBatch(spread(300, 3), sealed=batch.sealed))).refused
    assert {alias for entries in double.puts()[before:] for alias, _ in entries} == {throttled}
    assert [len(stream.puts) for stream in double.account.streams.values()] == [100, 100, 100]


@pytest.mark.parametrize("code", ["InternalFailureException", "ServiceUnavailableException", "ThrottlingException"])
async def test_a_request_that_fails_whole_is_tried_again(sink: SiteWiseSink, double: Double, code: str) -> None:
    """Nothing is refused, and nothing lost."""
    double.refuses = [RefusedError(503, code)]
    batch = ListedBatch(spread(5))
    assert f"{code}: the words of SiteWise (it is tried again" in await tried(sink, batch)
    await sink.write(ListedBatch(spread(5), sealed=batch.sealed))
    assert len(double.account.streams[T].values) == 5


async def test_an_answer_of_somebody_else_delivers_nothing(sink: SiteWiseSink, double: Double) -> None:
    """A proxy that says 200 in SiteWise's place has taken no value."""
    double.refuses = [RefusedError(200, "Welcome")]
    assert "check that no proxy answers" in await tried(sink, ListedBatch(spread(5)))
    assert T not in double.account.streams


async def test_what_is_refused_for_good_does_not_hold_up_others(double: Double) -> None:
    """An unknown alias, a value of another type, an array, a deletion: each comes back with its reason."""
    double.account.takes_unknown_aliases = False
    sink = made(double, alias="/{attribute}")
    double.account.streams["/Temperature"] = Stream("DOUBLE")
    records = [
        record(1, 1.0),
        record(2, "a text", of=context("Note", text=True)),
        record(3, [1], at=NOW + 3),
        record(4, None, at=NOW + 4, status=DELETE),
        record(5, value=True, at=NOW + 5),
    ]
    receipt = await sink.write(ListedBatch(records))
    reasons = {refusal.record.seq: refusal.reason for refusal in receipt.refused}
    assert reasons.keys() == {2, 3, 4, 5}
    assert "pibridge sitewise sync" in reasons[2]
    assert reasons[3].startswith("an array")
    assert "delete" in reasons[4]
    assert reasons[5] == "InvalidRequestException: data type"
    assert double.account.values("/Temperature") == [1.0]
    await sink.close()


async def test_a_request_that_is_refused_whole_is_halved(sink: SiteWiseSink, double: Double) -> None:
    """The one value that makes SiteWise refuse a request is found; all others arrive."""
    double.refuses = [RefusedError(400, "InvalidRequestException")] * 4
    receipt = await sink.write(ListedBatch(spread(8)))
    assert [refusal.record.seq for refusal in receipt.refused] == [1]
    assert len(double.account.streams[T].values) == 7


async def test_whole_numbers_become_floating_ones_where_the_property_has_these(double: Double) -> None:
    """Nobody knows a property's type from outside: where it takes no integers it gets doubles, from then on at once."""
    double.account.doubles_take_integers = False
    double.account.streams[T] = Stream("DOUBLE")
    sink = made(double)
    whole = [record(seq, seq, at=NOW + seq * ticks.PER_SECOND) for seq in range(1, 26)]
    assert not (await sink.write(ListedBatch(whole))).refused
    assert not (await sink.write(ListedBatch([record(26, 26, at=NOW + 26 * ticks.PER_SECOND)]))).refused
    assert double.account.values(T) == [float(seq) for seq in range(1, 27)]
    assert len(double.puts()) == 3
    await sink.close()


async def test_a_full_second_is_refused_in_the_end(sink: SiteWiseSink, double: Double) -> None:
    """SiteWise takes ten values of one second: the eleventh is tried some times, then it is a dead letter."""
    full = [record(seq, float(seq), at=NOW + seq) for seq in range(1, 12)]
    records = [*full, *(record(100 + day, 1.0, at=NOW - day * DAY // 100) for day in range(1, 200))]
    batch = ListedBatch(records)
    for _ in range(3):
        assert "LimitExceededException" in await tried(sink, batch)
    receipt = await sink.write(ListedBatch(records, sealed=batch.sealed))
    assert [refusal.record.seq for refusal in receipt.refused] == [11]
    assert len(double.account.streams[T].values) == 10 + 199


async def test_expired_credentials_are_renewed(
    sink: SiteWiseSink, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal the next try looks for credentials anew; nothing is lost and nothing refused."""
    double.keys = {"AKIARENEWEDRENEWEDRE"}
    batch = ListedBatch(spread(5))
    said = await tried(sink, batch)
    assert "ExpiredTokenException" in said
    assert "renew the AWS credentials" in said
    assert "not-to-be-shown" not in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWEDRENEWEDRE")
    assert not (await sink.write(ListedBatch(spread(5), sealed=batch.sealed))).refused
    assert len(double.account.streams[T].values) == 5


async def test_access_that_is_denied_to_all_is_waited_for(sink: SiteWiseSink, double: Double) -> None:
    """Before anything was taken it is the policy, which can be mended; later it is about single properties."""
    denied = {"errorCode": "AccessDeniedException", "errorMessage": "no", "timestamps": []}
    double.account.fails = lambda _: denied
    batch = ListedBatch(spread(2))
    assert "allow iotsitewise:BatchPutAssetPropertyValue" in await tried(sink, batch)
    double.account.fails = lambda _: None
    await sink.write(ListedBatch(spread(2), sealed=batch.sealed))
    double.account.fails = lambda entry: denied if "Pressure" in entry["propertyAlias"] else None
    receipt = await sink.write(ListedBatch([record(11, 1.0, at=NOW + 9), record(12, 1.0, of=PRESSURE)]))
    assert [(refusal.record.seq, refusal.reason) for refusal in receipt.refused] == [(12, "AccessDeniedException: no")]


async def test_what_is_outside_the_window_is_refused(sink: SiteWiseSink, double: Double) -> None:
    """Without bulk import, seven days back and ten minutes ahead are all there is; SiteWise is not asked in vain."""
    records = [
        record(1, 1.0, at=NOW - 7 * DAY - 1),
        record(2, 2.0, at=NOW - 7 * DAY),
        record(3, 3.0, at=NOW + 600 * ticks.PER_SECOND),
        record(4, 4.0, at=NOW + 600 * ticks.PER_SECOND + 1),
    ]
    receipt = await sink.write(ListedBatch(records))
    reasons = {refusal.record.seq: refusal.reason for refusal in receipt.refused}
    assert reasons.keys() == {1, 4}
    assert "set bulk_import" in reasons[1]
    assert "10 minutes ahead" in reasons[4]
    assert double.account.values(T) == [2.0, 3.0]


async def test_what_leaves_the_window_on_its_way_is_refused(sink: SiteWiseSink, double: Double) -> None:
    """SiteWise's clock counts: what it finds too old, or too far ahead, is refused like what we find so."""
    own_s = double.account.now_s
    double.account.now_s += 100
    sink._now = lambda: own_s
    old = record(1, 1.0, at=NOW - 7 * DAY + 1)
    receipt = await sink.write(ListedBatch([old]))
    assert "set bulk_import" in receipt.refused[0].reason
    double.account.now_s -= 200
    receipt = await sink.write(ListedBatch([record(2, 1.0, at=NOW + 600 * ticks.PER_SECOND)]))
    assert "TimestampOutOfRangeException" in receipt.refused[0].reason


async def test_an_unreachable_service_is_told(double: Double) -> None:
    """Network errors are UnavailableError with a hint."""
    sink = made(double, endpoint_url="http://127.0.0.1:9")
    assert "check network, DNS and firewall" in await tried(sink, ListedBatch(spread(1)))
    await sink.close()


async def test_a_write_can_be_cancelled_and_done_again(sink: SiteWiseSink, double: Double) -> None:
    """Cancelled while SiteWise keeps silent, the write ends at once; tried again, all arrives."""
    double.hold = asyncio.Event()
    batch = ListedBatch(spread(200))
    writing = asyncio.create_task(sink.write(batch))
    await eventually(lambda: double.requests)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    double.hold.set()
    await sink.write(ListedBatch(spread(200), sealed=batch.sealed))
    assert len(double.account.streams[T].values) == 200


async def test_a_large_backlog_is_written_in_batches(sink: SiteWiseSink) -> None:
    """A sink takes so much and no more into memory, unless the batch came sealed."""
    batch = ListedBatch([record(seq, [seq]) for seq in range(1, 25_001)], part=1000)
    assert len((await sink.write(batch)).refused) == 20_000


async def test_a_probe_stores_nothing(sink: SiteWiseSink, double: Double) -> None:
    """A value of 1970 must be refused: whoever is told so may put values."""
    assert "offered a value of 1970 it said TimestampOutOfRangeException" in await sink.probe()
    assert double.account.streams == {}
    denied = {"errorCode": "AccessDeniedException", "errorMessage": "no", "timestamps": []}
    double.account.fails = lambda _: denied
    with pytest.raises(UnavailableError, match="allow iotsitewise:BatchPut"):
        await sink.probe()
    double.keys = set()
    with pytest.raises(UnavailableError, match="renew the AWS credentials"):
        await sink.probe()


def test_a_sink_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the configuration or the environment."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"^sinks\.x\.region: not known; write"):
        build("x", SiteWiseSettings(type="sitewise"), SITE)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert build("x", SiteWiseSettings(type="sitewise"), SITE).max_age_s == 1
