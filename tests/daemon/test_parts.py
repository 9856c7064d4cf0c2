import asyncio
from pathlib import Path

from aiohttp import ClientSession
from structlog.testing import capture_logs

from cli.processes import status
from daemon.plant_file import followed, points
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.simulator import Simulator


async def test_a_page_that_cannot_move_stays_where_it_was(simulator: Simulator, tmp_path: Path, port: int) -> None:
    """When the new address is taken the page answers at the old one, and nothing else of that configuration holds."""
    page = {"listen": f"127.0.0.1:{port}"}
    async with (
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as taken,
        followed(tmp_path, simulator, status=page) as daemon,
    ):
        other = {"listen": f"127.0.0.1:{taken.sockets[0].getsockname()[1]}"}
        (reason,) = await daemon.refused(status=other, streams={"sinus": points("SINUSOID")})
        assert other["listen"] in reason
        told = await status(port)
        assert list(told["streams"]) == ["utilities"]
        assert told["configuration"]["refused"] == [reason]


async def test_the_page_moves_to_another_address_of_the_same_port(
    simulator: Simulator, tmp_path: Path, port: int
) -> None:
    """The old address is given up first, so that a wider one of the same port can be had."""
    async with followed(tmp_path, simulator, status={"listen": f"127.0.0.1:{port}"}) as daemon:
        token = "a-token-of-the-plant"
        await daemon.change(status={"listen": f"0.0.0.0:{port}", "token": token})
        address, headers = f"http://127.0.0.1:{port}/api/status", {"Authorization": f"Bearer {token}"}
        async with ClientSession() as client, client.get(address, headers=headers) as answer:
            assert (await answer.json())["site"] == "brewery"


async def test_sinks_of_an_earlier_configuration_are_forgotten(simulator: Simulator, tmp_path: Path) -> None:
    """A sink that went while the daemon was down holds up the journal no longer, and that is told."""
    gone = {"type": "file", "path": str(tmp_path / "gone")}
    async with followed(tmp_path, simulator, sinks={"gone": gone}):
        pass
    with capture_logs() as lines:
        async with followed(tmp_path, simulator):
            pass
    (line,) = [line for line in lines if line["event"].startswith("sink forgotten")]
    assert line["sink"] == "gone"
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", max_size=16 << 20))
    assert {name for name, _ in journal.stat().lag} == {"local"}
    await journal.close()
