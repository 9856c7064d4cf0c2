from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from config.trees import small
from pibridge.config.load import configuration
from pibridge.config.loaded import Loaded
from pibridge.daemon.plan import in_need_of_a_restart, plan

TWO_SINKS = {"a": {"type": "file", "path": "a"}, "b": {"type": "file", "path": "b"}}
POINTS = {"select": {"points": [r"\\S\A"]}}


def loaded(**changes: Any) -> Loaded:
    """Load a small configuration with keys changed."""
    return Loaded.of(configuration(small(**deepcopy({"sinks": TWO_SINKS, **changes})), {}))


@pytest.mark.parametrize(
    ("changes", "intake", "streams", "ended", "begun"),
    [
        ({}, False, False, "", ""),
        ({"streams__more": POINTS}, False, True, "", ""),
        ({"refresh": "1m"}, False, True, "", ""),
        ({"shard": {"index": 0, "of": 2}}, False, True, "", ""),
        ({"pi__limits": {"requests_per_second": 5}}, True, False, "", ""),
        ({"sinks": {"a": TWO_SINKS["a"]}}, False, False, "b", ""),
        ({"sinks__c": {"type": "file", "path": "c"}}, False, False, "", "c"),
        ({"sinks__b": {"type": "file", "path": "elsewhere"}}, False, False, "b", "b"),
        ({"sinks__b": {"type": "file", "path": "b", "from": "now"}}, False, False, "", ""),
        ({"filter": {"quality": ["good"]}}, False, False, "ab", "ab"),
        ({"site": "leeds"}, False, False, "ab", "ab"),
        ({"context": {"assets": [{"points": r"\\S\A", "asset": "A"}]}}, False, False, "ab", "ab"),
        ({"status": None}, False, False, "", ""),
        ({"log": {"level": "debug"}}, False, False, "", ""),
    ],
)
def test_only_what_changed_is_touched(
    changes: dict[str, Any],
    intake: bool,  # noqa: FBT001 - a column
    streams: bool,  # noqa: FBT001 - a column
    ended: str,
    begun: str,
) -> None:
    """Each key moves the parts that depend on it, and no others."""
    todo = plan(loaded(), loaded(**changes))
    assert (todo.intake, todo.streams, todo.ended, todo.begun) == (intake, streams, frozenset(ended), frozenset(begun))
    assert (todo.status, todo.log) == ("status" in changes, "log" in changes)


def test_files_that_are_named_count_like_what_they_stand_for(tmp_path: Path) -> None:
    """Other points are another stream, other assets another context, other certificates another way to PI."""
    files = {name: tmp_path / name for name in ("points.csv", "assets.csv", "cert.pem")}
    settings = {
        "streams__live": {"select": {"points_file": str(files["points.csv"])}},
        "context": {"assets_file": str(files["assets.csv"])},
        "pi__tls": {"cert_file": str(files["cert.pem"])},
    }
    files["points.csv"].write_text("path\n\\\\S\\A\n", encoding="utf-8")
    files["assets.csv"].write_text("path,asset\n\\\\S\\A,A\n", encoding="utf-8")
    files["cert.pem"].write_text("one", encoding="utf-8")
    old = loaded(**settings)
    files["points.csv"].write_text("path\n\\\\S\\B\n", encoding="utf-8")
    files["assets.csv"].write_text("path,asset\n\\\\S\\A,B\n", encoding="utf-8")
    files["cert.pem"].write_text("two", encoding="utf-8")
    todo = plan(old, loaded(**settings))
    assert todo.streams
    assert todo.intake
    assert todo.begun == {"a", "b"}
    assert todo.changes == {"streams_changed": ["live"], "other": ["context", "pi"]}


def test_the_remote_line_follows_what_it_is_made_of() -> None:
    """Its own settings, the site, the shard, and the sink whose connection settings it uses; nothing else."""
    bus = {"type": "mqtt", "host": "h", "topic": "t"}
    sinks = {"a": {"type": "file"}, "bus": bus}
    old = {"sinks": sinks, "remote": {"via": "bus"}}
    changes: list[dict[str, Any]] = [
        {"remote": {"via": "bus", "commands": {}}},
        {"remote": None},
        {"site": "leeds"},
        {"sinks": {**sinks, "bus": {**bus, "host": "other"}}},
    ]
    assert all(plan(loaded(**old), loaded(**{**old, **change})).remote for change in changes)
    unrelated = {"sinks": {**sinks, "a": {"type": "file", "path": "b"}}, "refresh": "1m"}
    assert not plan(loaded(**old), loaded(**{**old, **unrelated})).remote


def test_what_changed_is_named() -> None:
    """People read which streams and sinks came, went or changed; what did not is not mentioned."""
    old = loaded(streams={"x": POINTS, "y": POINTS})
    new = loaded(streams={"y": {**POINTS, "backfill": "1d"}, "z": POINTS}, sinks__a={"type": "file", "path": "c"})
    assert plan(old, new).changes == {
        "streams_added": ["z"],
        "streams_removed": ["x"],
        "streams_changed": ["y"],
        "sinks_changed": ["a"],
    }
    assert plan(old, old).changes == {}


def test_an_open_journal_stays_as_it_is() -> None:
    """Each key of the journal that is to change is a line that says so."""
    old, new = loaded(), loaded(journal={"path": "elsewhere", "retain": "1d"})
    assert [line.partition(":")[0] for line in in_need_of_a_restart(old, new)] == ["journal.path", "journal.retain"]
    assert in_need_of_a_restart(old, old) == []
