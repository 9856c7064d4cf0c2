"""The manifest of a batch: its context, what a sink has got of it, and whether anything is missing. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from pibridge.context.batch_totals import BatchTotals, TagTotals
from pibridge.model import ticks
from pibridge.model.tag import Asset, Tag

VERSION: Final = 1
_ID_CHARACTERS: Final = 100


class Missing(Struct, frozen=True, order=True):
    """Time within the batch that PI was not read for yet. `tag`: by number. `end_ticks`: FOREVER if that is open."""

    tag: int
    start_ticks: int
    end_ticks: int


def name_of(totals: BatchTotals) -> str:
    """Give the path of a batch's manifest, below the sink's prefix: a folder for each batch id."""
    folder = quote(totals.batch.id[:_ID_CHARACTERS], safe=" ")
    if not folder.strip("."):
        folder = folder.replace(".", "%2E")
    return f"_batches/{folder}/manifest-{totals.named_seq}.json"


def manifest(
    site: str,
    totals: BatchTotals,
    missing: Sequence[Missing],
    describe: Callable[[int], tuple[Tag, Asset | None]],
    *,
    is_known: bool,
) -> bytes:
    """Give the manifest. The same totals give the same bytes.

    `missing`: of the batch's tags. `describe`: a tag by its number, and its asset. `is_known`: PI still has the batch.
    """
    described = {number: describe(number) for number in {*totals.tags, *(gap.tag for gap in missing)}}
    end_ticks = ticks.FOREVER if totals.end_ticks is None else totals.end_ticks
    batch = {**msgspec.to_builtins(totals.batch), "end": _time(end_ticks)}
    if totals.levels:
        batch["levels"] = list(totals.levels.values())
    content: dict[str, Any] = {
        "v": VERSION,
        "kind": "batch",
        "site": site,
        "batch": batch,
        "state": "ended" if is_known else "withdrawn",
        "complete": is_known and not missing and not totals.refused,
        "records": totals.records,
        "withheld": dict(sorted(totals.withheld.items())),
        "refused": totals.refused,
        "missing": [
            {**_tag(*described[gap.tag]), "from": _time(gap.start_ticks), "to": _time(gap.end_ticks)}
            for gap in sorted(missing)
        ],
        "first_seq": totals.first_seq,
        "last_seq": totals.last_seq,
        "dt": totals.days,
        "assets": sorted({asset.path for _, asset in described.values() if asset is not None}),
        "tags": [
            {**_tag(*described[number]), **_counted(tag)}
            for number, tag in sorted(totals.tags.items(), key=lambda item: described[item[0]][0].name)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content)) + b"\n"


def _tag(tag: Tag, asset: Asset | None) -> dict[str, Any]:
    named = {"tag": tag.name, "path": tag.path, "stream": tag.stream}
    return named if asset is None else {**named, "asset": asset.path}


def _counted(tag: TagTotals) -> dict[str, Any]:
    return {
        "records": tag.records,
        "bad": tag.bad,
        "first": _time(tag.first_ticks),
        "last": _time(tag.last_ticks),
    }


def _time(at_ticks: int) -> str | None:
    return None if at_ticks >= ticks.FOREVER else ticks.render(at_ticks)
