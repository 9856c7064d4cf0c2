from context.plants import NOON, POINT
from pibridge.context.filters import build
from pibridge.context.record import Record, context_of
from pibridge.context.settings import FilterSettings
from pibridge.model.event import BAD, QUESTIONABLE, Event, Lane


def verdict(settings: FilterSettings, status: int = 0) -> str:
    """Judge one good or doubtful number of a point."""
    return build(settings)(Record(1, Event(1, NOON, 1.0, status), context_of("s", POINT, None, Lane.LIVE)))


def test_nothing_is_kept_back_without_a_filter() -> None:
    """A sink without filter gets everything."""
    assert [verdict(FilterSettings(), status) for status in (0, BAD, QUESTIONABLE)] == ["", "", ""]


def test_quality_keeps_back_what_is_not_listed() -> None:
    """The verdict names the key that is responsible."""
    settings = FilterSettings(quality=frozenset({"good", "questionable"}))
    assert [verdict(settings, status) for status in (0, BAD, QUESTIONABLE)] == ["", "quality", ""]


def test_streams_keeps_back_other_streams() -> None:
    """Only the listed streams pass."""
    assert verdict(FilterSettings(streams=frozenset({"live"}))) == ""
    assert verdict(FilterSettings(streams=frozenset({"other"}))) == "streams"
