import re

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import brewing

CYCLE = 1800 * PER_SECOND
UNIT = brewing.Unit("R1", CYCLE, 0.13)


def test_a_batch_has_all_phases() -> None:
    """One cycle passes through every state once."""
    assert sorted(value["Value"] for _, value in UNIT.states(3)) == list(range(7))


def test_values_follow_the_batch() -> None:
    """The vessel is hot while it reacts and cool when it is idle, each cycle alike."""
    level = UNIT.level(brewing.TEMPERATURE)
    start = int(0.13 * CYCLE)
    assert level(start) == 18
    assert 68 <= level(start + CYCLE // 2) <= 72
    assert level(start + CYCLE // 2) == level(start + CYCLE // 2 + 7 * CYCLE)


def test_batch_ids_are_told_from_tests_and_cleaning() -> None:
    """Most ids are those of batches; cleaning and every seventh test have others; between them there is none."""
    ids = [value for number in range(7) for _, value in UNIT.batch_ids(number)]
    assert sum(bool(re.fullmatch(r"B-\d+", text)) for text in ids) == 6
    assert sum(text.startswith("TEST-") for text in ids) == 1
    assert sum(text.startswith("CIP-") for text in ids) == 7
    assert ids.count("") == 7


def test_recipes_take_turns() -> None:
    """Each cycle has one recipe."""
    assert {UNIT.recipes(number)[0][1] for number in range(8)} == {"Ale", "Lager", "Stout", "Wheat"}


def test_a_cycle_ends_in_the_next_one() -> None:
    """A later place of a cycle comes after its first, also where the unit's offset puts it into the next slot."""
    unit = brewing.Unit("R2", CYCLE, 0.65)
    begin, end = unit.moment(1000, 0.05, 0.05), unit.moment(1000, 0.05, 0.90)
    assert begin == 1000 * CYCLE + 0.7 * CYCLE
    assert end - begin == 0.85 * CYCLE
