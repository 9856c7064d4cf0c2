import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.plant import Plant, wall_clock
from pibridge.simulator.points import CREATED
from pibridge.simulator.samples import PT_CREATED, Sample
from pibridge.simulator.webid import WebIdType, decode, encode
from simulator.bench import NOW

HOUR = 3600 * PER_SECOND
PLANT = Plant(clock=lambda: NOW)
TAGS = ["R1.Temperature", "R1.State", "R1.BatchID", "SINUSOID", "LAB.Remark", "U.Energy.Total"]


@given(st.sampled_from(TAGS), st.integers(0, 3 * HOUR), st.integers(0, 3 * HOUR))
@settings(max_examples=40)
def test_a_range_is_the_same_in_one_piece_or_two(tag: str, first: int, second: int) -> None:
    """Events follow from seed, tag and range alone, however they are asked for."""
    start, middle = NOW - 6 * HOUR, NOW - 6 * HOUR + first
    end = middle + second
    parts = PLANT.snapshots(tag, start, middle) + PLANT.snapshots(tag, middle + 1, end)
    assert parts == PLANT.snapshots(tag, start, end)
    assert parts == Plant(clock=lambda: NOW).snapshots(tag, start, end)


def test_another_seed_is_another_plant() -> None:
    """The seed decides."""
    assert Plant(seed=2).snapshots("R1.Level", NOW - HOUR, NOW) != PLANT.snapshots("R1.Level", NOW - HOUR, NOW)


def test_rates_are_what_was_asked_for() -> None:
    """Bulk points give their mean number of events."""
    plant = Plant(bulk=1, event_rate=2)
    events = plant.snapshots("BULK.000001", NOW - HOUR, NOW)
    assert 7200 <= len(events) <= 7200 * 1.03


def test_the_archive_is_a_part_of_the_snapshots() -> None:
    """Compression drops some events for good and invents none."""
    snapshots = PLANT.snapshots("R1.Temperature", NOW - HOUR, NOW)
    archive = PLANT.archive("R1.Temperature", NOW - HOUR, NOW, NOW)
    assert 0 < len(archive) < len(snapshots)
    assert all(each in snapshots for each in archive)
    assert archive[-1] == snapshots[-1]


def test_without_compression_the_archive_is_the_snapshots() -> None:
    """A test can demand every event back after an outage."""
    plant = Plant(compression=False)
    assert plant.archive("R1.Temperature", NOW - HOUR, NOW, NOW) == plant.snapshots("R1.Temperature", NOW - HOUR, NOW)


def test_the_snapshot_is_provisional() -> None:
    """The newest event is in the archive while it is newest; later some of them are gone."""
    events = PLANT.snapshots("SINUSOID", NOW - HOUR, NOW)
    while_newest = [each in PLANT.archive("SINUSOID", each.ticks, each.ticks, each.ticks) for each in events]
    later = [each in PLANT.archive("SINUSOID", each.ticks, each.ticks, NOW) for each in events]
    assert all(while_newest)
    assert 0 < sum(later) < len(events)


def test_walks_backwards_are_walks_forwards_turned() -> None:
    """Both directions give the same events."""
    point = PLANT.point("R1.Temperature")
    ways = [
        [each for piece in PLANT.walk(point, NOW - HOUR, NOW, NOW, archived=True, descending=way) for each in piece]
        for way in (False, True)
    ]
    assert ways[0] == ways[1][::-1]


def test_nothing_comes_from_the_future_but_forecasts() -> None:
    """The archive ends at its now; only future points go on."""
    end = NOW + 2 * HOUR
    assert all(each.ticks <= NOW for each in PLANT.archive("R1.Temperature", NOW - HOUR, end, NOW))
    assert PLANT.archive("PLAN.Demand", NOW, end, NOW)[-1].ticks > NOW + HOUR


def test_a_point_begins_with_pt_created() -> None:
    """A point that was never written holds the state Pt Created, and before that nothing."""
    assert PLANT.snapshots("NEW.Tag", 0, NOW) == [Sample(CREATED, PT_CREATED, good=False)]
    assert PLANT.snapshots("R1.Level", 0, CREATED - 1) == []
    assert PLANT.current(PLANT.point("NEW.Tag"), NOW).value == PT_CREATED


def test_every_web_id_is_known() -> None:
    """A point and an attribute answer to all types of their ids, and a stranger to none."""
    attribute = PLANT.find("Ab", r"\\af1\plant\area1\r1|temperature")
    assert attribute is not None
    for each in (PLANT.point(r"\\PISRV1\r1.state"), attribute):
        for kind in WebIdType:
            assert PLANT.resolve(encode(each.identity, kind)) is each
    assert PLANT.resolve("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA") is None
    assert decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA").point_id == 276


def test_edits_change_history() -> None:
    """Late, replaced and deleted values show in snapshots and archive; the log tells them."""
    plant = Plant(clock=lambda: NOW)
    point = plant.point("R1.Level")
    first, second, *_ = plant.snapshots(point, NOW - HOUR, NOW)
    assert plant.insert(point, Sample(first.ticks + 1, 1.5)).at_ticks == NOW
    plant.replace(point, first.ticks, 7.0)
    plant.delete("R1.Level", second.ticks)
    changed = plant.snapshots(point, first.ticks, second.ticks)
    assert [(each.value, each.substituted) for each in changed] == [(7.0, True), (1.5, False)]
    assert plant.archive(point, first.ticks, second.ticks, NOW) == changed
    assert [edit.number for edit in plant.edits_after(point, 1)] == [2, 3]
    assert plant.edits_after(plant.point("R1.State"), 0) == []
    assert plant.edit_count == 3


def test_a_point_that_was_removed_is_gone() -> None:
    """Neither its name nor any of its WebIDs leads to it."""
    plant = Plant(clock=lambda: NOW)
    gone = plant.remove_point("R1.Level")
    assert not plant.has(gone)
    assert plant.find(gone.identity.marker, gone.path) is None
    for kind in WebIdType:
        assert plant.resolve(encode(gone.identity, kind)) is None
    with pytest.raises(KeyError):
        plant.remove_point("R1.Level")


def test_a_point_made_anew_is_another_one() -> None:
    """It has the name, another id, and begins with Pt Created at the present; the old id stays unknown."""
    plant = Plant(clock=lambda: NOW)
    plant.insert("R1.Level", Sample(NOW - 5, 1.5))
    gone = plant.remove_point("R1.Level")
    anew = plant.recreate_point(gone)
    assert (plant.point("R1.Level"), anew.path) == (anew, gone.path)
    assert anew.id not in {gone.id, *(point.id for point in plant.points.values() if point is not anew)}
    assert plant.resolve(encode(anew.identity, WebIdType.ID_ONLY)) is anew
    assert plant.resolve(encode(gone.identity, WebIdType.ID_ONLY)) is None
    assert plant.snapshots("R1.Level", 0, NOW) == [Sample(NOW, PT_CREATED, good=False)]
    assert plant.snapshots("R1.Level", NOW + 1, NOW + HOUR)


def test_nothing_cannot_be_deleted() -> None:
    """A deletion where no value is says so."""
    with pytest.raises(KeyError, match=r"R1\.State has no value"):
        Plant(clock=lambda: NOW).delete("R1.State", NOW - 1)


def test_the_clock_on_the_wall_is_in_ticks() -> None:
    """It runs in ticks of 100 ns since 1970."""
    assert 1_700_000_000 * PER_SECOND < wall_clock() < 5_000_000_000 * PER_SECOND
