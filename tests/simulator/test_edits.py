from pibridge.simulator.edits import Action, Edit, Edits
from pibridge.simulator.samples import Sample

BASE = [Sample(10, 1.0), Sample(20, 2.0), Sample(30, 3.0)]


def views(edits: Edits, start: int = 0, end: int = 100) -> tuple[list[float], list[float]]:
    """Give the values of both views, the second of an archive that lacks the value at 20."""
    archive = [sample for sample in BASE if sample.ticks != 20]
    snapshots = edits.over([each for each in BASE if start <= each.ticks <= end], start, end, archived=False)
    archived = edits.over([each for each in archive if start <= each.ticks <= end], start, end, archived=True)
    return [each.value for each in snapshots], [each.value for each in archived]


def test_late_values_stand_beside_what_is_there() -> None:
    """An insert adds to both views, in order of time."""
    edits = Edits()
    edits.apply(Edit(1, 99, Action.INSERT, Sample(15, 1.5)), [], [])
    edits.apply(Edit(2, 99, Action.INSERT, Sample(20, 2.5)), [BASE[1]], [])
    assert views(edits) == ([1.0, 1.5, 2.0, 2.5, 3.0], [1.0, 1.5, 2.5, 3.0])
    assert views(edits, 16, 25) == ([2.0, 2.5], [2.5])
    assert (edits.first_ticks, edits.last_ticks) == (15, 20)


def test_a_replacement_takes_the_place_of_all() -> None:
    """What was at that time is gone from both views."""
    edits = Edits()
    edits.apply(Edit(1, 99, Action.REPLACE, Sample(20, 9.0)), [BASE[1]], [])
    assert views(edits) == ([1.0, 9.0, 3.0], [1.0, 9.0, 3.0])


def test_a_deletion_leaves_nothing() -> None:
    """The time is empty, until something is inserted there again."""
    edits = Edits()
    edits.apply(Edit(1, 99, Action.DELETE, BASE[0]), [BASE[0]], [BASE[0]])
    assert views(edits) == ([2.0, 3.0], [3.0])
    edits.apply(Edit(2, 99, Action.INSERT, Sample(10, 7.0)), [], [])
    assert views(edits) == ([7.0, 2.0, 3.0], [7.0, 3.0])


def test_the_log_tells_what_is_new() -> None:
    """Changes are told in the order in which they were made, whatever their times."""
    edits = Edits()
    assert edits.first_ticks is None
    for number, ticks in enumerate((30, 10, 20), start=1):
        edits.apply(Edit(number, 99, Action.INSERT, Sample(ticks, 0.0)), [], [])
    assert [edit.sample.ticks for edit in edits.after(1)] == [10, 20]
