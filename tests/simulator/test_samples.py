from pibridge.simulator.samples import NO_DATA, Sample, as_json, is_number


def test_values_look_as_recorded_from_real_servers() -> None:
    """The value object has all flags and the unit."""
    assert as_json(Sample(5_000_000, 1.5, questionable=True), "bar") == {
        "Timestamp": "1970-01-01T00:00:00.5Z",
        "Value": 1.5,
        "UnitsAbbreviation": "bar",
        "Good": True,
        "Questionable": True,
        "Substituted": False,
        "Annotated": False,
    }


def test_states_have_no_unit() -> None:
    """The unit of a state is empty, whatever the stream's."""
    assert as_json(Sample(0, NO_DATA, good=False), "bar")["UnitsAbbreviation"] == ""


def test_only_numbers_are_numbers() -> None:
    """Booleans, texts and states cannot be drawn as a curve."""
    assert [is_number(value) for value in (1, 1.5, True, "1", NO_DATA, None)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
