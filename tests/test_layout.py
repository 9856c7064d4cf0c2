"""The house keeps its order: what these tests say is what CONTRIBUTING.md asks for."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "pibridge"
TESTS = ROOT / "tests"
MOST_LINES = 400
LEFTOVERS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "base"}
WHOLE_PROJECT = {"test_layout.py", "test_docs.py", "integration", "acceptance", "component", "deploy"}
"""Below tests/: what judges the whole and so mirrors no single module."""
WHOLE_ROOM = {
    f"journal/test_{name}.py"
    for name in ("backlog", "bit_flips", "clock_jumps", "crash_states", "failing_disk", "state_machine")
} | {"audit/test_later_looks.py", "sinks/test_message_contract.py"}
"""Below tests/: what judges all modules of a room together."""
DATA = {".json", ".jsonl", ".csv", ".lock"}
A_HOME = re.compile(r"(?<![\w.}\])])/(?:home|root|Users|work|workspace|builds)/\w+|\b[A-Z]:\\Users\\\w+")
"""A path that exists on one machine only."""


def none_of(offenders: Iterable[str], rule: str) -> None:
    """Fail with the rule and all offenders, one a line."""
    lines = sorted(offenders)
    if lines:
        pytest.fail(f"{rule}:\n" + "\n".join(f"  {line}" for line in lines), pytrace=False)


def files(*folders: str) -> Iterator[Path]:
    """Give all files of these folders that are not made by tools."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path


def relative(path: Path) -> str:
    """Give a path as people name it."""
    return path.relative_to(ROOT).as_posix()


def page(name: str) -> str:
    """Give the text of a page; fail by its name if it is not written."""
    path = ROOT / name
    if not path.exists():
        pytest.fail(f"{name} is not there", pytrace=False)
    return path.read_text(encoding="utf-8")


def modules() -> Iterator[Path]:
    """Give the source modules; what a package's `__init__` does is tested under the names it exports."""
    return (path for path in sorted(SOURCE.rglob("*.py")) if path.stem not in {"__init__", "__main__"})


def has_something_to_run(module: Path) -> bool:
    """Tell whether a function of a module does anything; names, fields and promises alone (`...`) need no test."""
    tree = ast.parse(module.read_bytes(), filename=relative(module))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    statements = (statement for function in functions for statement in function.body)
    return any(not (isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)) for said in statements)


def test_every_module_has_its_test() -> None:
    """`src/pibridge/x/y.py` is tested by `tests/x/test_y.py`, if there is anything in it to run."""
    none_of(
        (
            f"{relative(module)} wants {relative(test)}"
            for module in modules()
            if has_something_to_run(module)
            and not (test := TESTS / module.relative_to(SOURCE).with_name(f"test_{module.name}")).exists()
        ),
        "modules without a test of the same name",
    )


def test_every_test_has_its_module() -> None:
    """`tests/x/test_y.py` tests `src/pibridge/x/y.py`, or the folder of that name."""
    none_of(
        (
            f"{relative(test)} mirrors neither {relative(subject)}.py nor a folder {subject.name}"
            for test in TESTS.rglob("test_*.py")
            if test.relative_to(TESTS).parts[0] not in WHOLE_PROJECT
            and test.relative_to(TESTS).as_posix() not in WHOLE_ROOM
            and not (subject := SOURCE / test.relative_to(TESTS).with_name(test.stem.removeprefix("test_"))).is_dir()
            and not subject.with_suffix(".py").exists()
        ),
        "tests of nothing",
    )


def test_no_file_is_too_long() -> None:
    """A file has one subject and at most 400 lines; data is not counted."""
    lengths = {
        path: len(path.read_bytes().splitlines())
        for path in files("src", "tests", "benchmarks", "component")
        if path.suffix not in DATA
    }
    none_of(
        (f"{relative(path)}: {lines} lines" for path, lines in lengths.items() if lines > MOST_LINES),
        f"files of more than {MOST_LINES} lines; split them by subject",
    )


def test_no_module_is_a_leftover() -> None:
    """A name says what is in it, in the words of the field."""
    none_of(
        (
            relative(path)
            for path in files("src", "tests", "benchmarks", "component")
            for name in {path.stem, *path.relative_to(ROOT).parts[:-1]}
            if LEFTOVERS & set(name.removeprefix("test_").split("_"))
        ),
        f"names that say nothing ({', '.join(sorted(LEFTOVERS))})",
    )


def test_every_room_has_its_place() -> None:
    """The folders, the layers that a tool enforces and the table people read name the same rooms, in one order."""
    linter = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]
    layers = [room for layer in linter["contracts"][0]["layers"] for room in re.findall(r"\w+", layer)]
    text = page("docs/architecture.md")
    table = re.findall(r"^\| `(\w+)` \|", text.partition("## The layers")[2].partition("\n## ")[0], flags=re.MULTILINE)
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")} | {
        path.stem for path in SOURCE.glob("*.py") if path.stem not in {"__init__", "__main__"}
    }
    none_of((f"src/pibridge/{room}" for room in rooms - set(layers)), "rooms without a layer in pyproject.toml")
    none_of((f"src/pibridge/{room}" for room in rooms - set(table)), "rooms missing in docs/architecture.md")
    none_of(set(layers) - rooms, "layers in pyproject.toml without a room")
    assert table == layers, "the table in docs/architecture.md has another order than the layers in pyproject.toml"


def test_the_architecture_names_what_exists() -> None:
    """Each module that docs/architecture.md names is there."""
    named = set(re.findall(r"`(\w+(?:/\w+)*/\w+\.py)`", page("docs/architecture.md")))
    assert named
    none_of((name for name in named if not (SOURCE / name).exists()), "modules that docs/architecture.md invents")


def project_files() -> list[Path]:
    """Give what belongs to the project: tracked, or new and not ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: git cannot say what belongs to the project")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def test_no_machine_is_named() -> None:
    """No file of the project knows where on somebody's machine it was written."""
    none_of(
        (
            f"{relative(path)}: {found}"
            for path in project_files()
            for found in A_HOME.findall(path.read_bytes().decode("utf-8", errors="ignore"))
        ),
        "paths that exist on one machine only",
    )
