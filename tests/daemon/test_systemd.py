import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from cli.processes import eventually, started, tree, written
from daemon.brewery import reading
from pibridge.daemon.run import run
from pibridge.daemon.systemd import Systemd
from pibridge.simulator import Simulator

WATCHDOG_S = 0.2


class Listener:
    """The socket on which systemd would listen."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(0)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    async def hears(self) -> list[str]:
        """Wait for a message; give its lines."""
        return (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode().split("\n")

    async def waits_for(self, said: str) -> list[str]:
        """Wait until something is told that begins like this; give the lines of its message."""
        async with asyncio.timeout(15):
            while True:
                heard = await self.hears()
                if any(line.startswith(said) for line in heard):
                    return heard

    async def is_silent(self, for_s: float) -> bool:
        """Tell whether nothing is told, from the first pause on, for that long."""
        try:
            async with asyncio.timeout(for_s):
                await self.hears()
        except TimeoutError:
            return True
        return False


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """Listen as systemd does."""
    listener = Listener(str(tmp_path / "notify"))
    yield listener
    listener.close()


@asynccontextmanager
async def running(simulator: Simulator, folder: Path, environment: dict[str, str]) -> AsyncIterator[asyncio.Event]:
    """Run a daemon in this process; give what stops it."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(reading(simulator, folder), stop, systemd=Systemd(environment)))
    yield stop
    stop.set()
    await task


async def test_the_course_of_a_process_is_told(tmp_path: Path, simulator: Simulator, listener: Listener) -> None:
    """`READY` when it has started, `RELOADING` and `READY` around SIGHUP, `STOPPING` at SIGTERM: in this order."""
    name = written(tmp_path, tree(simulator))
    async with started(tmp_path, "run", "-c", name, environment=listener.environment) as daemon:
        await listener.waits_for("READY=1")
        assert '"started"' in daemon.err
        daemon.signal(signal.SIGHUP)
        (_, when) = await listener.waits_for("RELOADING=1")
        assert when.startswith("MONOTONIC_USEC=")
        await listener.waits_for("READY=1")
        assert "configuration read again" in daemon.err
        daemon.signal(signal.SIGTERM)
        await listener.waits_for("STOPPING=1")
        assert (await daemon.ended(5)).code == 0


async def test_a_daemon_that_cannot_start_is_never_ready(
    tmp_path: Path, simulator: Simulator, listener: Listener
) -> None:
    """Exit code 2 comes without `READY`: whoever waits for the start knows that it failed."""
    name = written(tmp_path, tree(simulator, sinks={"local": {"type": "no such sink"}}))
    async with started(tmp_path, "run", "-c", name, environment=listener.environment) as daemon:
        assert (await daemon.ended(30)).code == 2
    assert await listener.is_silent(0.01)


async def test_signs_of_life_come_in_time(tmp_path: Path, simulator: Simulator, listener: Listener) -> None:
    """Each `WATCHDOG=1` comes before the watchdog's time is over, with one line on how it goes."""
    async with running(simulator, tmp_path, listener.environment):
        await listener.waits_for("STATUS=8 tags are read, ")
        loop = asyncio.get_running_loop()
        before = loop.time()
        for _ in range(3):
            await listener.waits_for("WATCHDOG=1")
        assert loop.time() - before < 3 * WATCHDOG_S


async def test_a_writer_that_hangs_gives_no_sign_of_life(
    tmp_path: Path, simulator: Simulator, listener: Listener
) -> None:
    """While the journal cannot be written the watchdog hears nothing; when it can, signs of life come again."""
    async with running(simulator, tmp_path, listener.environment):
        await listener.waits_for("READY=1")
        other = apsw.Connection(str(tmp_path / "journal" / "journal.db"))
        other.set_busy_timeout(1000)
        other.execute("BEGIN IMMEDIATE")
        await eventually(lambda: listener.is_silent(2 * WATCHDOG_S))
        other.execute("ROLLBACK")
        other.close()
        await listener.waits_for("WATCHDOG=1")


async def test_what_is_not_well_is_one_line(tmp_path: Path, simulator: Simulator, listener: Listener) -> None:
    """The status names what is not well, in one line whatever the error says."""
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    async with running(simulator, tmp_path, listener.environment):
        (_, status) = await listener.waits_for("STATUS=sink local: ")
    assert "a file stands" in status


async def test_abstract_sockets_are_reached(tmp_path: Path, simulator: Simulator) -> None:
    """A name that begins with @ is a socket without a file, as systemd in containers gives."""
    listener = Listener(f"@pibridge-test-{os.getpid()}")
    async with running(simulator, tmp_path, listener.environment):
        await listener.waits_for("READY=1")
    listener.close()


async def test_the_watchdog_of_another_process_is_not_ours(
    tmp_path: Path, simulator: Simulator, listener: Listener
) -> None:
    """With somebody else's WATCHDOG_PID the status is told at its own pace."""
    environment = {**listener.environment, "WATCHDOG_PID": "1"}
    async with running(simulator, tmp_path, environment):
        await listener.waits_for("READY=1")
        await eventually(lambda: listener.is_silent(3 * WATCHDOG_S))


async def test_a_listener_that_is_gone_changes_nothing(tmp_path: Path, simulator: Simulator) -> None:
    """Nobody behind NOTIFY_SOCKET: one line, and the daemon runs on."""
    environment = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "20000"}
    with capture_logs() as lines:
        async with running(simulator, tmp_path, environment):
            await eventually(lambda: simulator.channels)
    assert len([line for line in lines if line["event"] == "systemd cannot be told how it goes"]) == 1


async def test_without_systemd_nothing_is_told(tmp_path: Path, simulator: Simulator) -> None:
    """Without NOTIFY_SOCKET the daemon runs as ever, and says nothing of systemd."""
    with capture_logs() as lines:
        async with running(simulator, tmp_path, {"WATCHDOG_USEC": "20000"}):
            await eventually(lambda: simulator.channels)
    assert not [line for line in lines if "systemd" in line["event"]]
