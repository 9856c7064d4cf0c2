from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.brewery import reading
from pibridge import __version__
from pibridge.config.loaded import Loaded
from pibridge.config.settings import Configuration
from pibridge.daemon.report import Report
from pibridge.errors import UnauthorizedError
from pibridge.journal.journal import Journal
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag
from pibridge.pi.auth import Credentials
from pibridge.pi.client import PiClient
from pibridge.simulator import Simulator
from pibridge.status.counters import Counters

TAG = Tag(stream="utilities", mode=Mode.REALTIME, name="T", path=r"\\PISRV1\T", web_id="I1DPT")


@pytest.fixture
def configuration(simulator: Simulator, tmp_path: Path) -> Configuration:
    """Read one stream into one sink."""
    return reading(simulator, tmp_path)


@pytest.fixture
async def journal(configuration: Configuration) -> AsyncIterator[Journal]:
    """Open the journal."""
    journal = await Journal.open(configuration.journal)
    yield journal
    await journal.close()


@pytest.fixture
async def client(configuration: Configuration) -> AsyncIterator[PiClient]:
    """Open the connection to PI."""
    async with PiClient(configuration.pi) as client:
        yield client


@pytest.fixture
def counters() -> Counters:
    """Count for a daemon that reads and delivers."""
    counters = Counters()
    stream = counters.stream("utilities")
    stream.tags, stream.channels, stream.channels_open, stream.is_resolved = 8, 1, 1, True
    counters.sink("local").state = "delivering"
    return counters


@pytest.fixture
def report(configuration: Configuration, counters: Counters, journal: Journal, client: PiClient) -> Report:
    """Report on them."""
    return Report(Loaded.of(configuration), counters, journal, client)


def test_all_is_well(report: Report) -> None:
    """With all channels open and the sink delivering, nothing speaks against being ready."""
    assert report.not_ready() == []
    snapshot = report.snapshot()
    assert (snapshot.version, snapshot.site, snapshot.pi.state) == (__version__, "brewery", "connected")
    assert snapshot.journal.max_bytes == 16 << 20


def test_before_the_first_channel_it_is_not_ready(report: Report, counters: Counters) -> None:
    """A stream that has no tags yet, or not all channels, is a reason."""
    stream = counters.stream("utilities")
    stream.tags = stream.channels = stream.channels_open = 0
    stream.is_resolved = False
    assert report.snapshot().pi.state == "connecting"
    assert report.not_ready() == ["pi: connecting", "stream utilities: 0 of 0 channels open, 0 tags"]


def test_a_lost_channel_is_told_with_its_reason(report: Report, counters: Counters) -> None:
    """While no channel is open the last error says why."""
    stream = counters.stream("utilities")
    stream.channels_open, stream.last_error = 0, "the channel broke off: 1006"
    assert report.snapshot().pi.last_error == "the channel broke off: 1006"
    assert report.not_ready()[0] == "pi: the channel broke off: 1006"


def test_a_stream_without_a_readable_tag_is_not_ready(report: Report, counters: Counters) -> None:
    """That it wants no channel, as all its tags are set aside, is no reason to call it well."""
    stream = counters.stream("utilities")
    stream.channels = stream.channels_open = 0
    stream.quarantined = 8
    assert report.not_ready()[1:] == ["stream utilities: PI refuses all of its 8 tags; the log says why"]


async def test_a_refused_login_is_a_state_of_its_own(report: Report, client: PiClient) -> None:
    """After a 401 the state is refused, though channels that were open before still are."""

    async def refuse(_: Credentials) -> None:
        raise UnauthorizedError("PI answered 401", status=401)

    with pytest.raises(UnauthorizedError):
        await client.gate.admit(refuse)
    assert report.snapshot().pi.state == "refused"


def test_an_unavailable_sink_is_told_with_its_reason(report: Report, counters: Counters) -> None:
    """A sink that cannot be written to is a reason, with its error."""
    sink = counters.sink("local")
    sink.state, sink.last_error = "unavailable", "No space left on device"
    assert report.not_ready() == ["sink local: No space left on device"]


async def test_lag_counts_events_and_time(
    report: Report, journal: Journal, counters: Counters, client: PiClient
) -> None:
    """What waits for a sink is told in events of both lanes, and in seconds since the last that it has."""
    await journal.cursor("local", Lane.LIVE)
    await journal.cursor("local", Lane.HISTORY)
    (number,) = await journal.describe([TAG])
    now = client.server_ticks()
    counters.sink("local").last_ticks = now - 90 * ticks.PER_SECOND
    assert report.snapshot().sinks["local"].lag_s == 0
    journal.append([Event(number, now, 1.0), Event(number, now + 1, 2.0)], now)
    await journal.commit(Lane.HISTORY, [Event(number, now - 5, 3.0)], now)
    sink = report.snapshot().sinks["local"]
    assert sink.lag_events == 3
    assert 90 <= sink.lag_s < 100
    await journal.advance("local", Lane.LIVE, 2)
    await journal.advance("local", Lane.HISTORY, 3)
    sink = report.snapshot().sinks["local"]
    assert (sink.lag_events, sink.lag_s) == (0, 0)
