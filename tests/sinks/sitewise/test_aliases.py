import pytest
from msgspec.structs import replace

from context.plants import POINT
from pibridge.context.record import context_of
from pibridge.model.event import Lane
from pibridge.model.tag import Asset
from pibridge.sinks.sitewise.aliases import AliasTemplate
from sinks.sitewise.samples import TEMPERATURE, context, tag

DEFAULT = "/{site}/{asset.path}/{attribute}"


def test_an_alias_says_what_the_record_says() -> None:
    """Levels of the asset are levels of the alias; characters that MQTT would not take stay as they are."""
    assert AliasTemplate(DEFAULT, "houston").of(TEMPERATURE).text == "/houston/Plant/R1/Temperature"
    assert AliasTemplate("{stream}:{tag}", "houston").of(TEMPERATURE).text == "reactors:Plant/R1|Temperature"
    assert AliasTemplate("{attribute}", "s").of(context("50% +#Ä")).text == "50% +#Ä"


def test_control_characters_are_escaped() -> None:
    """SiteWise takes all characters but these."""
    assert AliasTemplate("{tag}", "s").for_tag(replace(POINT, name="a\nb\x7f"), None).text == "a%0Ab%7F"


def test_what_a_tag_cannot_fill_is_no_alias() -> None:
    """Plain points have no attribute: under one alias they would all be mixed."""
    mapped = context_of("houston", POINT, Asset("Plant/R1"), Lane.LIVE)
    plain = context_of("houston", POINT, None, Lane.LIVE)
    aliases = AliasTemplate(DEFAULT, "houston")
    assert "it has no attribute for the alias" in aliases.of(mapped).problem
    assert "no asset.path and no attribute" in aliases.of(plain).problem
    assert "write one with {tag}" in aliases.of(plain).problem


def test_an_alias_is_of_one_tag() -> None:
    """The second tag with an alias has none; the same tag in another lane or description keeps it."""
    aliases = AliasTemplate("/{asset.path}", "houston")
    assert not aliases.of(TEMPERATURE).problem
    assert not aliases.of(context(lane=Lane.HISTORY, unit="°C")).problem
    assert r"is that of \\AF1\Plant\R1|Temperature already" in aliases.of(context("Pressure")).problem


@pytest.mark.parametrize(("length", "problem"), [(2048, ""), (2049, "2049 characters; SiteWise takes 2048")])
def test_an_alias_has_a_limit(length: int, problem: str) -> None:
    """Beyond SiteWise's limit there is no alias."""
    found = AliasTemplate("{tag}", "s").for_tag(replace(tag(), name="x" * length), None)
    assert problem in found.problem
    assert len(found.text) == (0 if problem else length)


def test_what_all_aliases_begin_with() -> None:
    """The site is known before any tag; a sample alias is nobody's."""
    assert AliasTemplate(DEFAULT, "houston").beginning == "/houston/"
    assert AliasTemplate("{tag}", "houston").beginning == ""
    assert AliasTemplate(DEFAULT, "houston").sample == "/houston/_/_"
