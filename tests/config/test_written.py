from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.config.settings import Configuration
from pibridge.config.text import read_yaml
from pibridge.config.written import Chosen, ElementChoice, FramesChoice, frames_of, name_for, written
from pibridge.pi.discovery import Database, Template

PI: dict[str, Any] = {
    "url": "https://pi.example.com/piwebapi",
    "auth": {"method": "basic", "username": r"CORP\svc", "password": "${env:PI_PASSWORD}"},
}
PLANT = r"\\AF1\Plant"


def tree_of(chosen: Chosen) -> dict[str, Any]:
    """Give what was written as it is read, after it was found to be a configuration."""
    tree, problems = read_yaml(written(chosen))
    assert problems == []
    Configuration.model_validate(tree)
    return tree


def test_all_that_was_chosen_is_read() -> None:
    """Points, elements and frames become streams with telling names; the sink is ready to run."""
    tree = tree_of(
        Chosen(
            "houston",
            PI,
            [r"\\PISRV1\U*", r"\\PISRV1\*"],
            [ElementChoice(PLANT, "Reactor"), ElementChoice(rf"{PLANT}\Area 1's")],
            [FramesChoice(PLANT, "Unit Batch"), FramesChoice(PLANT, on_elements=False)],
        )
    )
    assert tree["pi"] == PI
    assert tree["site"] == "houston"
    assert {name: stream["select"] for name, stream in tree["streams"].items()} == {
        "u": {"points": [r"\\PISRV1\U*"]},
        "pisrv1": {"points": [r"\\PISRV1\*"]},
        "reactor": {"element": PLANT, "template": "Reactor", "attributes": ["*"]},
        "area-1-s": {"element": rf"{PLANT}\Area 1's", "attributes": ["*"]},
        "unit-batch-frames": {"event_frames": {"database": PLANT, "template": "Unit Batch"}},
        "plant-frames": {"event_frames": {"database": PLANT}},
    }
    assert tree["sinks"] == {"local": {"type": "file", "path": "./out"}}


@pytest.mark.parametrize(
    ("frames", "batch_id"),
    [
        (FramesChoice(PLANT, "Unit Batch"), "name"),
        (FramesChoice(PLANT, "Unit Procedure"), "attribute:BatchID"),
        (FramesChoice(PLANT, "Alarm"), None),
        (FramesChoice(PLANT), None),
        (FramesChoice(PLANT, "Batch", on_elements=False), None),
    ],
)
def test_frames_like_batches_become_a_batch_rule(frames: FramesChoice, batch_id: str | None) -> None:
    """Those whose template is named so and that reference elements; of unit procedures the id is an attribute."""
    rules = tree_of(Chosen("houston", PI, frames=[frames])).get("context", {}).get("batches", {})
    source = {"database": PLANT, "template": frames.template}
    assert [(rule["assets"], rule["event_frames"], rule["id"]) for rule in rules.values()] == (
        [("Plant/**", source, batch_id)] if batch_id else []
    )


def test_frames_without_a_recent_one_may_be_on_elements() -> None:
    """Only those that are known not to be are not."""
    database = Database(PLANT)
    assert [frames_of(database, Template("B", on_elements=known)).on_elements for known in (None, True, False)] == [
        True,
        True,
        False,
    ]


@given(st.lists(st.text(max_size=80), max_size=5))
def test_names_are_taken_by_the_configuration(texts: list[str]) -> None:
    """Whatever things are called in PI; no two are the same."""
    taken: set[str] = set()
    names = [name_for(text, taken) for text in texts]
    assert len(set(names)) == len(texts)
    stream = {"select": {"points": [r"\\P\A"]}}
    sinks = {"local": {"type": "file"}}
    if names:
        Configuration.model_validate(
            {"site": "s", "pi": {"url": "https://pi"}, "streams": dict.fromkeys(names, stream), "sinks": sinks}
        )


names = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(names, names)
def test_whatever_is_chosen_is_read_as_it_is(element: str, template: str) -> None:
    """Quotes, hashes and colons in names are text."""
    chosen = Chosen("s", {"url": "https://pi"}, elements=[ElementChoice(rf"{PLANT}\{element}", template)])
    tree, problems = read_yaml(written(chosen))
    assert problems == []
    (stream,) = tree["streams"].values()
    assert (stream["select"]["element"], stream["select"]["template"]) == (rf"{PLANT}\{element}", template)
