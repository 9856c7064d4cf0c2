import re
import signal
from pathlib import Path

import aiohttp

from cli.processes import Running, pibridge, started


async def url_of(simulator: Running) -> str:
    """Wait until it listens; give the base URL that it tells."""
    await simulator.says("simulator listens")
    found = re.search(r"url=(\S+)", simulator.err)
    assert found is not None, simulator.err
    return found[1]


async def test_it_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """`pibridge simulate` says its address, answers there as PI Web API does, and ends well with Ctrl-C."""
    async with started(tmp_path, "simulate", "--port", "0") as simulator:
        url = await url_of(simulator)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/piwebapi", url)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/") as answer:
            assert "DataServers" in (await answer.json())["Links"]
        simulator.signal(signal.SIGINT)
        ended = await simulator.ended(30)
    assert ended.code == 0
    assert "Traceback" not in ended.err


async def test_it_guards_with_users_and_goes_wrong_as_told(tmp_path: Path) -> None:
    """`--user` asks for a password, `--fault` makes something go wrong."""
    arguments = ("--port", "0", "--user", "svc:right", "--fault", "status=503@path=dataservers")
    async with started(tmp_path, "simulate", *arguments) as simulator:
        url = await url_of(simulator)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/") as answer:
                assert answer.status == 401
            headers = {"Authorization": "Basic c3ZjOnJpZ2h0"}
            async with session.get(f"{url}/", headers=headers) as answer:
                assert answer.status == 200
            async with session.get(f"{url}/dataservers", headers=headers) as answer:
                assert answer.status == 503


async def test_a_fault_that_is_none_is_told(tmp_path: Path) -> None:
    """A fault that cannot be understood is one line with what there is, and exit code 1."""
    ended = await pibridge(tmp_path, "simulate", "--port", "0", "--fault", "earthquake")
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert "unknown fault 'earthquake'" in line
    assert "drop-channel" in line


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A port that is in use is one line with the address, and exit code 1."""
    async with started(tmp_path, "simulate", "--port", "0") as first:
        port = (await url_of(first)).split(":")[2].split("/")[0]
        second = tmp_path / "second"
        second.mkdir()
        ended = await pibridge(second, "simulate", "--port", port)
    assert ended.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.err
    assert "Traceback" not in ended.err
