import pytest

from pibridge.config.choices import elements_chosen, frames_chosen, points_chosen, site_of
from pibridge.config.written import ElementChoice, FramesChoice
from pibridge.errors import ConfigurationError
from pibridge.pi.discovery import Assets, Database, Discovery, Points, Template

PLANT = Database(
    r"\\AF1\Plant",
    [Template("Reactor"), Template("Area")],
    [Template("Unit Batch"), Template("Alarm", on_elements=False)],
)
OTHER = Database(r"\\AF1\Other", [Template("Reactor")])
FOUND = Discovery([Points("PISRV1", is_connected=True)], [Assets("AF1", is_connected=True, databases=[PLANT, OTHER])])
TWO = Discovery([*FOUND.points, Points("PISRV2", is_connected=True)], FOUND.assets)


def test_points_are_patterns_of_a_server() -> None:
    """The only server need not be named."""
    assert points_chosen(FOUND, [r"\\PISRV9\A*", "U*"]) == [r"\\PISRV9\A*", r"\\PISRV1\U*"]


@pytest.mark.parametrize(
    ("pattern", "text"), [("U*", "PISRV1, PISRV2"), (r"\\PISRV1", "is no point"), (r"\\*\A", "wildcard")]
)
def test_points_that_cannot_be_are_refused(pattern: str, text: str) -> None:
    """Of two servers one must be named, and what is no point is explained."""
    with pytest.raises(ConfigurationError, match=text):
        points_chosen(TWO, [pattern])


def test_elements_and_templates_go_together() -> None:
    """Templates below elements, or in each database that has them, under their own names."""
    assert elements_chosen(FOUND, [r"\\AF1\Plant\A"], []) == [ElementChoice(r"\\AF1\Plant\A")]
    assert elements_chosen(FOUND, [r"\\AF1\Plant\A"], ["area"]) == [ElementChoice(r"\\AF1\Plant\A", "Area")]
    both = [ElementChoice(r"\\AF1\Plant", "Reactor"), ElementChoice(r"\\AF1\Other", "Reactor")]
    assert elements_chosen(FOUND, [], ["REACTOR"]) == both


@pytest.mark.parametrize(
    ("paths", "templates", "text"), [(["Plant"], [], "no AF path"), ([], ["Pump"], "there are Area, Reactor")]
)
def test_elements_that_cannot_be_are_refused(paths: list[str], templates: list[str], text: str) -> None:
    """With what there is instead."""
    with pytest.raises(ConfigurationError, match=text):
        elements_chosen(FOUND, paths, templates)


def test_frames_are_of_a_database_and_a_template() -> None:
    """The database by path or name, the template in any case; whether frames reference elements is taken over."""
    assert frames_chosen(FOUND, [r"\\af1\plant:unit batch", "Plant", "Plant:Alarm"]) == [
        FramesChoice(r"\\AF1\Plant", "Unit Batch"),
        FramesChoice(r"\\AF1\Plant"),
        FramesChoice(r"\\AF1\Plant", "Alarm", on_elements=False),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("Nowhere:X", r"AF1\\Other, "), ("Plant:X", "there are Alarm, Unit Batch"), ("Other:X", "there are none")],
)
def test_frames_that_cannot_be_are_refused(text: str, told: str) -> None:
    """With what there is instead."""
    with pytest.raises(ConfigurationError, match=told):
        frames_chosen(FOUND, [text])


@pytest.mark.parametrize(
    ("url", "site"),
    [("https://pi-houston.example.com/piwebapi", "pi-houston"), ("https://10.0.0.1/piwebapi", "plant"), ("x", "plant")],
)
def test_a_site_is_named_after_its_server(url: str, site: str) -> None:
    """An address is no name."""
    assert site_of(url) == site
