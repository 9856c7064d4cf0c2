import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.processes import pibridge, started, tree, written
from pibridge.simulator import Simulator

TOKEN = "a-token-of-the-plant"


@pytest.fixture
def settings(simulator: Simulator, port: int) -> dict[str, Any]:
    """Read the brewery, with a page that asks for a token."""
    return tree(simulator, status={"listen": f"127.0.0.1:{port}", "token": "${env:STATUS_TOKEN}"})


async def test_the_running_daemon_is_asked(tmp_path: Path, settings: dict[str, Any], port: int) -> None:
    """With the token of the configuration; for people and for programs; 0 as soon as all is well."""
    environment = {"STATUS_TOKEN": TOKEN}
    config = written(tmp_path, settings)
    (tmp_path / "shell").mkdir()
    arguments = ("-c", str(tmp_path / config), "status")
    async with started(tmp_path, "run", "-c", config, environment=environment) as daemon:
        await daemon.says('"started"')
        code = 1
        while code:
            told = await pibridge(tmp_path / "shell", *arguments, "--json", environment=environment)
            code = told.code
        assert told.err == ""
        status = json.loads(told.out)
        assert (status["site"], status["pi"]["state"], status["reasons"]) == ("brewery", "connected", [])
        shown = await pibridge(tmp_path / "shell", *arguments, environment=environment)
        assert shown.code == 0
        assert "brewery  ready" in shown.out
        refused = await pibridge(
            tmp_path / "shell", *arguments, environment={"STATUS_TOKEN": "another-token-of-the-plant"}
        )
        assert refused.code == 1
        assert f"the daemon on 127.0.0.1:{port} refuses our status.token" in refused.err


async def test_without_a_daemon_the_journal_is_read(tmp_path: Path, settings: dict[str, Any], port: int) -> None:
    """And that is said; the words are the same, the exit code is 1."""
    environment = {"STATUS_TOKEN": TOKEN}
    config = written(tmp_path, settings)
    nothing = await pibridge(tmp_path, "-c", config, "status", environment=environment)
    assert nothing.code == 1
    assert "no journal in journal" in nothing.err
    async with started(tmp_path, "run", "-c", config, environment=environment) as daemon:
        await daemon.says('"channel open"')
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(30)).code == 0
    told = await pibridge(tmp_path, "-c", config, "status", "--json", environment=environment)
    assert told.code == 1
    status = json.loads(told.out)
    assert status["reasons"] == [f"no daemon answers on 127.0.0.1:{port}: this is what the journal says"]
    assert (status["pi"]["state"], status["sinks"]["local"]["state"]) == ("not running", "not running")
    assert status["journal"]["newest_seq"] > 0


async def test_watching_goes_on_until_it_is_stopped(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A JSON object a line, one every two seconds; Ctrl-C ends it well."""
    settings["status"] = None
    config = written(tmp_path, settings)
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.says('"channel open"')
        (tmp_path / "shell").mkdir()
        settings["journal"]["path"] = str(tmp_path / "journal")
        other = written(tmp_path / "shell", settings)
        async with started(tmp_path / "shell", "-c", other, "status", "--json", "--watch") as watching:
            out = tmp_path / "shell" / "stdout"
            while out.read_bytes().count(b"\n") < 2:
                await watching.says("")
            watching.signal(signal.SIGINT)
            ended = await watching.ended(30)
    assert ended.code == 0
    for line in ended.out.splitlines():
        assert json.loads(line)["reasons"] == ["status: null, no daemon can be asked: this is what the journal says"]
