import pytest
from msgspec.structs import replace

from context.plants import POINT, TEMPERATURE
from pibridge.context.assets import AssetMap, mappings
from pibridge.context.settings import AssetMapping
from pibridge.errors import ConfigurationError
from pibridge.model.tag import Asset


def mapping(points: str, asset: str, template: str = "") -> AssetMapping:
    """Map points onto an asset."""
    return AssetMapping(points=points, asset=asset, template=template)


def test_the_first_pattern_that_fits_speaks() -> None:
    """Of several mappings the order of the configuration decides; case does not matter to PI."""
    assets = AssetMap([mapping(r"\\PISRV1\SIN*", "Plant/A", "Unit"), mapping(r"\\PISRV1\*", "Plant/B")])
    assert assets.of(POINT) == Asset("Plant/A", "Unit")
    assert assets.of(replace(POINT, path=r"\\pisrv1\sinusoid")) == Asset("Plant/A", "Unit")
    assert assets.of(replace(POINT, path=r"\\PISRV1\COSINE")) == Asset("Plant/B")
    assert assets.of(replace(POINT, path=r"\\OTHER\COSINE")) is None


def test_special_characters_of_names_are_just_characters() -> None:
    """A dot or bracket in a point's name is no pattern; a question mark is one character."""
    assets = AssetMap([mapping(r"\\PISRV1\R1.T(1)?", "Plant/A")])
    assert assets.of(replace(POINT, path=r"\\PISRV1\R1.T(1)a")) == Asset("Plant/A")
    assert assets.of(replace(POINT, path=r"\\PISRV1\R1xT(1)a")) is None
    assert assets.of(replace(POINT, path=r"\\PISRV1\R1.T(1)")) is None


def test_what_af_says_is_not_mapped_over() -> None:
    """AF streams carry their element already."""
    assert AssetMap([mapping("*", "Plant/B")]).of(TEMPERATURE) == TEMPERATURE.asset


def test_a_table_of_assets_maps_points() -> None:
    """`assets_file` has one mapping a line."""
    (one, two) = mappings("path,asset,template\n\\\\P\\A*,Plant/R1,Reactor\n\\\\P\\B,Plant/R2,\n", "assets.csv")
    assert (one.asset, one.template, two.points, two.template) == ("Plant/R1", "Reactor", r"\\P\B", "")


def test_a_wrong_line_of_the_table_is_named() -> None:
    """Line and column are told."""
    with pytest.raises(ConfigurationError, match=r"assets\.csv, line 2: asset: write names with / between them"):
        mappings("path,asset\n\\\\P\\A,/R1/\n", "assets.csv")
