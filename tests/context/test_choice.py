import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.plants import NOON, POINT, TEMPERATURE, surroundings
from pibridge.context.choice import Choice, Chooser, of_tag
from pibridge.context.stamp import Stamp
from pibridge.model import ticks
from pibridge.model.event import Event, Lane
from pibridge.model.tag import Mode, Tag

FRAMES = Tag(stream="frames", mode=Mode.REALTIME, name="frames", path=r"\\AF1\Plant", web_id="", kind="frame")
TAGS = {1: TEMPERATURE, 2: POINT, 3: FRAMES}
BATCHES = {"assets": "Plant/**", "tag": r"\\PISRV1\BATCH"}


def chooser(choice: Choice) -> Chooser:
    """Give what picks events of the three tags; B-1 runs on the asset from noon to 10 ticks later, then B-2."""
    around = surroundings(batches={"plant": BATCHES})
    around.timeline.take_values(
        r"\\PISRV1\BATCH", NOON, NOON + 100, [Event(9, NOON, "B-1"), Event(9, NOON + 10, "B-2")]
    )
    return Chooser(choice, Stamp("houston", around, lambda number, _: TAGS[number]))


def picked(choice: Choice, events: list[Event], lane: Lane = Lane.LIVE) -> list[int]:
    """Give the places of the events that are meant; the first one is at 100."""
    found = chooser(choice)
    return [record.seq for record in found.records(lane, 100, found.events(lane, 100, events))]


EVENTS = [Event(tag, NOON + i, i if tag < 3 else {"id": "f"}, 0 if tag < 3 else 128) for i in range(20) for tag in TAGS]


def of(tag: int, *ats: int) -> list[int]:
    """Give the places of a tag's events at these ticks after noon."""
    return [100 + 3 * at + tag - 1 for at in ats]


@given(
    st.integers(-2, 22),
    st.integers(0, 22),
    st.sets(st.sampled_from(["SINUSOID", r"*R1|temp*", "NONE"])),
    st.sets(st.sampled_from(["Plant/**", "Plant/*/R2"])),
    st.sets(st.sampled_from(["live", "reactors", "frames"])),
    st.sets(st.sampled_from(list(Lane))),
)
def test_what_is_named_is_meant_and_nothing_else(  # noqa: PLR0913, PLR0917 - one for each thing to choose by
    start: int, length: int, tags: set[str], assets: set[str], streams: set[str], lanes: set[Lane]
) -> None:
    """Time, tag, asset, stream and lane together choose what each alone lets pass."""
    choice = Choice(
        start_ticks=NOON + start,
        end_ticks=NOON + start + length,
        tags=tuple(tags),
        assets=tuple(assets),
        streams=tuple(streams),
        lanes=tuple(lanes),
    )
    by_tag = {1: r"*R1|temp*" in tags or not tags, 2: "SINUSOID" in tags or not tags, 3: not tags}
    by_asset = {1: "Plant/**" in assets or not assets, 2: not assets, 3: not assets}
    by_stream = {number: not streams or tag.stream in streams for number, tag in TAGS.items()}
    expected = [
        seq
        for seq, event in enumerate(EVENTS, 100)
        if start <= event.ticks - NOON <= start + length
        and by_tag[event.tag]
        and by_asset[event.tag]
        and by_stream[event.tag]
        and (not lanes or Lane.LIVE in lanes)
    ]
    assert picked(choice, EVENTS) == expected


def test_a_batch_is_what_ran_at_the_time() -> None:
    """By its id, wildcards allowed; tags without a batch are not meant, nor are event frames."""
    assert picked(Choice(batches=("B-1",)), EVENTS) == of(1, *range(10))
    assert picked(Choice(batches=("b-?",)), EVENTS) == of(1, *range(20))
    assert picked(Choice(batches=("C*",)), EVENTS) == []


def test_tags_are_judged_as_they_are_described() -> None:
    """A path means as much as a name; an asset that the configuration maps counts, too."""
    around = surroundings()
    assert of_tag(Choice(tags=(r"\\pisrv1\sinus*",)), around.assets)(POINT)
    assert not of_tag(Choice(assets=("**",)), around.assets)(POINT)
    assert of_tag(Choice(), around.assets)(FRAMES)


def test_a_time_that_ends_before_it_begins_is_wrong() -> None:
    """It would mean nothing."""
    with pytest.raises(ValueError, match="ends before it begins"):
        Choice(start_ticks=2, end_ticks=1)
    assert Choice().end_ticks == ticks.FOREVER


@given(st.sets(st.integers(95, 165)))
def test_places_are_meant_alone(seqs: set[int]) -> None:
    """Runs of positions, both ends included: of what else is meant, what lies in one."""
    runs = [[seq, seq] for seq in sorted(seqs) if seq - 1 not in seqs]
    for run in runs:
        while run[1] + 1 in seqs:
            run[1] += 1
    places = tuple((first, last) for first, last in runs)
    expected = [seq for seq in range(100, 160) if seq in seqs]
    assert picked(Choice(places=places), EVENTS) == (expected if places else list(range(100, 160)))
    of_point = [seq for seq in expected if seq in of(2, *range(20))]
    assert picked(Choice(places=places, tags=("SINUSOID",)), EVENTS) == (of_point if places else of(2, *range(20)))
