import pytest
from msgspec.structs import replace

from context.plants import POINT, TEMPERATURE
from pibridge.context.record import Context, context_of
from pibridge.context.topics import TopicTemplate
from pibridge.model.event import Lane
from pibridge.model.tag import Asset, Tag


def context(tag: Tag) -> Context:
    """Give what records of a tag share."""
    return context_of("houston", tag, tag.asset, Lane.LIVE)


def test_placeholders_say_what_the_record_says() -> None:
    """Levels of the asset are levels of the topic; what a point does not have is one level all the same."""
    template = TopicTemplate("pi/{site}/{stream}/{asset.path}/{attribute}", "houston")
    assert template.of(context(TEMPERATURE)) == "pi/houston/reactors/Plant/Area1/R1/Temperature"
    assert template.of(context(POINT)) == "pi/houston/live/_/_"


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("R1.PV", "t/R1.PV"),
        ("A+B#C", "t/A%2BB%23C"),
        ("50%", "t/50%25"),
        ("CIP%2FSIP", "t/CIP%2FSIP"),
        ("tab\there", "t/tab%09here"),
        ("/lead/", "t/lead"),
        ("Würze", "t/Würze"),
    ],
)
def test_names_cannot_become_wildcards(name: str, topic: str) -> None:
    """What MQTT reads as a wildcard or refuses is escaped; a slash within a name is escaped already."""
    assert TopicTemplate("t/{tag}", "s").of(context(replace(POINT, name=name))) == topic


def test_no_record_reaches_the_broker_s_own_topics() -> None:
    """A dollar at the beginning is a name's, unless the template itself writes it."""
    dollar = replace(POINT, name="$SYS", asset=Asset("$aws"))
    assert TopicTemplate("{tag}/x", "s").of(context(dollar)) == "%24SYS/x"
    assert TopicTemplate("$aws/rules/in/{tag}", "s").of(context(POINT)) == "$aws/rules/in/SINUSOID"


def test_a_tag_that_changes_place_gets_another_topic() -> None:
    """What a reload says anew of a tag counts from then on."""
    template = TopicTemplate("t/{asset.path}", "s")
    places = [replace(POINT, asset=Asset(path)) for path in ("Plant/R1", "Plant/R2", "Plant/R1")]
    assert [template.of(context(tag)) for tag in places] == ["t/Plant/R1", "t/Plant/R2", "t/Plant/R1"]
