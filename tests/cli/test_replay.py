import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cli.processes import Ended, eventually, pibridge, records, started, tree, written
from journal.samples import tags
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.simulator import Simulator

NOW = ticks.from_seconds(int(time.time()) - 3600)
EVENTS = 60


def settings(folder: Path, simulator: Simulator, port: int, **changes: Any) -> dict[str, Any]:
    """Give the configuration of a daemon whose sink has had everything."""
    return tree(
        simulator,
        journal={"path": str(folder / "journal"), "max_size": "16MiB"},
        sinks={"local": {"type": "file", "path": str(folder / "out"), "roll": {"age": "1s"}}},
        status={"listen": f"127.0.0.1:{port}"},
        **changes,
    )


@pytest.fixture
async def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give a configuration, and a journal with 60 events of two tags, a second apart, that its sink has had."""
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", max_size=16 << 20))
    numbers = await journal.describe(tags(2))
    told = [Event(numbers[i % 2], NOW + i * ticks.PER_SECOND, float(i)) for i in range(EVENTS)]
    for start in range(0, EVENTS, 10):
        await journal.commit(Lane.LIVE, told[start : start + 10], NOW)
    for lane in Lane:
        await journal.cursor("local", lane)
    await journal.advance("local", Lane.LIVE, EVENTS)
    await journal.close()
    (tmp_path / "shell").mkdir()
    return str(tmp_path / written(tmp_path, settings(tmp_path, simulator, port)))


async def replay(folder: Path, config: str, *arguments: str) -> Ended:
    """Run the command beside the daemon."""
    return await pibridge(folder / "shell", "-c", config, "replay", *arguments)


async def listed(folder: Path, config: str) -> list[dict[str, Any]]:
    """Give what `list --json` tells."""
    ended = await replay(folder, config, "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    told: list[dict[str, Any]] = json.loads(ended.out)["replays"]
    return told


def at(second: int) -> str:
    """Give the time of an event as one writes it."""
    return ticks.render(NOW + second * ticks.PER_SECOND)


def again(folder: Path) -> list[dict[str, Any]]:
    """Give the records of replays at rest, by place."""
    return sorted((each for each in records(folder / "out") if "replay" in each), key=lambda each: each["seq"])


async def test_it_says_first_what_would_be_sent(tmp_path: Path, config: str) -> None:
    """How many events, how large, of when and which tags, and what each sink's filter says; for programs, too."""
    chosen = ("--from", at(10), "--to", at(29), "--tag", "t2", "--to-sink", "local")
    ended = await replay(tmp_path, config, *chosen)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("10 events, about ")
    assert lines[0].endswith(f"of {at(11)} to {at(29)}")
    assert lines[1:] == ["1 tags: T2 10", "local: 10 pass"]
    assert ended.err == "nothing done; add --yes to have it sent\n"
    told = json.loads((await replay(tmp_path, config, *chosen, "--json")).out)
    assert (told["events"], told["tags"], told["sinks"]) == (
        10,
        {"T2": 10},
        {"local": {"admitted": 10, "withheld": {}}},
    )
    assert await listed(tmp_path, config) == []
    nowhere = await replay(tmp_path, config, "--to", at(0))
    assert "say where it is to go" in nowhere.err


async def test_what_is_wrong_is_said(tmp_path: Path, config: str) -> None:
    """A sink that is not configured, a folder that is there, a time that ends before it begins, an unknown id."""
    (tmp_path / "shell" / "there").write_text("")
    wrong = await replay(tmp_path, config, "--to-sink", "cloud", "--to-files", "there", "--yes")
    assert (wrong.code, wrong.err.splitlines()) == (
        2,
        ["--to-sink cloud: not configured; one of local", "--to-files there: is there already; name a new folder"],
    )
    backwards = await replay(tmp_path, config, "--from", "1d", "--to", "2d")
    assert (backwards.code, backwards.err) == (2, "--to 2d: is before --from 1d; exchange them\n")
    unknown = await replay(tmp_path, config, "pause", "20260101T000000")
    assert unknown.code == 1
    assert "no replay 20260101T000000" in unknown.err


async def test_files_need_no_daemon(tmp_path: Path, config: str) -> None:
    """All that is meant, marked, in a new folder; neither the journal nor the sink's files change."""
    ended = await replay(tmp_path, config, "--from", at(5), "--to", at(9), "--to-files", "found", "--yes")
    assert (ended.code, ended.err) == (0, "")
    found = records(tmp_path / "shell" / "found")
    assert [each["seq"] for each in found] == [6, 7, 8, 9, 10]
    (replay_id,) = {each["replay"] for each in found}
    (file,) = (tmp_path / "shell" / "found").glob("dt=*/*")
    assert file.name == f"replay-{replay_id}-6-10.jsonl"
    assert await listed(tmp_path, config) == []
    assert not (tmp_path / "out").exists()


async def test_without_a_daemon_it_begins_at_the_next_start(tmp_path: Path, config: str, port: int) -> None:
    """It is kept in the journal; paused it waits there, too."""
    ended = await replay(tmp_path, config, "--to", at(29), "--to-sink", "local", "--yes")
    assert "no daemon runs; it begins at the next start" in ended.out
    (waiting,) = await listed(tmp_path, config)
    assert (waiting["sink"], waiting["state"], waiting["sent"]) == ("local", "running", 0)
    assert (await replay(tmp_path, config, "pause", waiting["id"])).out == f"replay {waiting['id']}: paused\n"
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        assert again(tmp_path) == []
        assert (await replay(tmp_path, config, "resume", waiting["id"])).out == f"replay {waiting['id']}: resumed\n"
        await eventually(lambda: len(again(tmp_path)) == 30)
    assert [each["seq"] for each in again(tmp_path)] == list(range(1, 31))
    table = await replay(tmp_path, config, "list")
    assert any(line.split()[:5] == [waiting["id"], "local", "done", "100%", "30"] for line in table.out.splitlines())


async def test_the_daemon_sends_it_with_the_context_of_now(
    tmp_path: Path, config: str, simulator: Simulator, port: int
) -> None:
    """Under the original `seq`, beside the live work; what the filter keeps back now is counted; cancelled it ends."""
    mapped = {"assets": [{"points": "*T1", "asset": "Plant/R1"}]}
    changed = settings(tmp_path, simulator, port, context=mapped, filter={"assets": ["Plant/**"]})
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        written(tmp_path, changed)
        await daemon.says("configuration changed")
        ended = await replay(tmp_path, config, "--to", at(EVENTS), "--to-sink", "local", "--yes")
        assert "local: 30 pass, withheld: assets 30" in ended.out
        assert "on its way" in ended.out
        await eventually(lambda: len(again(tmp_path)) == 30)
        slow = await replay(tmp_path, config, "--to", at(EVENTS), "--to-sink", "local", "--rate", "0.001", "--yes")
        assert slow.code == 0
        running = (await listed(tmp_path, config))[-1]["id"]
        await eventually(lambda: any(each["replay"] == running for each in again(tmp_path)))
        assert (await replay(tmp_path, config, "cancel", running)).out == f"replay {running}: cancelled\n"
        first, last = await listed(tmp_path, config)
    sent = [each for each in again(tmp_path) if each["replay"] == first["id"]]
    assert [each["seq"] for each in sent] == list(range(1, EVENTS + 1, 2))
    assert {each["asset"]["path"] for each in sent} == {"Plant/R1"}
    assert (first["state"], first["sent"], first["withheld"]) == ("done", 30, {"assets": 30})
    assert (last["state"], last["sent"]) == ("cancelled", 1)


async def test_killed_in_the_middle_it_goes_on(tmp_path: Path, config: str, port: int) -> None:
    """Nothing is missing and nothing is there twice, however often the daemon is killed."""
    await replay(tmp_path, config, "--to", at(EVENTS), "--to-sink", "local", "--rate", "1", "--yes")
    for kills in range(3):
        async with started(tmp_path, "run", "-c", config) as daemon:
            await eventually(lambda: len(again(tmp_path)) > 10 * kills)  # noqa: B023 - looked at now
            daemon.signal(signal.SIGKILL)
            await daemon.ended(30)
    (found,) = await listed(tmp_path, config)
    assert found["state"] == "running"
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: len(again(tmp_path)) >= 50, 30)
    seqs = [each["seq"] for each in again(tmp_path)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_what_if_tells_the_difference_and_sends_nothing(
    tmp_path: Path, config: str, simulator: Simulator, port: int
) -> None:
    """By sink and with examples, for people and for programs; batches that nobody has read are named."""
    batches = {"plant": {"assets": "Plant/**", "tag": r"\\PISRV1\B"}}
    context = {"assets": [{"points": "*T1", "asset": "Plant/R1"}], "batches": batches}
    changed = settings(tmp_path, simulator, port, context=context, filter={"assets": ["Plant/**"]})
    (tmp_path / "other").mkdir()
    other = str(tmp_path / "other" / written(tmp_path / "other", changed))
    ended = await replay(tmp_path, config, "--from", at(0), "--what-if", other)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "60 events, 30 of them in another context"
    assert lines[1] == "local: now 60 pass; then 30 pass, withheld: assets 30; 0 more, 30 less"
    assert f"  seq 1, T1 at {at(0)}: no context -> asset Plant/R1" in lines
    assert lines[-1] == r"batches of \\PISRV1\B are unknown: nobody has read them yet"
    told = json.loads((await replay(tmp_path, config, "--what-if", other, "--json")).out)
    assert (told["events"], told["context"], told["sinks"]["local"]["lost"]) == (60, 30, 30)
    assert told["examples"][0]["record"]["seq"] == 1
    assert await listed(tmp_path, config) == []
