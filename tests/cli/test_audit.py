import json
from pathlib import Path
from typing import Any

import pytest

from cli.processes import Ended, eventually, pibridge, records, started, tree, written
from pibridge.cli import audit as audit_module
from pibridge.model import ticks
from pibridge.simulator import Simulator

PAST = ("--from", "8m", "--to", "1m")


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give the configuration of a daemon that has read ten minutes of the brewery's utilities."""
    (tmp_path / "shell").mkdir()
    points = [r"\\PISRV1\U*"]
    settings = tree(
        simulator,
        streams={"utilities": {"select": {"points": points}, "backfill": "10m"}},
        journal={"path": str(tmp_path / "journal"), "max_size": "16MiB"},
        sinks={"local": {"type": "file", "path": str(tmp_path / "out"), "roll": {"age": "1s"}}},
        status={"listen": f"127.0.0.1:{port}"},
    )
    return str(tmp_path / written(tmp_path, settings))


async def audit(folder: Path, config: str, *arguments: str) -> Ended:
    """Run the command."""
    return await pibridge(folder / "shell", "-c", config, "audit", *arguments)


async def told(folder: Path, config: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Give its exit code, and what it tells programs."""
    ended = await audit(folder, config, *arguments, "--json")
    assert ended.err == ""
    return ended.code, json.loads(ended.out)


async def is_delivered(folder: Path, config: str) -> bool:
    """Tell whether all of the past has been read and delivered."""
    _, said = await told(folder, config, *PAST)
    count = said["count"]
    return count["owed"] == 0 and count["journaled"] > 100 and "waiting" not in count["sinks"]["local"]["verdicts"]


async def test_a_deleted_line_is_found_and_mended(tmp_path: Path, config: str, port: int) -> None:
    """Beside the daemon: all is well, exit code 0; a line goes, 1 and the finding; --repair sends it again, 0."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: is_delivered(tmp_path, config), 60)
        fine = await audit(tmp_path, config, *PAST)
        assert (fine.code, fine.err) == (0, "")
        assert "all of these in its files\n" in fine.out
        assert fine.out.endswith("unexplained: 0\n")
        span = [ticks.render(moment) for moment in _between(await told(tmp_path, config, *PAST))]
        lost = _lose_a_line(tmp_path / "out", *span)
        chosen = ("--from", span[0], "--to", span[1])
        code, said = await told(tmp_path, config, *chosen)
        assert (code, said["unexplained"], said["repaired"]) == (1, 1, 0)
        assert said["findings"] == [
            {
                "what": "absent",
                "tag": lost["tag"],
                "path": lost["path"],
                "ts": lost["ts"],
                "journal": lost["value"],
                "sink": "local",
                "seq": lost["seq"],
            }
        ]
        text = await audit(tmp_path, config, *chosen, "--tag", lost["tag"])
        assert text.code == 1
        assert f"absent   {lost['tag']} at {lost['ts']}: seq {lost['seq']} is in no file of local\n" in text.out
        assert text.out.endswith("unexplained: 1\nadd --repair to have it mended\n")
        code, said = await told(tmp_path, config, *chosen, "--repair")
        assert (code, said["unexplained"], said["repaired"]) == (0, 0, 1)
        (again,) = [record for record in records(tmp_path / "out") if record["seq"] == lost["seq"]]
        assert again["replay"]
        assert {key: again[key] for key in ("tag", "ts", "value")} == {key: lost[key] for key in ("tag", "ts", "value")}
    alone = await audit(tmp_path, config, *chosen)
    assert (alone.code, alone.out.endswith("unexplained: 0\n")) == (0, True)
    after = await audit(tmp_path, config, "--to", ticks.render(ticks.from_seconds(4e9)), "--stream", "utilities")
    assert "unexplained: 0\n" in after.out


async def test_without_a_daemon_mending_is_left_to_the_next(tmp_path: Path, config: str, port: int) -> None:
    """It is ordered, said so, and done once one runs."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: is_delivered(tmp_path, config), 60)
    span = [ticks.render(moment) for moment in _between(await told(tmp_path, config, *PAST))]
    lost = _lose_a_line(tmp_path / "out", *span)
    ordered = await audit(tmp_path, config, "--from", span[0], "--to", span[1], "--repair")
    assert ordered.code == 1
    assert ordered.out.endswith("what can be mended is ordered; it is done once a daemon runs, then audit again\n")
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: any(each["seq"] == lost["seq"] for each in records(tmp_path / "out")), 30)
        assert (await audit(tmp_path, config, "--from", span[0], "--to", span[1])).code == 0


async def test_a_tag_that_pi_does_not_give_is_no_clean_audit(
    tmp_path: Path, config: str, port: int, simulator: Simulator
) -> None:
    """The exit code says so, as does the last line."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: is_delivered(tmp_path, config), 60)
    assert (await audit(tmp_path, config, *PAST)).code == 0
    name = next(point.name for point in simulator.plant.points.values() if point.name.startswith("U"))
    simulator.faults.add(f"stream-error@tag={name}")
    partly = await audit(tmp_path, config, *PAST)
    assert (partly.code, partly.out.splitlines()[-1]) == (1, "unexplained: 0; not compared: 1 tags")


async def test_what_makes_no_sense_is_said(tmp_path: Path, config: str, port: int) -> None:
    """A stream that is not configured, and time that has not settled; without PI there is no audit."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
    unknown = await audit(tmp_path, config, "--stream", "nothing")
    assert (unknown.code, "--stream nothing: not configured; one of utilities" in unknown.err) == (2, True)
    early = await audit(tmp_path, config, "--from", "1m")
    assert early.code == 2
    assert "--from: that time has not settled yet; it has up to " in early.err


def test_time_is_parted_by_hours() -> None:
    """Nothing is left out, nothing is in two parts; the first and the last may be shorter."""
    hour = 3600 * ticks.PER_SECOND
    parts = list(audit_module._hours(hour - 5, 3 * hour))
    assert parts == [(hour - 5, hour - 1), (hour, 2 * hour - 1), (2 * hour, 3 * hour - 1), (3 * hour, 3 * hour)]


def _between(said: tuple[int, dict[str, Any]]) -> tuple[int, int]:
    """Give the time that was audited: as it was meant then, however late it is."""
    return ticks.parse(said[1]["from"]), ticks.parse(said[1]["to"])


def _lose_a_line(out: Path, start: str, end: str) -> dict[str, Any]:
    """Delete a record of that time from its file; give it."""
    for file in sorted(out.glob("dt=*/*.jsonl")):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        for line in lines:
            record: dict[str, Any] = json.loads(line)
            if start <= record["ts"] <= end:
                file.write_text("".join(each for each in lines if each is not line), encoding="utf-8")
                return record
    raise AssertionError(f"nothing of {start} to {end}")
