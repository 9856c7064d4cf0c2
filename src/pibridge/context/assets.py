"""Which asset a plain point belongs to, by the configuration."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from pibridge.context.patterns import wildcards
from pibridge.context.settings import AssetMapping
from pibridge.model.table import read_table
from pibridge.model.tag import Asset, Tag


class AssetMap:
    """The configured mapping of points onto assets; of several that match, the first speaks."""

    def __init__(self, mappings: Sequence[AssetMapping]) -> None:
        self._rules = [
            (wildcards(mapping.points), Asset(path=mapping.asset, template=mapping.template or ""))
            for mapping in mappings
        ]

    def of(self, tag: Tag) -> Asset | None:
        """Give the tag's asset: its own (from AF or the points file), else the mapped one."""
        if tag.asset is not None:
            return tag.asset
        return next((asset for pattern, asset in self._rules if pattern.fullmatch(tag.path)), None)


def mappings(text: str, name: str) -> list[AssetMapping]:
    """Read a CSV table with the columns path, asset, template. Raises ConfigurationError that names each wrong line."""
    return read_table(text, name, ("path", "asset", "template"), _mapping)


def _mapping(cells: Mapping[str, str]) -> AssetMapping:
    try:
        return AssetMapping(points=cells["path"], asset=cells["asset"], template=cells["template"])
    except ValidationError as error:
        wrong = error.errors()[0]
        column = str(wrong["loc"][0]).replace("points", "path")
        raise ValueError(f"{column}: {wrong['msg'].removeprefix('Value error, ')}") from error
