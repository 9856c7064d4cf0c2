from typing import Any

from pibridge.context.frame_tree import FrameTree, Known
from pibridge.model.frame import Frame


def frame(guid: str, parent: str = "", *, end: int = 20, **more: Any) -> Frame:
    """Make a frame with the template Batch, unless told otherwise."""
    fields = {"lineage": ("batch",), "elements": (f"Plant/{guid}",), **more}
    return Frame(id=guid, web_id="", name=guid, parent=parent, start_ticks=10, end_ticks=end, **fields)


def tree(*frames: Frame) -> FrameTree:
    """Give a tree that knows these frames."""
    made = FrameTree({"batch"}, {"id"})
    made.change(frames, ())
    return made


def known(asked: FrameTree, guid: str) -> Known:
    """Give what the tree knows of a frame that refers to an element of its own."""
    (found,) = asked.speaking_for([f"plant/{guid.lower()}"], "batch")
    return found


def below(asked: FrameTree, guid: str) -> set[tuple[int, str]]:
    """Give the ids below a frame, with their depth."""
    return {(depth, found.id) for depth, found in asked.below(guid)}


def test_parents_may_come_after_their_children() -> None:
    """A frame whose parent is not known yet is outermost; its place is found when the parent comes."""
    asked = tree(frame("C", "B"))
    assert asked.root(known(asked, "C")).id == "C"
    assert asked.change([frame("B", "A"), frame("A")], ()) == {"plant/a", "plant/b", "plant/c"}
    assert asked.root(known(asked, "C")).id == "A"
    assert below(asked, "A") == {(1, "B"), (2, "C")}


def test_a_circle_of_parents_does_no_harm() -> None:
    """It is walked once, and a frame is not part of itself."""
    asked = tree(frame("A", "B"), frame("B", "C"), frame("C", "A"), frame("D", "D"))
    assert asked.root(known(asked, "A")).id == "C"
    assert below(asked, "A") == {(1, "C"), (2, "B")}
    assert asked.root(known(asked, "D")).id == "D"
    assert below(asked, "D") == set()


def test_a_change_touches_batches_as_they_were_and_as_they_are() -> None:
    """Where a frame was taken from, where it went, and what is below it."""
    asked = tree(frame("A"), frame("B"), frame("X", "A", lineage=("phase",)), frame("Y", "X"))
    assert asked.change([frame("X", "B", lineage=("phase",))], ()) == {"plant/a", "plant/b", "plant/y"}
    assert asked.change([frame("Y", "X", elements=("Plant/Z",))], ()) == {"plant/b", "plant/y", "plant/z"}
    assert asked.change((), ["X"]) == {"plant/b", "plant/z"}
    assert below(asked, "B") == set()


def test_what_is_told_again_touches_nothing() -> None:
    """Nor does what no batch shows: other attributes, severity, frames that are gone already."""
    asked = tree(frame("A", attributes={"ID": 1}))
    assert asked.change([frame("A", attributes={"Id": 1, "Level": 4}, severity="Major")], ["B"]) == set()
    assert asked.change([frame("A", attributes={"ID": 2})], ()) == {"plant/a"}


def test_only_frames_with_the_template_speak() -> None:
    """For the elements that they refer to, in the template's own or a derived form."""
    asked = tree(
        frame("A", elements=("Plant/R1", "Plant/R2")),
        frame("B", elements=("Plant/R1",), lineage=("special", "batch")),
        frame("C", elements=("Plant/R1",), lineage=("phase",)),
    )
    assert {found.id for found in asked.speaking_for(["plant", "plant/r1"], "batch")} == {"A", "B"}
    assert {found.id for found in asked.speaking_for(["plant/r1"], "special")} == {"B"}
    asked.change((), ["A"])
    assert asked.speaking_for(["plant/r2"], "batch") == []


def test_what_later_frames_are_part_of_is_not_forgotten() -> None:
    """A procedure may end before its last operation does."""
    asked = tree(frame("A", end=15), frame("B", "A", end=16), frame("C", "B", end=30), frame("D", "A", end=20))
    assert asked.forget_before(20) == {"plant/a", "plant/d"}
    assert asked.root(known(asked, "C")).id == "A"
    assert below(asked, "A") == {(1, "B"), (2, "C")}
