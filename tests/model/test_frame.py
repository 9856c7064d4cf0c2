import msgspec
import pytest

from pibridge.model import ticks
from pibridge.model.frame import Frame


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z"])
def test_a_frame_that_ends_in_the_year_9999_is_open(end: str) -> None:
    """PI writes the last second of the year 9999, with or without a fraction, for "not ended yet"."""
    frame = Frame(id="a", web_id="I1Fm", name="B-1", start_ticks=0, end_ticks=ticks.parse(end))
    assert frame.is_open
    assert not msgspec.structs.replace(frame, end_ticks=1).is_open
