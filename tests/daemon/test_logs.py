import json

import pytest
import structlog

from pibridge.config.settings import LogSettings
from pibridge.daemon import logs


def test_json_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is one JSON object with event, level, UTC time and the keys that were given; stdout stays empty."""
    logs.configure(LogSettings(format="json"))
    structlog.get_logger().bind(sink="lake").warning("sink unavailable", error="down\nand out")
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {"event": "sink unavailable", "level": "warning", "sink": "lake", "error": "down\nand out"}


def test_the_console_has_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """With format console a line is text, without colours where nobody sees them."""
    logs.configure(LogSettings(format="console"))
    structlog.get_logger().info("started", site="houston")
    said = capsys.readouterr().err
    assert "started" in said
    assert "site=houston" in said
    assert "\x1b" not in said


def test_secrets_are_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like one reaches neither the log nor the page, also within an exception."""
    logs.configure(LogSettings())
    try:
        int("https://svc:hunter2@pi.example.com/")
    except ValueError:
        structlog.get_logger().exception("failed", password="hunter2")
    assert "hunter2" not in capsys.readouterr().err
    line = logs.RECENT.after(logs.RECENT.newest_id - 1)[0]
    assert (line.event, line.level, line.fields["password"]) == ("failed", "error", "***")
    assert line.time.endswith("Z")
    assert "hunter2" not in str(line)


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With level warning an info line is not written, a warning is."""
    logs.configure(LogSettings(level="warning"))
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is a field of the line, so that a line stays a line."""
    logs.configure(LogSettings())
    try:
        int("odd")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]
