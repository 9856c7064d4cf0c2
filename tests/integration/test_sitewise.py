"""SiteWise behind the real journal and pump: partial errors, throttling, crashes."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from delivery.shelves import Dock, opened
from journal.samples import NOW, NOW_S
from pibridge.delivery import pump
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.sinks.settings import SiteWiseSettings
from pibridge.sinks.sitewise.sink import SiteWiseSink
from sinks.sitewise.account import RefusedError
from sinks.sitewise.double import Double, sitewise
from waiting import eventually, running

PASSING = ("ThrottlingException", "InternalFailureException", "ServiceUnavailableException")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(pump, "_LONGEST_PAUSE_S", 0.02)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    """Run SiteWise's double."""
    async with sitewise(NOW_S) as double:
        yield double


def sink(double: Double) -> SiteWiseSink:
    """Give a sink that delivers to the double."""
    keys = {
        "type": "sitewise",
        "region": "eu-west-1",
        "endpoint_url": double.url,
        "alias": "{tag}",
        "gather": 0.05,
        "limits": {"values_per_second": 1e6, "requests_per_second": 1e5},
    }
    return SiteWiseSink("sitewise", SiteWiseSettings.model_validate(keys), "houston", now=lambda: NOW_S)


async def commit(dock: Dock, first: int, count: int) -> None:
    """Journal values of three tags in turn, one a second each, in both lanes."""
    for lane, back in ((Lane.LIVE, 0), (Lane.HISTORY, 86400)):
        events = [
            Event(1 + number % 3, NOW - (back + number // 3) * ticks.PER_SECOND, float(number))
            for number in range(first, first + count)
        ]
        await dock.journal.commit(lane, events, NOW)


def arrived(double: Double) -> int:
    """Give how many values SiteWise has."""
    return sum(len(stream.values) for stream in double.account.streams.values())


def judge(double: Double, count: int) -> None:
    """Every value is there, once for each tag and time."""
    for tag in range(3):
        values = double.account.streams[f"T{tag + 1}"].values
        assert sorted(values.values()) == sorted([*range(tag, count, 3), *range(tag, count, 3)])


async def test_partial_errors_lose_nothing(double: Double, tmp_path: Path) -> None:
    """A third of all entries and a fifth of all requests fail: every value arrives, and nothing is a dead letter."""
    rng = random.Random(7)  # noqa: S311 - the same failures every time

    def fails(_: dict[str, Any]) -> dict[str, Any] | None:
        if rng.random() > 0.3:
            return None
        return {"errorCode": rng.choice(PASSING), "errorMessage": "not now", "timestamps": []}

    double.account.fails = fails
    double.refuses = [RefusedError(429, "ThrottlingException") if rng.random() < 0.2 else None for _ in range(100)]
    async with opened(tmp_path / "journal") as dock:
        await commit(dock, 0, 600)
        async with running(dock.pump(sink(double), "sitewise").run()):
            await eventually(lambda: arrived(double) == 1200, 60)
            await eventually(lambda: dock.lag("sitewise") == 0)
        counters = dock.counters.sink("sitewise")
        assert (counters.delivered, counters.refused) == (1200, 0)
        assert counters.retries > 0
    judge(double, 600)
    # What was taken was not sent again.
    assert sum(len(stream.puts) for stream in double.account.streams.values()) == 1200


async def test_a_crash_doubles_nothing(double: Double, tmp_path: Path) -> None:
    """Killed between two requests, the next start sends the batch again: once for each tag and time, all the same."""
    double.refuses = [None, None, *[RefusedError(503, "ServiceUnavailableException")] * 100_000]
    async with opened(tmp_path / "journal") as dock:
        await commit(dock, 0, 600)
        async with running(dock.pump(sink(double), "sitewise").run()):
            await eventually(lambda: arrived(double) == 200)
    double.refuses = []
    async with opened(tmp_path / "journal") as dock:
        await commit(dock, 600, 300)
        async with running(dock.pump(sink(double), "sitewise").run()):
            await eventually(lambda: arrived(double) == 1800, 60)
            await eventually(lambda: dock.lag("sitewise") == 0)
    judge(double, 900)


async def test_credentials_expire_without_loss(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a run SiteWise lets the old key in no longer: with the new one all arrives."""
    async with opened(tmp_path / "journal") as dock:
        async with running(dock.pump(sink(double), "sitewise").run()):
            await commit(dock, 0, 300)
            await eventually(lambda: arrived(double) == 600, 60)
            double.keys = {"AKIARENEWEDRENEWEDRE"}
            await commit(dock, 300, 300)
            await eventually(lambda: "ExpiredToken" in dock.counters.sink("sitewise").last_error, 60)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWEDRENEWEDRE")
            await eventually(lambda: arrived(double) == 1200, 60)
        assert dock.counters.sink("sitewise").refused == 0
    judge(double, 600)
