import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cli.processes import Ended, eventually, fetch, pibridge, records, started, status, tree, written
from journal.samples import tags
from pibridge.journal.journal import Journal
from pibridge.journal.letters import DeadLetter
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.simulator import Simulator

HOW_TO_WRITE = "write 2026-03-01, 2026-03-01T12:00:00Z, or 7d: so long ago"
REASONS = ("too long: 131073 bytes", "unknown alias", "unknown alias")


@pytest.fixture
async def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give a configuration, and a journal that holds three dead letters of its sink."""
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", max_size=16 << 20))
    now = ticks.from_seconds(time.time())
    (number,) = await journal.describe(tags(1))
    refused = [Event(number, now + i, float(i)) for i in range(3)]
    await journal.commit(Lane.LIVE, refused, now)
    letters = [
        DeadLetter(seq, reason, json.dumps({"v": 1, "seq": seq, "tag": "T1"}).encode(), event)
        for seq, (event, reason) in enumerate(zip(refused, REASONS, strict=True), 1)
    ]
    for lane in Lane:
        await journal.cursor("local", lane)
    await journal.advance("local", Lane.LIVE, 3, letters)
    await journal.close()
    (tmp_path / "shell").mkdir()
    settings = tree(
        simulator,
        journal={"path": str(tmp_path / "journal"), "max_size": "16MiB"},
        sinks={"local": {"type": "file", "path": str(tmp_path / "out"), "roll": {"age": "1s"}}},
        status={"listen": f"127.0.0.1:{port}"},
    )
    return str(tmp_path / written(tmp_path, settings))


async def dead_letters(folder: Path, config: str, *arguments: str) -> Ended:
    """Run one of the commands beside the daemon."""
    return await pibridge(folder / "shell", "-c", config, "dead-letters", *arguments)


async def listed(folder: Path, config: str, *arguments: str) -> dict[str, Any]:
    """Give what `list --json` tells of the sink."""
    ended = await dead_letters(folder, config, "list", "--sink", "local", "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    told: dict[str, Any] = json.loads(ended.out)["sinks"]["local"]
    return told


async def test_list_counts_and_shows(tmp_path: Path, config: str) -> None:
    """By sink and reason, and the newest one by one, for people and for programs."""
    table = await dead_letters(tmp_path, config, "list")
    assert (table.code, table.err) == (0, "")
    rows = [line.split() for line in table.out.splitlines()]
    assert ["2", "unknown", "alias"] in rows
    assert any(row[:3] == ["local", "3", "T1"] for row in rows)
    told = await listed(tmp_path, config, "--reason", "Unknown", "--limit", "1")
    assert (told["dead_letters"], told["first_seq"], told["reasons"]) == (2, 2, {"unknown alias": 2})
    assert [letter["record"]["seq"] for letter in told["newest"]] == [3]
    nobody = await dead_letters(tmp_path, config, "list", "--sink", "cloud")
    assert "none" in nobody.out


async def test_export_writes_them_into_a_new_file(tmp_path: Path, config: str) -> None:
    """A line each, and never over something that is there."""
    first = await dead_letters(tmp_path, config, "export", "--sink", "local", "--output", "letters.jsonl")
    assert (first.code, first.err.strip()) == (0, "wrote 3 dead letters of local to letters.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "shell" / "letters.jsonl").read_text().splitlines()]
    assert [(line["sink"], line["reason"], line["record"]["tag"]) for line in lines] == [
        ("local", reason, "T1") for reason in REASONS
    ]
    again = await dead_letters(tmp_path, config, "export", "--sink", "local", "--output", "letters.jsonl")
    assert (again.code, again.err.strip()) == (2, "letters.jsonl is there already; name a new file with --output")


async def test_nothing_is_changed_without_yes(tmp_path: Path, config: str) -> None:
    """`drop` and `resend` say first what is meant: how many, how large, from when to when."""
    for command in ("drop", "resend"):
        ended = await dead_letters(tmp_path, config, command, "--sink", "local")
        assert ended.code == 0
        assert ended.out.startswith("local: 3 dead letters, ")
        assert "nothing done; add --yes" in ended.err
    assert (await listed(tmp_path, config))["dead_letters"] == 3


async def test_without_a_daemon_the_command_does_it(tmp_path: Path, config: str) -> None:
    """The journal is nobody's: those that are meant go, and what is to be sent waits for the daemon."""
    dropped = await dead_letters(tmp_path, config, "drop", "--sink", "local", "--reason", "too long", "--yes")
    assert (dropped.code, dropped.out.splitlines()[-1]) == (0, "1 dead letters dropped")
    sent = await dead_letters(tmp_path, config, "resend", "--sink", "local", "--seq", "3", "--yes")
    assert (sent.code, sent.out.splitlines()[-1]) == (0, "1 dead letters put on their way again")
    told = await listed(tmp_path, config)
    assert (told["dead_letters"], told["first_seq"], told["resending"]) == (1, 2, 1)
    nothing = await dead_letters(tmp_path, config, "drop", "--sink", "local", "--before", "2020-01-01", "--yes")
    assert (nothing.code, nothing.out) == (0, "local: no such dead letters\n")


async def test_what_is_no_time_is_said(tmp_path: Path, config: str) -> None:
    """A wrong time is one line that shows how to write it."""
    ended = await dead_letters(tmp_path, config, "drop", "--sink", "local", "--before", "yesterday")
    assert (ended.code, ended.err) == (2, f"--before yesterday: no time; {HOW_TO_WRITE}\n")


async def test_the_running_daemon_does_it(tmp_path: Path, config: str, port: int) -> None:
    """It is asked, answers, and sends what was refused: the records come with their `seq`; status and metrics tell."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        sink = (await status(port))["sinks"]["local"]
        assert (sink["dead_letters"], sink["last_refusal"]) == (3, "unknown alias")
        assert (await listed(tmp_path, config))["dead_letters"] == 3
        dropped = await dead_letters(tmp_path, config, "drop", "--sink", "local", "--reason", "too long", "--yes")
        assert (dropped.code, dropped.out.splitlines()[-1]) == (0, "1 dead letters dropped")
        sent = await dead_letters(tmp_path, config, "resend", "--sink", "local", "--yes")
        assert (sent.code, sent.err) == (0, "")
        await eventually(lambda: {2, 3} <= {record["seq"] for record in records(tmp_path / "out")})

        async def none_are_left() -> bool:
            sink = (await status(port))["sinks"]["local"]
            return (sink["dead_letters"], sink["resending"]) == (0, 0)

        await eventually(none_are_left)
        assert 'pibridge_sink_dead_letters{sink="local"} 0.0' in (await fetch(port, "/metrics"))[1]
    again = [record for record in records(tmp_path / "out") if record["seq"] in {2, 3}]
    assert [record["tag"] for record in again] == ["T1", "T1"]


async def test_a_daemon_killed_before_it_answers_loses_nothing(tmp_path: Path, config: str, port: int) -> None:
    """It hangs, is asked, and is killed: the command does it itself, and the next daemon sends what was asked for."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        daemon.signal(signal.SIGSTOP)
        asking = ("dead-letters", "resend", "--config", config, "--sink", "local", "--yes")
        async with started(tmp_path / "shell", *asking) as command:
            await eventually(lambda: list((tmp_path / "journal" / "requests").glob("*.request")))
            daemon.signal(signal.SIGKILL)
            ended = await command.ended(30)
        assert (ended.code, ended.out.splitlines()[-1]) == (0, "3 dead letters put on their way again")
    async with started(tmp_path, "run", "-c", config):
        await eventually(lambda: {1, 2, 3} <= {record["seq"] for record in records(tmp_path / "out")})
    assert (await listed(tmp_path, config))["dead_letters"] == 0
