"""The daemon's configuration in the benchmarks: what it reads, the context, and the sinks."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from plant import BATCH_TAG
from processes import FeederProcess

_GOOD: Final = {"quality": ["good"]}


def configuration(
    folder: Path, feeder: FeederProcess, sinks: Mapping[str, Any], *, hold: str = "0s", **more: Any
) -> dict[str, Any]:
    """Give a configuration. `more`: other keys at the top, in place of what is here.

    There are ten assets, each in a batch that a tag names; values wait for theirs as long as `hold` says.
    """
    return {
        "site": "bench",
        "pi": {
            "url": feeder.url,
            "timeouts": {"silent_channel": "10m"},
            **({} if feeder.ca_file is None else {"tls": {"ca_file": str(feeder.ca_file)}}),
        },
        "streams": {"bench": {"select": {"points": [r"\\PISRV1\BENCH.0*"]}, "reread": None}},
        "context": {
            "assets": [
                {"points": rf"\\PISRV1\BENCH.*{digit}", "asset": f"Plant/Area1/R{digit}"} for digit in range(10)
            ],
            "batches": {"units": {"assets": "Plant/Area1/*", "tag": BATCH_TAG, "valid": r"^B-\d+$"}},
            "hold": hold,
        },
        "journal": {"path": str(folder / "journal"), "sync": "full"},
        "sinks": sinks,
        "status": None,
        "log": {"level": "error"},
        **more,
    }


def nowhere(folder: Path, _: int) -> dict[str, Any]:
    """Give a sink whose filter keeps all back: contextualized and judged, not encoded."""
    return {"type": "file", "path": str(folder / "nothing"), "filter": {"tags": ["NOTHING.*"]}}


def plain_file(folder: Path, _: int) -> dict[str, Any]:
    """Give a sink that writes JSON lines."""
    return {"type": "file", "path": str(folder / "plain"), "roll": {"size": "4MiB", "age": "1s"}, "filter": _GOOD}


def packed_file(folder: Path, _: int) -> dict[str, Any]:
    """Give a sink that writes JSON lines, compressed."""
    roll = {"size": "512KiB", "age": "1s"}
    return {"type": "file", "path": str(folder / "packed"), "format": "jsonl.zst", "roll": roll, "filter": _GOOD}


def lake(_: Path, port: int) -> dict[str, Any]:
    """Give a sink that puts objects into the store at this port."""
    where = {"bucket": "bench", "region": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{port}"}
    return {"type": "s3", **where, "format": "jsonl.zst", "roll": {"size": "512KiB", "age": "1s"}, "filter": _GOOD}


def bus(_: Path, port: int) -> dict[str, Any]:
    """Give a sink that sends messages to the broker at this port, a topic for each asset."""
    return {"type": "mqtt", "host": "127.0.0.1", "port": port, "topic": "pi/{site}/{asset.path}", "filter": _GOOD}


SINKS: Final[Mapping[str, Callable[[Path, int], dict[str, Any]]]] = {
    "nowhere": nowhere,
    "plain": plain_file,
    "packed": packed_file,
    "lake": lake,
    "bus": bus,
}
"""Sinks by their names. The number is the port of the far side, for those that have one."""
