import pytest

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.brewing import Unit
from pibridge.simulator.recipes import CLEANING, MAKING, Batch, Step, details, source

CYCLE = 1800 * PER_SECOND
UNIT = Unit("R2", CYCLE, 0.13)


@pytest.mark.parametrize("steps", [MAKING, CLEANING])
def test_steps_lie_within_what_they_are_part_of(steps: tuple[Step, ...]) -> None:
    """A procedure is nested five levels deep, and its parts come after it."""
    depths = []
    for index, step in enumerate(steps):
        depth, above = 1, step.parent
        assert above is None or above < index
        while above is not None:
            assert steps[above].begin <= step.begin <= step.end <= steps[above].end
            depth, above = depth + 1, steps[above].parent
        depths.append(depth)
    assert (depths[0], max(depths)) == (1, 5)


@pytest.mark.parametrize("steps", [MAKING, CLEANING])
@pytest.mark.parametrize("offset", [0.0, 0.13, 0.65, 0.97])
def test_a_batch_lasts_while_the_vessel_names_it(steps: tuple[Step, ...], offset: float) -> None:
    """It begins with the tag's id and ends with the next one, wherever in the cycle the vessel is."""
    unit = Unit("R2", CYCLE, offset)
    told = sorted(
        (number * CYCLE + at, batch_id) for number in range(995, 1005) for at, batch_id in unit.batch_ids(number)
    )
    batch = Batch(unit, steps, 1000)
    place = told.index((batch.start(steps[0]), batch.id))
    assert batch.end(steps[0]) == told[place + 1][0]


def test_tests_and_cleaning_are_told_apart() -> None:
    """As in the tag: every seventh batch is a test, and cleaning has ids of its own."""
    made = [Batch(UNIT, MAKING, number) for number in range(7)]
    assert [batch.id for batch in made[:2]] == ["TEST-0", "B-1"]
    assert [batch.is_test for batch in made] == [True] + [False] * 6
    assert Batch(UNIT, CLEANING, 1).id == "CIP-1"


def test_each_level_has_its_attributes() -> None:
    """A procedure has recipe and product, a unit procedure the batch id, a state nothing; some come at the end."""
    batch = Batch(UNIT, MAKING, 12)
    found = {step.template: details(batch, step) for step in MAKING}
    assert {"Recipe", "Product"} <= set(found["Batch"])
    assert found["Unit Batch"]["BatchID"].value == "B-12"
    assert found["Phase State"] == {}
    at_end = {name for each in found.values() for name, detail in each.items() if detail.at_end}
    assert at_end == {"Yield", "Result", "Peak Temperature"}
    assert details(Batch(UNIT, CLEANING, 12), CLEANING[0])["Recipe"].value == "CIP"


def test_the_batch_system_tells_of_its_batch() -> None:
    """Under an id of its own, as XML."""
    ((name, xml),) = source(Batch(UNIT, MAKING, 12), "2026-01-01T00:00:00Z", "").items()
    assert name == "R2-making-12"
    assert 'BatchID="B-12"' in xml
    assert 'EndUTC=""' in xml
