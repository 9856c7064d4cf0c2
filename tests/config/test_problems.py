from typing import Any

import pytest

from config.trees import problems_of, small

TYPES = "file, greengrass_local, iot_core, kinesis, mqtt, s3, sitewise"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sit": "x"}, "sit: unknown key; did you mean site?"),
        (
            {"pi__auth": {"method": "basc"}},
            "pi.auth.method: unknown method; write one of anonymous, basic, bearer, kerberos",
        ),
        ({"pi__auth": {"user": "u"}}, "pi.auth.method: missing; write one of anonymous, basic, bearer, kerberos"),
        ({"pi__auth": {"method": "basic", "username": "u"}}, "pi.auth.password: missing; add it: Its password"),
        ({"pi__tls": {"verify": "maybe"}}, "pi.tls.verify: neither true nor false; write one of them"),
        (
            {"pi__limits": {"concurrent_requests": "1.5"}},
            "pi.limits.concurrent_requests: not a whole number; write digits only",
        ),
        (
            {"pi__limits": {"requests_per_second": "x"}},
            "pi.limits.requests_per_second: not a number; write one, such as 2.5",
        ),
        ({"pi__limits": {"requests_per_second": "0"}}, "pi.limits.requests_per_second: too small; write more than 0"),
        ({"streams": {}}, "streams: too few entries; write at least 1"),
        ({"streams": None}, "streams: empty; write its keys below it, or leave it out"),
        ({"streams": "x"}, "streams: not a set of keys; write names with their settings below it"),
        ({"streams__live": None}, "streams.live: empty; write its keys below it, or leave it out"),
        (
            {"streams__live__mode": "live"},
            "streams.live.mode: not one of the choices; write realtime, recorded or interpolated",
        ),
        (
            {"streams__live__select__points": "x"},
            "streams.live.select.points: not a list; write [a, b] or one entry a line after a dash",
        ),
        ({"streams__live__select__point": ["x"]}, "streams.live.select.point: unknown key; did you mean points?"),
        (
            {"streams__live__select": {"element": r"\\A\B", "tmplate": "x"}},
            "streams.live.select.tmplate: unknown key; did you mean template?",
        ),
        ({"streams__live__select": {"template": "x"}}, "streams.live.select.element: missing; add it: "),
        ({"sinks__local": {"path": "x"}}, f"sinks.local.type: missing; write one of {TYPES}"),
        ({"sinks__local": {"type": "fil"}}, f"sinks.local.type: unknown type; write one of {TYPES}"),
        ({"sinks__local": "file"}, "sinks.local: not a set of keys; write its keys below it"),
        ({"sinks__local__roll": {"ag": "1s"}}, "sinks.local.roll.ag: unknown key; did you mean age?"),
        (
            {"sinks__local__zzzz": "1"},
            "sinks.local.zzzz: unknown key; known here: from, filter, type, path, format, roll",
        ),
        ({"sinks__local__file": "1"}, "sinks.local.file: unknown key; "),
        (
            {"sinks__m": {"type": "mqtt", "host": "h", "topic": "t", "port": "70000"}},
            "sinks.m.port: too large; write at most 65535",
        ),
        ({"sinks__l": {"type": "s3", "bucket": "b"}}, "sinks.l.bucket: too short; write at least 3 characters"),
        ({"sinks": {"a/b": {"type": "file"}}}, "sinks.a/b: not usable as a name; "),
        ({"filter": {"deadband": "inf"}}, "filter.deadband: not a finite number; write one, such as 2.5"),
        ({"filter": {"deadband": "-1"}}, "filter.deadband: too small; write at least 0, which means none"),
        ({"filter": {"deadband": "101%"}}, "filter.deadband: more than the whole span of a tag; write at most 100%"),
        ({"filter": {"deadband": "2 bar"}}, "filter.deadband: not a number; write one, such as 2.5, or percent of"),
        ({"filter": {"tags": [""]}}, "filter.tags.0: too short; write at least 1 characters"),
        ({"filter": {"assets": ["Plant/"]}}, "filter.assets.0: write names with / between them, the database first"),
        (
            {"context__assets": [{"points": "x", "assett": "y"}]},
            "context.assets.0.assett: unknown key; did you mean asset?",
        ),
        ({"version": "2"}, "version: not one of the choices; write 1"),
        ({"site": True}, "site: not a text; write one, in quotes if it looks like something else"),
    ],
)
def test_what_is_wrong_and_what_to_do(changes: dict[str, Any], problem: str) -> None:
    """Each problem is one line: the key as the reader wrote it, what is wrong, what to do."""
    problems = problems_of(small(**changes))
    assert any(each.startswith(problem) for each in problems), problems
    assert not any("\n" in each for each in problems)


def test_a_problem_is_one_line_whatever_was_written() -> None:
    """Line breaks and control characters of keys and values do not reach the terminal."""
    problems = problems_of(small(streams__live__select__points=["a\nb\x1b[31m"], **{"k\ney": 1}))
    assert len(problems) == 2
    assert all(each.isprintable() for each in problems)


def test_a_wrong_key_is_one_problem() -> None:
    """Only the branch that was meant is spoken of."""
    assert len(problems_of(small(sinks__local={"type": "file", "bukket": "x"}))) == 1
    assert len(problems_of(small(streams__live__select={"elment": "x", "attributes": ["a"]}))) == 2


def test_what_follows_from_a_problem_is_no_problem() -> None:
    """A wrong mode is not followed by complaints about what would follow from it."""
    assert len(problems_of(small(streams__live__mode="live"))) == 1
