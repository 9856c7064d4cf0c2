import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def printed() -> str:
    """Run `pibridge schema`; give what it prints."""
    ended = subprocess.run([sys.executable, "-m", "pibridge", "schema"], capture_output=True, check=True, text=True)
    assert ended.stderr == ""
    return ended.stdout


def test_it_is_a_schema(printed: str) -> None:
    """What is printed is valid JSON Schema 2020-12."""
    Draft202012Validator.check_schema(json.loads(printed))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_it_accepts_the_examples(printed: str, example: Path) -> None:
    """An editor with this schema finds nothing wrong in the examples."""
    found = Draft202012Validator(json.loads(printed)).iter_errors(yaml.safe_load(example.read_text(encoding="utf-8")))
    assert [f"{error.json_path}: {error.message}" for error in found] == []


def test_it_refuses_an_unknown_key(printed: str) -> None:
    """An editor with this schema marks a key that is not there."""
    configuration = yaml.safe_load(EXAMPLES[0].read_text(encoding="utf-8"))
    configuration["sight"] = "houston"
    assert not Draft202012Validator(json.loads(printed)).is_valid(configuration)
