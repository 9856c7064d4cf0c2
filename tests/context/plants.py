"""Tags, events and values as a plant has them."""

from typing import Any

from hypothesis import strategies as st

from pibridge.context.settings import AssetMapping, ContextSettings
from pibridge.context.surroundings import Surroundings
from pibridge.model import ticks
from pibridge.model.event import ANNOTATED, BAD, DELETE, ERROR, QUESTIONABLE, SUBSTITUTED, UPDATE, Event, Lane
from pibridge.model.tag import Asset, Mode, Tag

NOON = ticks.parse("2026-03-01T12:00:00Z")

TEMPERATURE = Tag(
    stream="reactors",
    mode=Mode.REALTIME,
    name="Plant/Area1/R1|Temperature",
    path=r"\\AF1\Plant\Area1\R1|Temperature",
    web_id="I1AbE",
    unit="°C",
    asset=Asset("Plant/Area1/R1", "Reactor", "Temperature"),
)
POINT = Tag(stream="live", mode=Mode.REALTIME, name="SINUSOID", path=r"\\PISRV1\SINUSOID", web_id="I1DP", unit="bar")
NOTE = Tag(stream="live", mode=Mode.REALTIME, name="R1.Note", path=r"\\PISRV1\R1.Note", web_id="I1DPt", text=True)

NO_DATA = {"Name": "No Data", "Value": 248, "IsSystem": True}
CASCADE = {"Name": "Cascade", "Value": 2, "IsSystem": False}


def values() -> st.SearchStrategy[Any]:
    """Whatever JSON can say, finite numbers only."""
    numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    states = st.sampled_from([NO_DATA, CASCADE])
    return st.none() | st.booleans() | numbers | st.text() | states | st.lists(numbers | st.text(), max_size=3)


def events(tag: int = 1) -> st.SearchStrategy[Event]:
    """Events with any combination of what PI says about them."""
    bits = st.lists(st.sampled_from([BAD, QUESTIONABLE, SUBSTITUTED, ANNOTATED, ERROR, UPDATE, DELETE]), unique=True)
    moments = st.integers(0, ticks.FOREVER)
    return st.builds(Event, st.just(tag), moments, values(), bits.map(sum))


def surroundings(*mappings: AssetMapping, **context: Any) -> Surroundings:
    """Give the surroundings as these keys of `context` say."""
    return Surroundings(ContextSettings.model_validate(context), mappings)


LANES = st.sampled_from(list(Lane))
