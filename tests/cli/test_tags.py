import csv
import io
import json
from pathlib import Path

import pytest

from cli.processes import pibridge, tree, written
from pibridge.simulator import Simulator

STREAMS = {
    "reactors": {
        "select": {"element": r"\\AF1\Plant\Area1", "template": "Reactor", "attributes": ["Temperature"]},
    },
    "utilities": {"select": {"points": [r"\\PISRV1\U.Air*", r"\\PISRV1\NOWHERE"]}},
}


@pytest.fixture
def config(tmp_path: Path, simulator: Simulator) -> str:
    """Points, attributes, and one point that is not there."""
    return written(tmp_path, tree(simulator, streams=STREAMS))


async def test_json_has_one_tag_a_line(tmp_path: Path, config: str) -> None:
    """`tags --json` tells stream, mode, name, path, unit, asset and WebID of each tag."""
    ended = await pibridge(tmp_path, "tags", "-c", config, "--json")
    assert ended.code == 0
    rows = {row["tag"]: row for row in map(json.loads, ended.out.splitlines())}
    row = rows["Plant/Area1/R1|Temperature"]
    assert row["asset"] == "Plant/Area1/R1"
    assert row["template"] == "Reactor"
    assert row["path"] == r"\\AF1\Plant\Area1\R1|Temperature"
    assert row["mode"] == "realtime"
    assert rows["U.Air.Pressure"]["stream"] == "utilities"
    assert rows["U.Air.Pressure"]["web_id"].startswith("I1DP")


async def test_csv_is_read_by_a_spreadsheet(tmp_path: Path, config: str) -> None:
    """`tags --csv` has a head and the same rows as `--json`."""
    as_csv = await pibridge(tmp_path, "tags", "-c", config, "--csv")
    as_json = await pibridge(tmp_path, "tags", "-c", config, "--json")
    assert list(csv.DictReader(io.StringIO(as_csv.out))) == [json.loads(line) for line in as_json.out.splitlines()]


async def test_a_table_for_people(tmp_path: Path, config: str) -> None:
    """Without an option there is a table, with the number of tags above."""
    ended = await pibridge(tmp_path, "tags", "-c", config)
    assert ended.code == 0
    title, head, *rows = ended.out.splitlines()
    assert title.strip() == f"{len(rows)} tags"
    assert head.split() == ["stream", "tag", "path", "unit"]
    assert ["utilities", "U.Air.Pressure", r"\\PISRV1\U.Air.Pressure", "bar"] in [row.split() for row in rows]


async def test_what_is_left_out_is_told_on_stderr(tmp_path: Path, config: str) -> None:
    """A tag that is not found is a line with stream, path and reason, beside the others' rows."""
    ended = await pibridge(tmp_path, "tags", "-c", config, "--json")
    (line,) = ended.err.splitlines()
    assert line.startswith(r"utilities: \\PISRV1\NOWHERE: ")


async def test_pi_that_cannot_be_reached_is_one_line(tmp_path: Path, port: int, simulator: Simulator) -> None:
    """Without PI there is exit code 1 and one line that names the server."""
    config = written(tmp_path, tree(simulator, pi={"url": f"http://127.0.0.1:{port}/piwebapi"}))
    ended = await pibridge(tmp_path, "tags", "-c", config)
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert f"no connection to 127.0.0.1:{port}" in line


async def test_a_shard_has_its_share(tmp_path: Path, simulator: Simulator) -> None:
    """The tags of all shards together are all tags, each once; the table says how many this one has."""
    rows = []
    for index in range(2):
        shard = {"index": "${env:SHARD}", "of": 2}
        config = written(tmp_path, tree(simulator, streams=STREAMS, shard=shard))
        ended = await pibridge(tmp_path, "tags", "-c", config, "--json", environment={"SHARD": str(index)})
        rows.append([json.loads(line)["tag"] for line in ended.out.splitlines()])
    together = sorted(rows[0] + rows[1])
    assert len(set(together)) == len(together) > len(rows[1]) > 0
    ended = await pibridge(tmp_path, "tags", "-c", config, environment={"SHARD": "1"})
    assert ended.out.splitlines()[0].strip() == f"{len(rows[1])} tags of {len(together)}: shard 1 of 2"
