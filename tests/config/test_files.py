from pathlib import Path
from typing import Any

import pytest

from pibridge.config.files import asset_mappings
from pibridge.config.load import configuration
from pibridge.errors import ConfigurationError


def tree(**more: Any) -> dict[str, Any]:
    """Give a working configuration with something added."""
    return {
        "site": "s",
        "pi": {"url": "https://pi.example.com/piwebapi"},
        "streams": {"live": {"select": {"points": [r"\\P\A"]}}},
        "sinks": {"files": {"type": "file", "path": "out"}},
        **more,
    }


def test_the_lines_of_the_assets_file_come_before_the_assets(tmp_path: Path) -> None:
    """Both are used; of two that fit, the first speaks."""
    file = tmp_path / "assets.csv"
    file.write_text("path,asset\n\\\\P\\A,Plant/R1\n")
    context = {"assets": [{"points": r"\\P\*", "asset": "Plant/R2"}], "assets_file": str(file)}
    assert [each.asset for each in asset_mappings(configuration(tree(context=context), {}))] == ["Plant/R1", "Plant/R2"]


def test_wrong_files_are_wrong_configuration(tmp_path: Path) -> None:
    """Every wrong line of every file is told at once, before anything is asked of PI."""
    assets, points = tmp_path / "assets.csv", tmp_path / "points.csv"
    assets.write_text("path,asset\n\\\\P\\A,\n")
    points.write_text("path\nR1.Temperature\n")
    streams = {"live": {"select": {"points_file": str(points)}}, "more": {"select": {"points_file": "missing.csv"}}}
    with pytest.raises(ConfigurationError) as caught:
        configuration(tree(context={"assets_file": str(assets)}, streams=streams), {})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        f"streams.live.select.points_file {points}, line 2",
        "streams.more.select.points_file missing.csv",
        f"context.assets_file {assets}, line 2",
    ]
