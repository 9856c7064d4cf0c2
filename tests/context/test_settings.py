from typing import Any

import pytest
from pydantic import ValidationError

from pibridge.context.settings import AssetMapping, BatchRule, ContextSettings, FilterSettings, Name, Width
from pibridge.model.settings import Settings

FRAMES = {"database": r"\\AF1\Plant", "template": "Batch"}


class Named(Settings):
    """Something with a name."""

    name: Name


@pytest.mark.parametrize("name", ["a", "R1", "edge-ml", "a.b_c-d", "0", "x" * 64])
def test_names_that_are_safe(name: str) -> None:
    """Letters, digits, dots, dashes and underscores make topics, keys and files."""
    assert Named(name=name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "+", "#", "ä", "-a", "a\n", "x" * 65, "a*"])
def test_names_that_are_not(name: str) -> None:
    """What would change the meaning of a topic, key or path is refused."""
    with pytest.raises(ValidationError, match="not usable as a name"):
        Named(name=name)


@pytest.mark.parametrize("asset", ["", "/Plant", "Plant/", "/"])
def test_asset_paths_begin_with_the_database(asset: str) -> None:
    """An asset path is names with a slash between them."""
    with pytest.raises(ValidationError, match="write names with / between them"):
        AssetMapping(points="x", asset=asset)


@pytest.mark.parametrize(
    "rule",
    [
        {"event_frames": FRAMES},
        {"event_frames": FRAMES, "id": "root", "valid": r"^B-\d+$"},
        {"event_frames": FRAMES, "id": "attribute:BatchID"},
        {"tag": r"\\PISRV1\R9.BatchID", "valid": "B"},
    ],
)
def test_batch_rules_of_one_source(rule: dict[str, Any]) -> None:
    """A rule takes the batch from frames or from a tag."""
    assert BatchRule.model_validate({"assets": "Plant/*", **rule}).assets == "Plant/*"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({}, "has no single source; write either event_frames or tag"),
        ({"event_frames": FRAMES, "tag": "x"}, "has no single source"),
        ({"tag": "x", "id": "name"}, "has id beside tag"),
        ({"event_frames": FRAMES, "id": "attribute:"}, "write name, root, or attribute:"),
        ({"event_frames": FRAMES, "id": "nam"}, "write name, root, or attribute:"),
        ({"tag": "x", "valid": "("}, "no regular expression"),
    ],
)
def test_batch_rules_that_cannot_be_meant(rule: dict[str, Any], problem: str) -> None:
    """Each contradiction says what to write."""
    with pytest.raises(ValidationError, match=problem):
        BatchRule.model_validate({"assets": "Plant/*", **rule})


def test_context_defaults() -> None:
    """Nothing is mapped, and events wait 15 seconds where there are batches."""
    context = ContextSettings()
    assert (context.assets, context.assets_file, context.batches, context.hold) == ((), None, {}, 15)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": []},
        {"quality": ["fine"]},
        {"streams": []},
        {"tags": []},
        {"tags": [""]},
        {"assets": ["/Plant"]},
        {"deadband": True},
        {"deadband": None},
        {"deadband": "%"},
        {"deadband": "nan%"},
        {"deadband": "-1%"},
        {"deadband": "100.1%"},
        {"heartbeat": 0},
        {"batch": "x"},
    ],
)
def test_filters_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    """A filter that nothing passes, or that says nothing known, is refused."""
    with pytest.raises(ValidationError):
        FilterSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("written", "width", "in_bar"),
    [
        (0, Width(0), 0),
        ("0.5", Width(0.5), 0.5),
        (" 2.5 %", Width(2.5, is_percent=True), 5.0),
        ("100%", Width(100, is_percent=True), 200),
    ],
)
def test_a_deadband_is_a_number_or_percent_of_the_span(written: object, width: Width, in_bar: float) -> None:
    """In the tag's unit as it stands; in percent of what PI tells of the tag, and none if PI tells nothing."""
    found = FilterSettings.model_validate({"deadband": written}).deadband
    assert found == width
    assert found.of(200) == in_bar
    assert found.of(0) == (0 if width.is_percent else in_bar)


def test_a_filter_upon_another_keeps_what_it_does_not_say() -> None:
    """Keys that are written win, also with the value null."""
    defaults = FilterSettings.model_validate({"quality": ["good"], "streams": ["a"], "deadband": 2})
    own = FilterSettings.model_validate({"streams": None, "deadband": 0})
    merged = own.upon(defaults)
    assert (merged.quality, merged.streams, merged.deadband) == (frozenset({"good"}), None, Width(0))
    assert FilterSettings().upon(defaults) == defaults
