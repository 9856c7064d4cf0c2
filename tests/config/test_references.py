import asyncio
from pathlib import Path

import pytest

from greengrass.nucleus import TestNucleus
from pibridge.config.references import References, UnresolvedError, replace_all
from pibridge.greengrass import secrets
from waiting import eventually


def test_replaces_inside_lists_and_mappings() -> None:
    """References are found at every depth; other values stay what they are."""
    tree = {"a": ["x${env:N}y", None, True], "b": {"c": "$ {} $$ ^B-$"}}
    assert replace_all(tree, References({"N": "1"})) == ({"a": ["x1y", None, True], "b": {"c": "$ {} $$ ^B-$"}}, {})


def test_replaced_text_is_not_looked_at_again() -> None:
    """A value that looks like a reference is not followed."""
    assert References({"A": "${env:B}", "B": "b"}).replace("${env:A}") == "${env:B}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${env:NOPE}", "the environment variable NOPE is not set; set it for the daemon"),
        ("${NOPE}", "holds an unknown reference; write ${env:NAME}, ${file:PATH} or ${secret:NAME#field}"),
        ("${secret:}", "holds an unknown reference; write ${env:NAME}, ${file:PATH} or ${secret:NAME#field}"),
        ("${env:}", "holds an unknown reference; write ${env:NAME}, ${file:PATH} or ${secret:NAME#field}"),
        ("${vault:x}", "holds an unknown reference; write ${env:NAME}, ${file:PATH} or ${secret:NAME#field}"),
    ],
)
def test_what_cannot_be_replaced_is_a_problem(text: str, problem: str) -> None:
    """Each problem stands under its key path, and the text stays."""
    assert replace_all({"a": [text]}, References({})) == ({"a": [text]}, {("a", 0): problem})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, a file of bytes and an impossible name are problems that name the file."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff")
    for name in ("none", ".", "bytes", "a\0b"):
        with pytest.raises(UnresolvedError, match="the file"):
            References({}).replace(f"${{file:{tmp_path / name}}}")


def test_secrets_are_equal_when_they_are_written_the_same() -> None:
    """So a configuration that is read again has not changed; what they hold is not shown."""
    references = References({"A": "hunter2"})
    assert references.secret("${env:A}") == references.secret("${env:A}")
    assert len({references.secret("${env:A}"), references.secret("${env:A}")}) == 1
    assert references.secret("${env:A}") != references.secret("${env:B}")
    assert "hunter2" not in repr(references.secret("hunter2"))


def test_a_secret_of_the_nucleus_needs_one() -> None:
    """Outside a component the problem stands under its key, says why, and what to write instead."""
    _, problems = replace_all({"pi": {"auth": {"password": "${secret:plant/pi#password}"}}}, References({}))
    [(path, problem)] = problems.items()
    assert path == ("pi", "auth", "password")
    assert problem.startswith("${secret:plant/pi#password}: works only inside a Greengrass component")
    assert problem.endswith("or write ${env:NAME} or ${file:PATH}")


async def test_a_secret_of_the_nucleus_is_read_anew(classic: TestNucleus, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a component it is text, whole or by field; a rotated one is found without a new start."""
    monkeypatch.setattr(secrets, "FRESH_S", 0.0)
    classic.deployed.secrets["plant/pi"] = '{"password": "old"}'
    references = References(classic.environment)
    secret = references.secret("x${secret:plant/pi#password}")
    assert await asyncio.to_thread(secret.reveal) == "xold"
    before = references.digest("${secret:plant/pi#password}")
    classic.deployed.secrets["plant/pi"] = '{"password": "new"}'
    await eventually(lambda: asyncio.to_thread(lambda: secret.reveal() == "xnew"))
    assert references.digest("${secret:plant/pi#password}") != before
    with pytest.raises(UnresolvedError, match="the secret plant/pi has no field user"):
        await asyncio.to_thread(references.replace, "${secret:plant/pi#user}")
    assert await asyncio.to_thread(references.digest, "${secret:other}") == ""
