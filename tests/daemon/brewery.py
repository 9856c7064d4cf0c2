"""Configurations that read a simulated brewery into a folder."""

from pathlib import Path
from typing import Any

from pibridge.config.load import configuration
from pibridge.config.settings import Configuration
from pibridge.simulator import Simulator


def reading(simulator: Simulator, folder: Path, **changes: Any) -> Configuration:
    """Read the brewery's utilities into `folder/out`; top-level keys can be replaced."""
    return configuration(
        {
            "site": "brewery",
            "pi": {"url": simulator.url},
            "streams": {"utilities": {"select": {"points": [r"\\PISRV1\U*"]}}},
            "journal": {"path": str(folder / "journal"), "max_size": "16MiB"},
            "sinks": {"local": {"type": "file", "path": str(folder / "out"), "roll": {"age": "1s"}}},
            "status": None,
            **changes,
        },
        {},
    )
