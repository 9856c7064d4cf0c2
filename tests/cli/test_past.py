import asyncio
from pathlib import Path

import pytest
import typer

from cli.processes import written
from journal.samples import NOW, events, opened, tags
from pibridge.cli import app
from pibridge.cli.past import filters_of, looking_back
from pibridge.context.choice import Choice, Chooser
from pibridge.errors import JournalError
from pibridge.model.event import Lane


@pytest.fixture
def context(tmp_path: Path) -> typer.Context:
    """Give what a command is given with `--config`: T1 is on an asset."""
    configuration = {
        "site": "houston",
        "pi": {"url": "https://pi.example.com/piwebapi"},
        "streams": {"s": {"select": {"points": [r"\\PI\T*"]}}},
        "context": {"assets": [{"points": "*T1", "asset": "Plant/R1"}]},
        "sinks": {"local": {"type": "file", "path": "out"}},
        "journal": {"path": str(tmp_path / "journal")},
    }
    return typer.Context(typer.main.get_command(app), obj=str(tmp_path / written(tmp_path, configuration)))


def test_the_journal_is_seen_in_the_context_of_the_configuration(tmp_path: Path, context: typer.Context) -> None:
    """Its tags as they were last described, its events on the assets that are configured now, marked as a replay."""

    async def journaled() -> None:
        async with opened(tmp_path / "journal") as journal:
            await journal.commit(Lane.LIVE, events(2), NOW)
            await journal.describe(tags(3, unit="psi"))

    asyncio.run(journaled())
    with looking_back(context, None) as past:
        assert [(number, tag.unit) for number, tag in past.tags()] == [(1, "psi"), (2, "psi"), (3, "psi")]
        stamp = past.stamp(past.configuration, "r")
        (record, _) = stamp.some(Lane.LIVE, 1, Chooser(Choice(), stamp).events(Lane.LIVE, 1, events(2)))
        assert record.context.asset is not None
        assert (record.context.asset.path, record.context.replay) == ("Plant/R1", "r")
        assert record.context.tag.unit == "bar"
        assert list(filters_of(past.configuration)) == ["local"]


def test_where_there_is_no_journal_that_is_said(context: typer.Context) -> None:
    """Nothing is made."""
    with pytest.raises(JournalError, match="no journal"), looking_back(context, None):
        pass
