from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from pibridge.model.ticks import FOREVER, PER_SECOND
from pibridge.simulator.brewing import Unit
from pibridge.simulator.frames import Batches, Frame, Kind, cycle_of
from pibridge.simulator.recipes import Detail
from pibridge.simulator.samples import NO_DATA
from pibridge.simulator.tree import Element
from simulator.bench import NOW

CYCLE = 1800 * PER_SECOND
SINCE = NOW - 50 * CYCLE
VESSELS = {
    Unit(name, CYCLE, offset): Element(name, rf"\\AF1\Plant\{name}", "Reactor")
    for name, offset in (("R1", 0.0), ("R3", 0.26), ("F2", 0.65))
}
BATCHES = Batches(VESSELS, SINCE)


def between(low: int, high: int, now: int = NOW) -> list[Frame]:
    """Give all frames of a range."""
    return list(BATCHES.between(low, high, now, lambda _: True))


@given(st.integers(0, 60 * CYCLE), st.integers(0, 3 * CYCLE), st.integers(0, 60 * CYCLE))
@settings(max_examples=30)
def test_a_range_holds_what_was_open_in_it(low: int, length: int, now: int) -> None:
    """Any range is a part of all there is, cut nowhere; at any time, only what has begun."""
    start, present = SINCE + low, SINCE + now
    everything = between(0, FOREVER, present)
    expected = [each.id for each in everything if each.start_ticks <= start + length and each.end_ticks >= start]
    assert [each.id for each in between(start, start + length, present)] == expected
    assert all(SINCE <= each.start_ticks <= present for each in everything)
    assert all(each.is_open or each.end_ticks <= present for each in everything)


def test_frames_are_the_same_whenever_they_are_asked_for() -> None:
    """Ids are unique and lead back to their frame; only the open end changes."""
    earlier, later = ({each.id: each for each in between(NOW - CYCLE, NOW, now)} for now in (NOW - CYCLE // 2, NOW))
    assert len(earlier) == len(between(NOW - CYCLE, NOW, NOW - CYCLE // 2))
    for frame_id, frame in earlier.items():
        assert later[frame_id].start_ticks == frame.start_ticks
        assert frame.is_open or later[frame_id] == frame
        assert BATCHES.find(frame_id, NOW) == later[frame_id]


def test_ids_that_name_nothing() -> None:
    """Neither a stranger's id, nor that of a frame to come, nor one of before the plant's time is known."""
    frame = between(NOW, NOW)[0]
    assert BATCHES.find(uuid4(), NOW) is None
    assert BATCHES.find(UUID(bytes=frame.id.bytes[:8] + uuid4().bytes[8:]), NOW) is None
    assert BATCHES.find(frame.id, frame.start_ticks - 1) is None
    assert Batches(VESSELS, frame.start_ticks + 1).find(frame.id, NOW) is None
    assert list(BATCHES.below(uuid4(), NOW)) == []


def test_frames_are_nested() -> None:
    """A child lies within its parent, has its path above it, and is among the parent's children."""
    known = {each.id: each for each in between(NOW - CYCLE, NOW)}
    assert {each.template for each in known.values()} == {
        "Batch",
        "Unit Batch",
        "Fermenter Batch",
        "Operation",
        "Phase",
        "Phase State",
    }
    for frame in known.values():
        parent = frame.parent and known[frame.parent]
        if not parent:
            assert (frame.template, frame.elements) == ("Batch", ())
            continue
        assert parent.start_ticks <= frame.start_ticks <= frame.end_ticks <= parent.end_ticks
        assert frame.above == parent.path
        assert frame in list(BATCHES.below(parent.id, NOW))
        assert cycle_of(frame.id) == cycle_of(parent.id)


def test_what_is_not_wanted_is_not_made() -> None:
    """Frames are chosen by template and by whether they are at the root."""
    assert all(frame.parent is None for frame in BATCHES.between(SINCE, NOW, NOW, lambda kind: kind.is_root))
    wanted = BATCHES.between(SINCE, NOW, NOW, lambda kind: kind == Kind("Fermenter Batch", is_root=False))
    assert {frame.elements[0].name for frame in wanted} == {"F2"}


def test_what_is_captured_at_the_end() -> None:
    """Until the frame has ended it is No Data; then it has its value, at the end."""
    details = {"Recipe": Detail("Ale"), "Yield": Detail(115.5, "hl", at_end=True)}
    open_frame = Frame(id=uuid4(), name="B-1", start_ticks=NOW, details=details)
    closed = Frame(id=uuid4(), name="B-1", start_ticks=NOW, end_ticks=NOW + 5, details=details)
    shown = [
        {each.name: (each.static, each.static_ticks) for each in frame.attributes} for frame in (open_frame, closed)
    ]
    assert shown == [
        {"Recipe": ("Ale", 0), "Yield": (NO_DATA, NOW)},
        {"Recipe": ("Ale", 0), "Yield": (115.5, NOW + 5)},
    ]
    assert [each.plug_in for each in closed.attributes] == ["", "Formula"]


def test_the_year_9999_is_no_end() -> None:
    """With or without a fraction of its last second."""
    ends = (FOREVER, FOREVER - PER_SECOND + 1, FOREVER - PER_SECOND)
    frames = [Frame(id=uuid4(), name="B-1", start_ticks=NOW, end_ticks=end) for end in ends]
    assert [frame.is_open for frame in frames] == [True, True, False]
