import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cli.processes import Ended, eventually, pibridge, records, started, tree, written
from pibridge.simulator import Simulator


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give a configuration of the brewery: one sink takes all, the other what is good and in a batch."""
    settings = tree(
        simulator,
        journal={"path": str(tmp_path / "journal"), "max_size": "16MiB"},
        filter={"quality": ["good"]},
        sinks={
            "all": {"type": "file", "path": str(tmp_path / "out"), "roll": {"age": "1s"}, "filter": {"quality": None}},
            "running": {"type": "file", "path": str(tmp_path / "running"), "filter": {"batch": "running"}},
        },
        status={"listen": f"127.0.0.1:{port}"},
    )
    (tmp_path / "shell").mkdir()
    return str(tmp_path / written(tmp_path, settings))


async def explain(folder: Path, config: str, *arguments: str) -> Ended:
    """Run the command beside the daemon."""
    return await pibridge(folder / "shell", "-c", config, "explain", *arguments)


async def asked(port: int, **query: str) -> tuple[int, dict[str, Any]]:
    """Ask the status page."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/api/explain", params=query) as answer,
    ):
        told: dict[str, Any] = await answer.json()
        return answer.status, told


async def test_a_value_is_explained_beside_the_daemon(
    tmp_path: Path, config: str, port: int, simulator: Simulator
) -> None:
    """The command and the page say the same of a record that a sink has; of one that never came, why; PI is asked.

    Without a daemon, and without PI, the rest is told; of a tag that PI refuses the daemon knows why.
    """
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: records(tmp_path / "out"))
        record = records(tmp_path / "out")[0]

        async def is_acknowledged() -> bool:
            sinks = (await asked(port, tag=record["tag"], at=record["ts"]))[1]["tags"][0]["events"][0]["sinks"]
            return all(sink["verdict"] != "waiting" for sink in sinks.values())

        await eventually(is_acknowledged)
        status, page = await asked(port, tag=record["tag"], at=record["ts"])
        ended = await explain(tmp_path, config, record["tag"], "--at", record["ts"], "--json")
        assert (status, ended.code, ended.err) == (200, 0, "")
        told = json.loads(ended.out)
        (tag,) = told["tags"]
        (event,) = tag["events"]
        assert (told["daemon"], page["daemon"]) == (True, True)
        assert tag["stream"] == "utilities"
        assert tag["is_selected"]
        assert event["record"] == record
        assert event["read"] == ("live, over a channel" if record["lane"] == "live" else "from PI's archive")
        assert {name: (sink["verdict"], sink["key"]) for name, sink in event["sinks"].items()} == {
            "all": ("delivered", ""),
            "running": ("withheld", "sinks.running.filter.batch"),
        }
        assert page["tags"][0]["events"][0]["record"] == record
        text = await explain(tmp_path, config, record["path"], "--at", "2020-01-01T00:00:00.0000003Z", "--ask-pi")
        assert (text.code, text.err) == (0, "")
        assert "no event at that time: not begun: the tag is read from " in text.out
        assert "PI's archive has nothing at that time; its last before: " in text.out
        nobody = await asked(port, tag=record["tag"] + "X", at="2020-01-01T00:00:00Z")
        assert nobody[1]["missing"]["absence"] == "no such tag"
        assert record["tag"] in nobody[1]["nearest"]
        assert (await asked(port, tag="x", at="noon"))[0] == 400
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(30)).code == 0
    alone = await explain(tmp_path, config, record["tag"], "--at", record["ts"])
    assert alone.code == 0
    assert "all: delivered: " in alone.out
    assert "note: no daemon was asked" in alone.out
    away = simulator.faults.add("status=503")
    unanswered = await explain(tmp_path, config, record["tag"], "--at", record["ts"], "--ask-pi")
    simulator.faults.remove(away.number)
    assert (unanswered.code, "PI does not say: " in unanswered.out) == (0, True)
    simulator.faults.add(f"status=403@path={record['web_id']}")
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.says("it is set aside and tried again", 30)
        refused = json.loads((await explain(tmp_path, config, record["path"], "--at", "2026-01-01", "--json")).out)
        assert "403" in refused["tags"][0]["refused"]
