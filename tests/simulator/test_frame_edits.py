from uuid import UUID, uuid4

import pytest

from pibridge.model.ticks import FOREVER, PER_SECOND
from pibridge.simulator.frame_edits import Frames
from pibridge.simulator.frames import Frame
from pibridge.simulator.plant import Plant
from simulator.bench import NOW, Clock

CYCLE = 1800 * PER_SECOND


@pytest.fixture
def frames(clock: Clock) -> Frames:
    """Give the frames of a plant whose time the test decides."""
    return Plant(clock=clock).frames


def running(frames: Frames, template: str = "Unit Batch") -> Frame:
    """Give an open frame of the plant's own."""
    return next(each for each in frames.between(NOW, NOW) if each.is_open and each.template == template)


def get(frames: Frames, frame_id: UUID) -> Frame:
    """Give the frame that is there."""
    found = frames.find(frame_id)
    assert found is not None
    return found


def test_a_frame_made_late(frames: Frames) -> None:
    """It lies in the past and is found there, though it was made now; its parent is above it."""
    parent = running(frames, "Batch")
    made = frames.create(
        name="Late", parent=parent.id, start_ticks=NOW - 100, end_ticks=NOW - 50, attributes={"Recipe": "Ale"}
    )
    frame = get(frames, made)
    assert (frame.path, frame.details["Recipe"].value) == (rf"{parent.path}\Late", "Ale")
    assert frame in frames.below(parent)
    assert frame in list(frames.between(NOW - 60, NOW - 55))
    assert frame not in list(frames.between(NOW - 49, NOW))


def test_a_frame_made_by_hand_is_open_until_it_is_closed(frames: Frames, clock: Clock) -> None:
    """It begins and ends at the present, unless told otherwise."""
    made = frames.create(name="Downtime", categories=())
    assert (get(frames, made).start_ticks, get(frames, made).is_open) == (NOW, True)
    clock.advance(5)
    frames.close(made)
    assert get(frames, made).end_ticks == NOW + 5 * PER_SECOND
    frames.close(made, NOW + 1)
    assert get(frames, made).end_ticks == NOW + 1


def test_a_changed_frame_goes_on_otherwise(frames: Frames, clock: Clock) -> None:
    """What was not changed stays as the plant has it: it ends when its batch does, and its parts know its new name."""
    frame = running(frames)
    frames.change(frame.id, name="Renamed", attributes={"Product": "Bock", "Remark": "by hand"}, severity="Major")
    changed = get(frames, frame.id)
    assert (changed.name, changed.severity, changed.start_ticks) == ("Renamed", "Major", frame.start_ticks)
    values = {name: detail.value for name, detail in changed.details.items()}
    before = {name: detail.value for name, detail in frame.details.items()}
    assert values == {**before, "Product": "Bock", "Remark": "by hand"}
    assert all(child.above == changed.path for child in frames.below(changed))
    assert changed.is_open
    clock.advance(1800)
    assert not get(frames, frame.id).is_open


def test_changes_add_up(frames: Frames) -> None:
    """A second change leaves the first one as it is; a moved frame is found where it lies now."""
    frame = running(frames)
    frames.change(frame.id, attributes={"Product": "Bock"})
    frames.change(frame.id, start_ticks=NOW - 60 * CYCLE, end_ticks=NOW - 59 * CYCLE)
    found = [each for each in frames.between(NOW - 60 * CYCLE, NOW - 60 * CYCLE) if each.id == frame.id]
    assert [each.details["Product"].value for each in found] == ["Bock"]
    assert frame.id not in {each.id for each in frames.between(NOW, NOW)}


def test_a_deleted_frame_is_gone_with_its_parts(frames: Frames) -> None:
    """At every depth, also the parts that would have come."""
    root = running(frames, "Batch")
    (unit,) = frames.below(root)
    (operation, *_) = frames.below(unit)
    by_hand = frames.create(name="By hand", parent=unit.id)
    frames.delete(root.id)
    left = {each.id for each in frames.between(NOW - CYCLE, NOW)}
    assert left
    assert not left & {root.id, unit.id, operation.id, by_hand}
    assert [frames.find(each.id) for each in (root, unit, operation)] == [None] * 3


def test_a_frame_made_anew_has_another_id(frames: Frames, clock: Clock) -> None:
    """So have its parts; the old ids name nothing, all else is as before, and it goes on as before."""
    root = running(frames, "Batch")
    (unit,) = frames.below(root)
    anew = get(frames, frames.recreate(root.id))
    assert anew.id != root.id
    assert (anew.name, anew.start_ticks, anew.details) == (root.name, root.start_ticks, root.details)
    assert (frames.find(root.id), frames.find(unit.id)) == (None, None)
    (child,) = frames.below(anew)
    assert (child.parent, child.name) == (anew.id, unit.name)
    assert [each.id for each in frames.between(NOW, NOW) if each.name == root.name and each.id == anew.id] == [anew.id]
    frames.change(anew.id, name="Again")
    again = frames.recreate(anew.id)
    assert (get(frames, again).name, frames.find(anew.id)) == ("Again", None)
    clock.advance(1800)
    assert not get(frames, again).is_open


def test_two_frames_become_one(frames: Frames) -> None:
    """The one that stays spans both, speaks for the elements of both and takes over the parts, those to come too."""
    roots = [each for each in frames.between(NOW - CYCLE, NOW) if each.parent is None and each.template == "Batch"]
    closed = next(each for each in roots if not each.is_open)
    opened = next(each for each in roots if each.is_open and each.start_ticks > closed.start_ticks)
    parts = frames.below(closed) + frames.below(opened)
    assert frames.merge(opened.id, closed.id) == closed.id
    merged = get(frames, closed.id)
    assert frames.find(opened.id) is None
    assert (merged.start_ticks, merged.end_ticks) == (closed.start_ticks, FOREVER)
    assert set(merged.sources) == set(closed.sources) | set(opened.sources)
    assert {each.id for each in frames.below(merged)} == {each.id for each in parts}
    assert all(each.parent == closed.id for each in frames.below(merged))
    assert {each.parent for each in frames.between(NOW, NOW) if each.id in {part.id for part in parts}} == {closed.id}


def test_what_cannot_be_done(frames: Frames) -> None:
    """Unknown ids, ends before starts and frames within themselves are refused, and nothing is changed."""
    root = running(frames, "Batch")
    (unit,) = frames.below(root)
    for action in (frames.delete, frames.close, frames.recreate, frames.change):
        with pytest.raises(KeyError, match="no event frame"):
            action(uuid4())
    with pytest.raises(KeyError, match="no event frame"):
        frames.create(name="Orphan", parent=uuid4())
    with pytest.raises(ValueError, match="before it starts"):
        frames.close(root.id, root.start_ticks - 1)
    with pytest.raises(ValueError, match="before it starts"):
        frames.create(name="Backwards", end_ticks=NOW - 1)
    with pytest.raises(ValueError, match="part of itself"):
        frames.merge(root.id, unit.id)
    assert frames.find(root.id) == root


def test_paths_are_not_unique(frames: Frames) -> None:
    """All frames at a path are found, whatever its case."""
    made = {frames.create(name="Twice"), frames.create(name="twice")}
    assert {each.id for each in frames.at(r"\\af1\plant\eventframes[TWICE]")} == made
