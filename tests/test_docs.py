"""What users meet is described in docs/: commands, options, keys, messages, errors, alerts. Nothing there is invented.

Endpoints and metrics are judged in tests/status, configuration keys in tests/config, columns in tests/deploy.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import msgspec
import pytest
import typer
import yaml

from pibridge import cli, errors
from pibridge.errors import ConfigurationError, PIBridgeError
from pibridge.remote.health import Health
from pibridge.sinks import BUILT as SINKS
from pibridge.status.metrics import families
from pibridge.status.outlook import Outlook
from status.moments import BUSY

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
SOURCE: Final = ROOT / "src" / "pibridge"
ALERTS: Final = ROOT / "deploy" / "prometheus" / "pibridge-alerts.yaml"
LEVELS: Final = {"info": "info", "warning": "warning", "error": "error", "critical": "critical", "exception": "error"}
BY_PROMETHEUS: Final = {"up"}
"""Metrics that Prometheus makes itself."""


def page(name: str) -> str:
    """Give the text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def part(text: str, heading: str) -> str:
    """Give what stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Give the cells of all rows of its tables that begin with code."""
    lines = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Give each call of the source, with its file."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call):
                yield path, node


def said() -> dict[str, str]:
    """Give each event that the source logs, with its level. Fail where an event is no text in its call."""
    events: dict[str, str] = {}
    for path, call in calls():
        match call:
            case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(event)), *_]) if (
                method in LEVELS
            ):
                events[event] = LEVELS[method]
            case ast.Call(func=ast.Name(id="patiently"), args=[_, ast.Constant(value=str(event)), *_]):
                events[event] = "warning"  # said by intake/patience.py
            case ast.Call(func=ast.Attribute(attr=method, value=logger)) if method in LEVELS:
                is_logger = ast.unparse(logger).endswith(("log", "get_logger()"))
                assert not is_logger or path.name == "patience.py", (
                    f"{path}:{call.lineno}: write the event into the call"
                )
    return events


def test_every_message_is_documented() -> None:
    """docs/messages.md has each line of the log with its level, what it means and what to do, and no other."""
    told: dict[str, str] = {}
    text = page("docs/messages.md")
    fine = part(text, "What goes well")
    for name, *_ in rows(fine):
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", name), "info")
    for name, level, means, todo in rows(text.partition("## What goes well")[0]):
        assert level in {"warning", "error"}, name
        assert means, name
        assert todo, name
        told[name.strip("`")] = level
    assert told == said()


def test_every_warning_says_why() -> None:
    """Whatever is logged as a warning or an error gives the cause or the next step beside what happened."""
    silent = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, call in calls()
        if isinstance(call.func, ast.Attribute)
        and LEVELS.get(call.func.attr, "info") != "info"
        and call.args
        and not {"error", "reason", "problem", "hint"} & {keyword.arg for keyword in call.keywords}
    ]
    assert not silent


def test_every_error_is_documented(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/messages.md has each class of errors.py and the exit code that the command gives for it."""
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    told = {name.strip("`"): int(code) for name, code, *_ in rows(part(page("docs/messages.md"), "Errors"))}
    assert set(told) == set(kinds)
    for name, kind in kinds.items():
        assert issubclass(kind, PIBridgeError)
        error = kind.__new__(kind)
        PIBridgeError.__init__(error, "it is wrong")
        if isinstance(error, ConfigurationError):
            error.problems = ["it is wrong"]

        def fail(error: PIBridgeError = error) -> None:
            raise error

        monkeypatch.setattr(cli, "app", fail)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (name, ended.value.code) == (name, told[name])
        assert capsys.readouterr().err == "it is wrong\n"


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give each command with how the user types it; some that have others below them do something themselves."""
    yield path, command
    inner: dict[str, Any] = getattr(command, "commands", {})
    for name, each in inner.items():
        yield from commands(each, f"{path} {name}")


def test_every_command_and_option_is_documented() -> None:
    """Each command is in docs/ as it is typed, and each of its options on a page that has the command."""
    pages = [path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")]
    missing = []
    known = dict(commands(typer.main.get_command(cli.app), "pibridge"))
    assert "pibridge dead-letters list" in known
    for name, command in known.items():
        near = "\n".join(text for text in pages if re.search(rf"\b{re.escape(name)}\b", text))
        missing += [name] if not near else []
        for each in command.params:
            spellings = [option for option in each.opts if option.startswith("-")]
            if spellings and not re.search(rf"(?<![\w-])({'|'.join(spellings)})\b(?!-)", near):
                missing.append(f"{name} {spellings[0]}")
    assert not missing


def fields(kind: Any, path: str = "") -> Iterator[str]:
    """Give the fields of a record, by their paths."""
    for name, hint in get_type_hints(kind).items():
        inner = [
            each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, msgspec.Struct)
        ]
        yield f"{path}{name}"
        for each in inner:
            yield from fields(each, f"{name}.")


def test_every_field_of_a_health_record_is_documented() -> None:
    """docs/remote.md shows each in its example or its table."""
    text = part(page("docs/remote.md"), "Health records")
    known = {name.rpartition(".")[2] for name in fields(Health)}
    assert known >= {"runway_s", "oldest_s", "withheld"}
    assert not {name for name in known if not re.search(rf"[\"`.]{name}[\"`]", text)}


def anchors(name: str) -> set[str]:
    """Give the anchors of a page's headings, as they are in links."""
    headings = re.findall(r"^#+ (.*)$", page(name), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_pages_leads_somewhere() -> None:
    """Files, pictures and headings that docs/ names are there."""
    lost = []
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "deploy" / "README.md"]:
        for target, anchor in re.findall(r"\[[^]]*\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", path.read_text(encoding="utf-8")):
            file = (path.parent / target).resolve() if target else path
            if not file.exists():
                lost.append(f"{path.name}: {target}")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.relative_to(ROOT).as_posix()):
                lost.append(f"{path.name}: {target}#{anchor}")
    assert not lost


def alerts() -> list[dict[str, Any]]:
    """Give the alerting rules."""
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_every_alert_watches_a_metric() -> None:
    """Each rule is whole, asks for metrics and labels that a scrape has, and leads to a heading of the runbook."""
    full = msgspec.structs.replace(BUSY, outlook=Outlook(full_in_s=1, outage_s=1, catch_up_s={"lake": 1}))
    metrics = {sample.name: set(sample.labels) for family in families(full) for sample in family.samples}
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in {"critical", "warning"}
        asked = dict(re.findall(r"\b(pibridge_\w+|up)\b(?:\{(\w+)=)?", rule["expr"]))
        assert asked
        for name, label in asked.items():
            assert name in BY_PROMETHEUS or (name in metrics and {label} - {""} <= metrics[name]), (rule["alert"], name)
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook"}, rule
        used = set(re.findall(r"\$labels\.(\w+)", notes["summary"])) - {"instance"}
        assert used <= set.union(*(metrics.get(name, set()) for name in asked)), rule["alert"]
        where, _, anchor = notes["runbook"].partition("#")
        assert anchor in anchors(where), rule["alert"]


def test_every_alert_is_documented() -> None:
    """docs/alerts.md has each rule with its severity, and each alarm of CloudWatch, and no other."""
    text = page("docs/alerts.md")
    told = {name.strip("`"): severity for name, severity, *_ in rows(part(text, "Prometheus"))}
    assert told == {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}
    template = page("deploy/cloudformation/alarms.yaml")
    alarms = re.findall(r"AlarmName: !Sub '\$\{Name\} \$\{Site\} (.*)'", template)
    assert [name.strip("`") for name, *_ in rows(part(text, "CloudWatch"))] == alarms


def test_every_sink_and_authentication_has_its_page() -> None:
    """Each type of sink and method of authentication that is built has a page of its name."""
    from pibridge.pi.auth import BUILT as METHODS  # noqa: PLC0415 - a name that is taken

    pages = [DOCS / "sinks" / f"{name}.md" for name in SINKS] + [DOCS / "auth" / f"{name}.md" for name in METHODS]
    assert pages
    assert not [path for path in pages if not path.exists()]
