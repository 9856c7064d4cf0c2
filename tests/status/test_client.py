from pathlib import Path

import pytest
from aiohttp import web

from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.model.settings import Secret
from pibridge.status.client import ask
from pibridge.status.lines import Lines
from pibridge.status.server import StatusServer
from pibridge.status.settings import StatusSettings
from status.stage import staged

TOKEN = Secret.of("a-token-of-the-plant")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "0.0.0.0", "[::]", "localhost"])  # noqa: S104 - to be asked here
async def test_the_daemon_is_found_where_it_listens(tmp_path: Path, port: int, host: str) -> None:
    """Also where it listens on all addresses, and with its token."""
    settings = StatusSettings(listen=f"{host}:{port}", token=TOKEN)
    async with staged(tmp_path) as stage:
        server = StatusServer(settings, stage, Lines())
        await server.start()
        assert (await ask(settings)).site == "houston"
        await server.close()


async def test_nobody_there_is_an_outcome_of_its_own(port: int) -> None:
    """So that the journal can be read instead."""
    with pytest.raises(UnavailableError, match=f"nobody listens on 127.0.0.1:{port}"):
        await ask(StatusSettings(listen=f"127.0.0.1:{port}"))


async def test_a_wrong_token_says_what_to_do(tmp_path: Path, port: int) -> None:
    """It is not the configuration of that daemon."""
    listen = f"127.0.0.1:{port}"
    async with staged(tmp_path) as stage:
        server = StatusServer(StatusSettings(listen=listen, token=TOKEN), stage, Lines())
        await server.start()
        with pytest.raises(PIBridgeError, match=r"refuses our status\.token"):
            await ask(StatusSettings(listen=listen))
        await server.close()


async def test_another_program_is_recognized(port: int) -> None:
    """What answers otherwise is no PI Bridge."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    with pytest.raises(PIBridgeError, match="is no PI Bridge of this version"):
        await ask(StatusSettings(listen=f"127.0.0.1:{port}"))
    await runner.cleanup()
