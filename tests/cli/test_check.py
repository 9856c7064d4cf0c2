import json
from pathlib import Path

from cli.processes import Ended, pibridge, tree, written
from pibridge.simulator import Simulator

PARTS = ["configuration", "pi", "streams.utilities", "channel", "sinks.local"]


async def check(folder: Path, *options: str, **changes: object) -> Ended:
    """Check a configuration; `changes` are its keys."""
    return await pibridge(folder, "check", "-c", written(folder, dict(changes)), *options)


async def test_all_is_well(tmp_path: Path, simulator: Simulator) -> None:
    """Each part is one line that begins with ok, the server says who it is, and the exit code is 0."""
    ended = await check(tmp_path, **tree(simulator))
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [tuple(line.split()[:2]) for line in lines] == [("ok", f"{part}:") for part in PARTS]
    assert "PI Web API 1.19.0.0 at 127.0.0.1" in lines[1]
    assert "such as U." in lines[2]


async def test_it_leaves_nothing_behind(tmp_path: Path, simulator: Simulator) -> None:
    """A check opens no journal, and its test file is gone."""
    await check(tmp_path, **tree(simulator))
    assert not (tmp_path / "journal").exists()
    assert not list((tmp_path / "out").iterdir())


async def test_a_wrong_url_is_told(tmp_path: Path, simulator: Simulator) -> None:
    """A path below which there is no PI Web API is WRONG, and the exit code is 1."""
    ended = await check(tmp_path, **tree(simulator, pi={"url": f"{simulator.origin}/pi"}))
    assert ended.code == 1
    assert "WRONG pi: " in ended.out
    assert "ok    sinks.local" in ended.out


async def test_nobody_there_is_told(tmp_path: Path, simulator: Simulator, port: int) -> None:
    """A port where nobody listens is WRONG with the address."""
    ended = await check(tmp_path, **tree(simulator, pi={"url": f"http://127.0.0.1:{port}/piwebapi"}))
    assert ended.code == 1
    assert f"WRONG pi: no connection to 127.0.0.1:{port}" in ended.out


async def test_a_refused_login_is_told_once(tmp_path: Path, guarded: Simulator) -> None:
    """A wrong password is WRONG with what to do, asked once, and the password is nowhere in the output."""
    auth = {"method": "basic", "username": r"CORP\svc", "password": "wrong-horse"}
    ended = await check(tmp_path, **tree(guarded, pi={"url": guarded.url, "auth": auth}))
    assert ended.code == 1
    assert "WRONG pi: PI answered 401" in ended.out
    assert "-> check pi.auth" in ended.out
    assert "wrong-horse" not in ended.out + ended.err
    assert guarded.requests == 1


async def test_who_we_are_is_told(tmp_path: Path, guarded: Simulator) -> None:
    """With the right password the line of PI says as whom."""
    auth = {"method": "basic", "username": r"CORP\svc", "password": "right-horse"}
    ended = await check(tmp_path, **tree(guarded, pi={"url": guarded.url, "auth": auth}))
    assert ended.code == 0
    assert r"as CORP\svc" in ended.out
    assert "right-horse" not in ended.out + ended.err


async def test_unknown_tags_are_told_by_path(tmp_path: Path, simulator: Simulator) -> None:
    """A point that is not there is a doubt with its path; a stream without any tag is WRONG."""
    streams = {
        "some": {"select": {"points": [r"\\PISRV1\SINUSOID", r"\\PISRV1\NOWHERE"]}},
        "none": {"select": {"points": [r"\\PISRV1\NOTHING*"]}},
    }
    ended = await check(tmp_path, **tree(simulator, streams=streams))
    assert ended.code == 1
    assert r"look  streams.some: \\PISRV1\NOWHERE" in ended.out
    assert "ok    streams.some: 1 tags, such as SINUSOID" in ended.out
    assert "WRONG streams.none: selects no tag" in ended.out


async def test_a_tag_in_two_streams_is_told(tmp_path: Path, simulator: Simulator) -> None:
    """Of two streams that select a tag, the second is told who reads it; that is no error."""
    select = {"select": {"points": [r"\\PISRV1\SINUSOID"]}}
    ended = await check(tmp_path, **tree(simulator, streams={"a": select, "b": select}))
    assert ended.code == 0
    assert "look  streams.b: 1 of its tags are read by streams.a, such as SINUSOID" in ended.out


async def test_a_sink_that_cannot_be_written_is_told(tmp_path: Path, simulator: Simulator) -> None:
    """A folder in whose place a file stands is WRONG with the path, and what to do."""
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    ended = await check(tmp_path, **tree(simulator))
    assert ended.code == 1
    assert "WRONG sinks.local: cannot write files below out" in ended.out
    assert "-> " in ended.out


async def test_json_has_one_finding_a_line(tmp_path: Path, simulator: Simulator) -> None:
    """`check --json` says the same to programs."""
    ended = await check(tmp_path, "--json", **tree(simulator))
    assert ended.code == 0
    findings = [json.loads(line) for line in ended.out.splitlines()]
    assert {finding["level"] for finding in findings} == {"fine"}
    assert [finding["about"] for finding in findings] == PARTS


async def test_offline_nobody_is_asked(tmp_path: Path) -> None:
    """`--offline` looks at the configuration alone, as another machine will have it: one line, exit code 0."""
    pi = {"url": "${env:PI_URL}", "auth": {"method": "bearer", "token": "${file:/run/secrets/token}"}}
    streams = {"all": {"select": {"points_file": "tags.csv"}}}
    sinks = {"lake": {"type": "s3", "bucket": "acme-historian"}}
    ended = await check(tmp_path, "--offline", site="${env:SITE}", pi=pi, streams=streams, sinks=sinks)
    assert (ended.code, ended.out) == (0, "ok    configuration: streams all; sinks lake\n")
