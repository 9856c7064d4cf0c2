import asyncio
import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from cli.processes import eventually, fetch, pibridge, records, started, status, tree, unfinished, written
from pibridge.journal.journal import Journal
from pibridge.journal.settings import JournalSettings
from pibridge.simulator import Simulator

WITHIN_S = 5.0
"""How long a stop may take."""


def watched(simulator: Simulator, port: int, **changes: Any) -> dict[str, Any]:
    """Give a configuration with a status page."""
    return tree(simulator, **{"status": {"listen": f"127.0.0.1:{port}"}, **changes})


def guarded_by(simulator: Simulator, port: int, password: str) -> dict[str, Any]:
    """Give a configuration for a server that wants a password."""
    auth = {"method": "basic", "username": r"CORP\svc", "password": password}
    return watched(simulator, port, pi={"url": simulator.url, "auth": auth})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_leaves_everything_complete(
    tmp_path: Path, simulator: Simulator, port: int, number: signal.Signals
) -> None:
    """After SIGTERM or Ctrl-C: exit 0 within 5 s, every journaled event in complete files, a journal that is whole."""
    settings = watched(simulator, port, sinks={"local": {"type": "file", "path": "out", "roll": {"age": "5m"}}})
    async with started(tmp_path, "run", "-c", written(tmp_path, settings)) as daemon:
        await daemon.until_settled(port)
        await eventually(lambda: unfinished(tmp_path / "out"))
        daemon.signal(number)
        ended = await daemon.ended(WITHIN_S)
    assert (ended.code, ended.out) == (0, "")
    assert "Traceback" not in ended.err
    assert not unfinished(tmp_path / "out")
    journal = await Journal.open(JournalSettings(path=tmp_path / "journal", max_size=16 << 20))
    assert journal.stat().newest_seq == len(records(tmp_path / "out")) > 0
    assert set(journal.stat().lag.values()) == {0}
    await journal.close()


async def test_a_stop_in_the_first_moment_is_clean(tmp_path: Path, simulator: Simulator) -> None:
    """SIGTERM as soon as the daemon says that it started ends it with 0 as well."""
    async with started(tmp_path, "run", "-c", written(tmp_path, tree(simulator))) as daemon:
        await daemon.says('"started"')
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(WITHIN_S)).code == 0


async def test_a_stop_waits_for_no_pi_that_hangs(tmp_path: Path, simulator: Simulator) -> None:
    """A server that takes requests and never answers does not hold up the end."""
    simulator.faults.add("hang")
    async with started(tmp_path, "run", "-c", written(tmp_path, tree(simulator))) as daemon:
        await eventually(lambda: simulator.requests)
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(WITHIN_S)).code == 0


async def test_the_status_page_is_there_while_it_runs(tmp_path: Path, simulator: Simulator, port: int) -> None:
    """`/`, `/healthz`, `/readyz`, `/metrics` and `/api/status` answer while the daemon runs."""
    async with started(tmp_path, "run", "-c", written(tmp_path, watched(simulator, port))) as daemon:
        told = await daemon.until_settled(port)
        assert told["pi"]["state"] == "connected"
        assert told["streams"]["utilities"]["tags"] > 0
        assert told["sinks"]["local"]["state"] == "delivering"
        assert await fetch(port, "/healthz") == (200, "alive\n")
        code, metrics = await fetch(port, "/metrics")
        assert code == 200
        assert 'pibridge_stream_channels_open{stream="utilities"} 1.0' in metrics
        code, page = await fetch(port, "/")
        assert code == 200
        assert "<title>PI Bridge</title>" in page


async def test_a_second_daemon_is_refused(tmp_path: Path, simulator: Simulator) -> None:
    """Two daemons cannot write one journal: the second ends with 1 and one clear line; the first goes on."""
    name = written(tmp_path, tree(simulator))
    second = tmp_path / "second"
    second.mkdir()
    async with started(tmp_path, "run", "-c", name) as daemon:
        await daemon.says('"channel open"')
        settings = tree(simulator, journal={"path": str(tmp_path / "journal")})
        refused = await pibridge(second, "run", "-c", written(second, settings))
        assert refused.code == 1
        (line,) = refused.err.splitlines()
        assert line.startswith("another daemon writes the journal in ")
        assert "journal.path" in line
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(WITHIN_S)).code == 0


async def test_a_port_in_use_is_told(tmp_path: Path, simulator: Simulator, port: int) -> None:
    """A status address that is taken ends the daemon with 1 and one line with the key to change."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with server:
        ended = await pibridge(tmp_path, "run", "-c", written(tmp_path, watched(simulator, port)))
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "status.listen" in line


async def test_a_wrong_password_is_mended_without_a_restart(tmp_path: Path, guarded: Simulator, port: int) -> None:
    """A refused login is one line and few requests; the right password in its file is found, and nothing shows it."""
    secret = tmp_path / "password"
    secret.write_text("wrong-horse\n", encoding="utf-8")
    settings = guarded_by(guarded, port, f"${{file:{secret}}}")
    async with started(tmp_path, "run", "-c", written(tmp_path, settings)) as daemon:
        await daemon.says("PI refuses our login")
        first = time.monotonic()
        (line,) = [line for line in daemon.err.splitlines() if "PI refuses our login" in line]
        assert json.loads(line)["status"] == 401
        assert json.loads(line)["next_try_s"] == 5
        assert guarded.requests == 1
        told = await status(port)
        assert told["pi"]["state"] == "refused"
        await eventually(lambda: guarded.requests == 2)
        assert time.monotonic() - first > 4
        secret.write_text("right-horse\n", encoding="utf-8")
        await daemon.until_settled(port, within_s=5)
        texts = [daemon.err, json.dumps(await status(port)), (await fetch(port, "/metrics"))[1]]
        daemon.signal(signal.SIGTERM)
        texts.append((await daemon.ended(WITHIN_S)).err)
    assert "PI takes our login again" in texts[-1]
    assert not [text for text in texts if "horse" in text]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
async def test_sighup_tries_a_refused_login_at_once(tmp_path: Path, guarded: Simulator, port: int) -> None:
    """When the account was mended in PI, SIGHUP spares the waiting; the daemon runs on."""
    guarded.faults.add("password=not-yet")
    settings = guarded_by(guarded, port, "right-horse")
    async with started(tmp_path, "run", "-c", written(tmp_path, settings)) as daemon:
        await daemon.says("PI refuses our login")
        await eventually(lambda: guarded.requests == 2)
        guarded.faults.clear()
        # The next try by itself would come after ten seconds.
        daemon.signal(signal.SIGHUP)
        await daemon.until_settled(port, within_s=5)
        daemon.signal(signal.SIGTERM)
        assert (await daemon.ended(WITHIN_S)).code == 0


async def test_a_lost_link_is_a_line_and_a_gap_that_is_paid(tmp_path: Path, simulator: Simulator, port: int) -> None:
    """A channel that breaks off is told, opened again, and what was missed is read from the archive."""
    async with started(tmp_path, "run", "-c", written(tmp_path, watched(simulator, port))) as daemon:
        await daemon.until_settled(port)
        simulator.faults.add("drop-channel@count=1,after=100ms,every=100ms")
        await daemon.says("channel lost, its gap is written down")

        async def paid() -> bool:
            history = (await status(port))["history"]
            return bool(history["gaps_paid"] and not history["gaps_open"])

        await eventually(paid)
        assert (await status(port))["streams"]["utilities"]["reconnects"] == 1


async def test_a_journal_that_fails_stops_the_process(tmp_path: Path, simulator: Simulator, port: int) -> None:
    """When the journal cannot be written any more, the daemon ends by itself, with 1 and one line that says why."""
    async with started(tmp_path, "run", "-c", written(tmp_path, watched(simulator, port))) as daemon:
        await daemon.until_settled(port)
        # A database that another program changed under our feet: the next commit fails.
        with sqlite3.connect(tmp_path / "journal" / "journal.db", isolation_level=None) as other:
            other.execute("DROP TABLE chunk")
        other.close()
        ended = await daemon.ended(30)
    assert ended.code == 1
    assert "journal failed" in ended.err
    assert ended.err.splitlines()[-1].startswith("the journal could not be written: ")
    assert "Traceback" not in ended.err


async def test_an_s3_sink_without_a_region_is_told_before_pi_is_asked(tmp_path: Path, simulator: Simulator) -> None:
    """What only the sink itself can find wrong still is a line and exit code 2."""
    settings = tree(simulator, sinks={"lake": {"type": "s3", "bucket": "acme-historian"}})
    environment = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": os.devnull}
    ended = await pibridge(tmp_path, "run", "-c", written(tmp_path, settings), environment=environment)
    assert ended.code == 2
    assert "sinks.lake" in ended.err.splitlines()[-1]
    assert "region" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert simulator.requests == 0


async def test_greengrass_is_a_place_of_its_own(tmp_path: Path) -> None:
    """Outside a component, and beside a file, `--greengrass` is told to be wrong, with exit code 2."""
    alone = await pibridge(tmp_path, "run", "--greengrass")
    assert alone.code == 2
    assert alone.err.startswith("--greengrass: works only inside a Greengrass component")
    both = await pibridge(tmp_path, "run", "--greengrass", "--config", "plant.yaml")
    assert (both.code, both.err) == (2, "--greengrass: the configuration comes from the nucleus; leave out --config\n")
