from context.plants import POINT, TEMPERATURE
from msgspec.structs import replace

from pibridge.context.assets import AssetMap
from pibridge.context.settings import AssetMapping
from pibridge.model.tag import Asset


def mapping(points: str, asset: str, template: str = "") -> AssetMapping:
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
