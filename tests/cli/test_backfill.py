import json
from pathlib import Path
from typing import Any

import pytest

from cli.processes import Ended, eventually, pibridge, records, started, tree, written
from pibridge.simulator import Simulator


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give the configuration of a daemon that reads the brewery's utilities."""
    (tmp_path / "shell").mkdir()
    settings = tree(
        simulator,
        journal={"path": str(tmp_path / "journal"), "max_size": "16MiB"},
        sinks={"local": {"type": "file", "path": str(tmp_path / "out"), "roll": {"age": "1s"}}},
        status={"listen": f"127.0.0.1:{port}"},
    )
    return str(tmp_path / written(tmp_path, settings))


async def command(folder: Path, config: str, *arguments: str) -> Ended:
    """Run a command beside the daemon."""
    return await pibridge(folder / "shell", "-c", config, *arguments)


async def listed(folder: Path, config: str) -> list[dict[str, Any]]:
    """Give what `backfill list --json` tells."""
    ended = await command(folder, config, "backfill", "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    told: list[dict[str, Any]] = json.loads(ended.out)["backfills"]
    return told


async def are_done(folder: Path, config: str) -> bool:
    """Tell whether nothing is on its way."""
    return {each["state"] for each in await listed(folder, config)} == {"done"}


async def test_the_daemon_reads_it(tmp_path: Path, config: str, port: int) -> None:
    """A preview first; what was read is not read again."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        chosen = ("backfill", "--from", "30m", "--to", "20m", "--tag", "U.Pow*")
        before = await command(tmp_path, config, *chosen)
        assert before.out.startswith("1 of 1 tags to be read, from ")
        assert before.err == "nothing done; add --yes to have it read\n"
        assert "the daemon is at it" in (await command(tmp_path, config, *chosen, "--yes")).out
        await eventually(lambda: are_done(tmp_path, config), 30)
        await eventually(lambda: [each for each in records(tmp_path / "out") if each["lane"] == "history"])
        again = await command(tmp_path, config, "backfill", "--from", "29m", "--to", "21m", "--tag", "U.Pow*", "--yes")
        assert again.out == "1 tags, and all of that time was read, or is about to be\n"
    assert {each["tag"] for each in records(tmp_path / "out") if each["lane"] == "history"} >= {"U.Power"}


async def test_what_is_asked_without_a_daemon_waits_for_the_next_start(tmp_path: Path, config: str, port: int) -> None:
    """It is said, listed, and turned as it is with one."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
    waits = await command(tmp_path, config, "reread", "--from", "10m", "--stream", "utilities", "--yes")
    assert "tags, 0.2 hours of each to be compared" in waits.out
    assert "no daemon runs; it begins at the next start" in waits.out
    later = await command(
        tmp_path, config, "backfill", "--from", "40m", "--to", "30m", "--stream", "utilities", "--yes"
    )
    (reread, waiting) = await listed(tmp_path, config)
    assert (reread["kind"], reread["state"], waiting["tags"]) == ("reread", "running", None)
    assert waiting["id"] in later.out
    for order, said in (("pause", "paused"), ("resume", "resumed"), ("cancel", "cancelled")):
        ended = await command(tmp_path, config, "backfill", order, waiting["id"])
        assert ended.out == f"backfill {waiting['id']}: {said}\n"
    over = await command(tmp_path, config, "backfill", "pause", waiting["id"])
    assert over.out == f"backfill {waiting['id']}: nothing of it to be paused\n"
    async with started(tmp_path, "run", "-c", config):

        async def is_compared() -> bool:
            return [each["state"] for each in await listed(tmp_path, config)] == ["done", "cancelled"]

        await eventually(is_compared, 30)
    table = (await command(tmp_path, config, "backfill", "list")).out
    assert any(line.split()[:4] == [reread["id"], "reread", "done", "100%"] for line in table.splitlines())


async def test_what_is_wrong_is_said(tmp_path: Path, config: str, port: int) -> None:
    """No beginning, a stream that is not configured, no tag that is meant."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        wrong = await command(tmp_path, config, "backfill")
        assert (wrong.code, wrong.err) == (2, "--from: is missing; say from when on: 2026-03-01, or 7d ago\n")
        wrong = await command(tmp_path, config, "reread", "--from", "1d", "--stream", "nosuch")
        assert (wrong.code, wrong.err) == (2, "--stream nosuch: not configured; one of utilities\n")
        nothing = await command(tmp_path, config, "backfill", "--from", "1d", "--tag", "NOSUCH", "--yes")
        assert (nothing.code, nothing.out) == (0, "no known tag is meant; pibridge tags shows those that are read\n")
        assert await listed(tmp_path, config) == []
