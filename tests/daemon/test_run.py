import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cli.processes import eventually, records, unfinished
from daemon.brewery import reading
from pibridge.config.settings import Configuration
from pibridge.daemon.report import Report
from pibridge.daemon.run import STOP_S, run
from pibridge.errors import JournalError, JournalLockedError, PIBridgeError
from pibridge.journal.journal import Journal
from pibridge.simulator import Simulator


class Daemon:
    """A daemon in this process."""

    def __init__(self, configuration: Configuration) -> None:
        self.stop = asyncio.Event()
        self._started: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(run(configuration, self.stop, self._started.set_result))

    @property
    def report(self) -> Report:
        """What it says of itself."""
        return self._started.result()

    async def ready(self) -> None:
        """Wait until all is well. Raises what it died of."""
        await eventually(lambda: self.task.done() or (self._started.done() and not self.report.not_ready()))
        if self.task.done():
            self.task.result()


async def test_what_pi_says_ends_up_in_files(simulator: Simulator, tmp_path: Path) -> None:
    """From channel to file: after a stop every journaled event is a record at rest, under its own place."""
    daemon = Daemon(reading(simulator, tmp_path))
    await daemon.ready()
    await eventually(lambda: daemon.report.snapshot().sinks["local"].delivered)
    daemon.stop.set()
    await daemon.task
    newest = daemon.report.snapshot().journal.newest_seq
    assert sorted(record["seq"] for record in records(tmp_path / "out")) == list(range(1, newest + 1))


async def test_the_report_outlives_the_daemon(simulator: Simulator, tmp_path: Path) -> None:
    """Who asked for the report may read it when all is over: nothing waits, no channel is open."""
    daemon = Daemon(reading(simulator, tmp_path))
    await daemon.ready()
    daemon.stop.set()
    await daemon.task
    snapshot = daemon.report.snapshot()
    assert snapshot.sinks["local"].lag_events == 0
    assert snapshot.streams["utilities"].channels_open == 0


async def test_a_sink_that_cannot_be_written_does_not_hold_up_the_stop(simulator: Simulator, tmp_path: Path) -> None:
    """Records of an unavailable sink stay in the journal; the stop takes its time limit at most, and is no failure."""
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    daemon = Daemon(reading(simulator, tmp_path))
    await eventually(lambda: simulator.channels)
    daemon.stop.set()
    async with asyncio.timeout(STOP_S + 1):
        await daemon.task
    assert "a file stands" in daemon.report.snapshot().sinks["local"].last_error


async def test_a_journal_in_use_is_raised(simulator: Simulator, tmp_path: Path) -> None:
    """A journal that another daemon writes ends this one before it asks PI."""
    configuration = reading(simulator, tmp_path)
    journal = await Journal.open(configuration.journal)
    with pytest.raises(JournalLockedError, match="another daemon"):
        await run(configuration, asyncio.Event())
    await journal.close()
    assert simulator.requests == 0


async def test_a_status_address_in_use_lets_go_of_the_journal(simulator: Simulator, tmp_path: Path) -> None:
    """A part that cannot start ends the daemon, and what was started before is closed."""
    async with AsyncExitStack() as parts:
        server = await parts.enter_async_context(await asyncio.start_server(lambda *_: None, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        configuration = reading(simulator, tmp_path, status={"listen": f"127.0.0.1:{port}"})
        with pytest.raises(PIBridgeError, match=r"status\.listen"):
            await run(configuration, asyncio.Event())
    await (await Journal.open(configuration.journal)).close()


async def test_a_journal_that_fails_ends_the_daemon(simulator: Simulator, tmp_path: Path) -> None:
    """The error of a failed journal is raised as it is, not wrapped, soon after the failure."""
    daemon = Daemon(reading(simulator, tmp_path))
    await daemon.ready()
    _break(tmp_path / "journal" / "journal.db")
    with pytest.raises(JournalError, match="the journal could not be written"):
        await asyncio.wait_for(daemon.task, 15)


async def test_cancelling_stops_it_cleanly(simulator: Simulator, tmp_path: Path) -> None:
    """A daemon that is cancelled drains and closes as with a stop: the journal can be opened at once."""
    configuration = reading(simulator, tmp_path)
    daemon = Daemon(configuration)
    await daemon.ready()
    daemon.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await daemon.task
    assert not unfinished(tmp_path / "out")
    await (await Journal.open(configuration.journal)).close()


def _break(file: Path) -> None:
    """Take the tables away from under the daemon: its next commit fails."""
    import apsw  # noqa: PLC0415 - only here

    db = apsw.Connection(str(file))
    db.set_busy_timeout(5000)
    db.execute("DROP TABLE chunk")
    db.close()
