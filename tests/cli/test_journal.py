import json
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.processes import Ended, eventually, pibridge, records, started, status, tree, written
from journal.samples import NOW, events, noise, opened, raw
from pibridge.journal.gaps import NewGap
from pibridge.journal.letters import DeadLetter
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.simulator import Simulator


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator, port: int) -> str:
    """Give a configuration of the brewery, whose journal is in `journal`."""
    settings = tree(
        simulator,
        journal={"path": str(tmp_path / "journal"), "max_size": "32MiB", "retain": "0s"},
        sinks={"local": {"type": "file", "path": str(tmp_path / "out"), "roll": {"age": "1s"}}},
        context={"assets": [{"points": r"\\PI\T1", "asset": "Plant/R1"}]},
        status={"listen": f"127.0.0.1:{port}"},
    )
    (tmp_path / "shell").mkdir()
    return str(tmp_path / written(tmp_path, settings))


@pytest.fixture
async def filled(tmp_path: Path, config: str) -> str:
    """Give the same with something in the journal: T1 live, T2 from the archive, a gap, a dead letter."""
    async with opened(tmp_path / "journal") as journal:
        for lane in Lane:
            await journal.cursor("local", lane)
        await journal.commit(Lane.LIVE, events(50), NOW)
        await journal.commit(Lane.HISTORY, events(20, tag=2), NOW)
        await journal.advance("local", Lane.LIVE, 50, [DeadLetter(3, "too long", b"{}", Event(1, NOW, 1))])
        await journal.open_gaps([NewGap(3, NOW, None, "a channel lost")])
    return config


async def journal(folder: Path, config: str, *arguments: str, within_s: float = 30.0) -> Ended:
    """Run one of the commands beside the daemon."""
    return await pibridge(folder / "shell", "-c", config, "journal", *arguments, within_s=within_s)


def lines(text: str) -> list[dict[str, Any]]:
    """Give the records of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


async def test_stat_tells_how_it_is(tmp_path: Path, filled: str) -> None:
    """For people and for programs, without a daemon."""
    table = await journal(tmp_path, filled, "stat")
    assert (table.code, table.err) == (0, "")
    assert "70 in 2 chunks, seq 1 to 70, of 3 tags" in table.out
    assert "1: a channel lost" in table.out
    told = json.loads((await journal(tmp_path, filled, "stat", "--json")).out)
    assert (told["events"], told["gaps"]["reasons"], told["held"]) == (70, {"a channel lost": 1}, 0)
    assert told["gaps"]["first"] == ticks.render(NOW)
    lanes = told["sinks"]["local"]
    assert [(lanes[lane]["seq"], lanes[lane]["lag_events"]) for lane in ("live", "history")] == [(50, 0), (0, 20)]
    assert told["dead_letters"]["local"]["kept"] == 1


async def test_tail_shows_the_newest_records(tmp_path: Path, filled: str) -> None:
    """As sinks get them: with the asset that the configuration gives; of both lanes in the journal's order."""
    newest = await journal(tmp_path, filled, "tail", "-n", "3")
    assert (newest.code, newest.err) == (0, "")
    assert [(line["seq"], line["lane"]) for line in lines(newest.out)] == [(n, "history") for n in (68, 69, 70)]
    of_one = lines((await journal(tmp_path, filled, "tail", "-n", "2", "--tag", "t1")).out)
    assert [(line["seq"], line["asset"]) for line in of_one] == [(n, {"path": "Plant/R1"}) for n in (49, 50)]


async def test_export_writes_what_is_meant(tmp_path: Path, filled: str) -> None:
    """To standard output or into a new file, whole or not at all, by time, tag, asset and lane."""
    some = ("--from", ticks.render(NOW + 5), "--to", ticks.render(NOW + 7))
    told = await journal(tmp_path, filled, "export", *some, "--tag", "T?")
    assert [line["seq"] for line in lines(told.out)] == [6, 7, 8, 56, 57, 58]
    assert told.err.splitlines()[-1] == "wrote 6 records to standard output"
    by_asset = ("--asset", "Plant/**", "--lane", "live", "--output", "some.jsonl")
    into_file = await journal(tmp_path, filled, "export", *some, *by_asset)
    assert (into_file.code, into_file.err.splitlines()[-1]) == (0, "wrote 3 records to some.jsonl")
    assert [line["seq"] for line in lines((tmp_path / "shell" / "some.jsonl").read_text())] == [6, 7, 8]
    again = await journal(tmp_path, filled, "export", "--output", "some.jsonl")
    assert (again.code, again.err.strip()) == (2, "some.jsonl is there already; name a new file with --output")
    assert sorted(file.name for file in (tmp_path / "shell").iterdir()) == ["some.jsonl", "stderr", "stdout"]


async def test_export_makes_parquet(tmp_path: Path, filled: str) -> None:
    """The same columns as the sinks make."""
    ended = await journal(tmp_path, filled, "export", "--output", "all.parquet")
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "wrote 70 records to all.parquet")
    table = pq.read_table(tmp_path / "shell" / "all.parquet")
    assert sorted(table["seq"].to_pylist()) == list(range(1, 71))
    assert set(table["tag"].to_pylist()) == {"T1", "T2"}


async def test_verify_says_what_is_damaged(tmp_path: Path, filled: str) -> None:
    """Exit code 0 while it is whole; with a flipped bit 1, and the part is named."""
    whole = await journal(tmp_path, filled, "verify")
    assert (whole.code, whole.err) == (0, "")
    assert whole.out.splitlines()[2:4] == ["ok    chunks: 2", "ok    positions: 70"]
    async with opened(tmp_path / "journal") as more:
        await more.commit(Lane.LIVE, noise(500), NOW)
    db = raw(tmp_path / "journal")
    payload: bytes = db.execute("SELECT payload FROM chunk WHERE seq = 71").get
    db.close()
    file = tmp_path / "journal" / "journal.db"
    content = bytearray(file.read_bytes())
    content[content.index(payload[8000:8100])] ^= 8
    file.write_bytes(content)
    damaged = await journal(tmp_path, filled, "verify", "--json")
    assert damaged.code == 1
    faults = {area["name"]: area["faults"] for area in lines(damaged.out) if area["faults"]}
    assert list(faults) == ["pages", "structure", "chunks"]
    assert faults["chunks"][0].startswith("events 71 to 570 of live: ")
    left = await journal(tmp_path, filled, "export")
    assert (left.code, "cannot be read and are left out" in left.err) == (1, True)
    assert [line["seq"] for line in lines(left.out)] == list(range(1, 71))


async def test_compact_without_a_daemon(tmp_path: Path, config: str) -> None:
    """The command does it itself, and says by how much the file is smaller."""
    async with opened(tmp_path / "journal") as filling:
        await filling.cursor("local", Lane.LIVE)
        for seed in range(30):
            await filling.commit(Lane.LIVE, noise(1000, seed=seed), NOW)
    db = raw(tmp_path / "journal")
    db.execute("DELETE FROM chunk")
    db.execute("UPDATE tally SET events = 0")
    db.close()
    before = (tmp_path / "journal" / "journal.db").stat().st_size
    ended = await journal(tmp_path, config, "compact")
    assert ended.code == 0
    assert ended.out.startswith("the file is smaller by 3.")
    assert (tmp_path / "journal" / "journal.db").stat().st_size < before / 2


async def test_a_daemon_does_not_notice(tmp_path: Path, config: str, port: int) -> None:
    """Beside it `tail -f`, exports, verifications and a compaction run: its log stays small, and nothing is lost."""
    async with started(tmp_path, "run", "-c", config) as daemon:
        await daemon.until_settled(port)
        log = tmp_path / "journal" / "journal.db-wal"
        largest = 0
        async with started(tmp_path / "shell", "-c", config, "journal", "tail", "-f", "-n", "5") as following:
            shell = tmp_path / "other"
            (shell / "shell").mkdir(parents=True)
            for _ in range(2):
                for command in (("export",), ("verify",), ("stat",), ("compact",)):
                    ended = await journal(shell, config, *command)
                    assert ended.code == 0, ended.err + ended.out
                    largest = max(largest, log.stat().st_size)
            told = (await status(port))["journal"]["newest_seq"]
            out = tmp_path / "shell" / "stdout"
            await eventually(lambda: lines(out.read_text().rpartition("\n")[0])[-1]["seq"] >= told)
            following.signal(signal.SIGINT)
            tailed = lines((await following.ended(30)).out)
            assert following.err == ""
        seqs = [line["seq"] for line in tailed]
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        assert largest < 6 << 20
        daemon.signal(signal.SIGTERM)
        ended = await daemon.ended(30)
    assert ended.code == 0
    assert not [line for line in ended.err.splitlines() if '"level":"error"' in line or "journal full" in line]
    by_seq = {record["seq"]: record for record in records(tmp_path / "out")}
    assert [by_seq[line["seq"]] for line in tailed] == tailed
