from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from context.plants import NOON, POINT, TEMPERATURE
from pibridge.context.batches import Batch
from pibridge.context.filters import build
from pibridge.context.record import Record, context_of
from pibridge.context.settings import FilterSettings
from pibridge.model.event import BAD, QUESTIONABLE, START, Event, Lane
from pibridge.model.tag import Tag


def verdict(settings: FilterSettings, status: int = 0, tag: Tag = POINT) -> str:
    """Judge one good or doubtful number of a tag."""
    return build(settings)(Record(1, Event(1, NOON, 1.0, status), context_of("s", tag, tag.asset, Lane.LIVE)))


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


@pytest.mark.parametrize(
    ("patterns", "admitted"),
    [
        (["SIN*"], [POINT]),
        ([r"\\pisrv1\*"], [POINT]),
        (["*|temp*"], [TEMPERATURE]),
        ([r"\\AF1\*", "x"], [TEMPERATURE]),
        (["SIN"], []),
    ],
)
def test_tags_are_known_by_name_and_by_path(patterns: Sequence[str], admitted: Sequence[Tag]) -> None:
    """One of the patterns must be all of the record's `tag` or of its PI path."""
    settings = FilterSettings(tags=frozenset(patterns))
    assert [tag for tag in (POINT, TEMPERATURE) if verdict(settings, tag=tag) == ""] == admitted
    assert {verdict(settings, tag=tag) for tag in (POINT, TEMPERATURE)} <= {"", "tags"}


@pytest.mark.parametrize(("pattern", "reason"), [("plant/*/r1", ""), ("Plant/Area1", "assets"), ("Plant/**", "")])
def test_assets_are_known_by_path(pattern: str, reason: str) -> None:
    """A tag without asset does not pass a filter for assets."""
    settings = FilterSettings(assets=frozenset({pattern}))
    assert verdict(settings, tag=TEMPERATURE) == reason
    assert verdict(settings, tag=POINT) == "assets"


def test_the_first_key_that_keeps_a_record_back_is_named() -> None:
    """What is fixed for the tag comes before what the event says."""
    nothing = FilterSettings.model_validate({"streams": ["x"], "tags": ["x"], "assets": ["x"], "quality": ["good"]})
    assert verdict(nothing, BAD) == "streams"
    assert verdict(nothing.model_copy(update={"streams": None}), BAD) == "tags"
    assert verdict(nothing.model_copy(update={"streams": None, "tags": None}), BAD) == "assets"


def test_a_tag_that_is_described_anew_is_judged_anew() -> None:
    """The verdict on a tag is kept only while its description stands; old events have the old one."""
    judge = build(FilterSettings(tags=frozenset({"SINUSOID"})))
    contexts = [context_of("s", tag, None, Lane.LIVE) for tag in (POINT, replace(POINT, name="Renamed", path="x"))]
    verdicts = [judge(Record(seq, Event(1, NOON, 1.0), contexts[seq % 2])) for seq in range(4)]
    assert verdicts == ["", "tags", "", "tags"]


def test_running_lets_only_events_of_valid_batches_pass() -> None:
    """An event without a batch, or with one whose id is not as the rule asks, is kept back."""
    verdict = build(FilterSettings(batch="running"))
    context = context_of("s", POINT, None, Lane.LIVE, has_batches=True)
    batches = [None, Batch(valid=False, id="CIP", json="{}"), Batch(valid=True, id="B", json="{}")]
    found = [verdict(Record(1, Event(1, NOON, 1.0), context, batch)) for batch in batches]
    assert found == ["batch", "batch", ""]


def test_event_frames_are_filtered_by_their_stream_alone() -> None:
    """They have no quality, no asset of their own, and run in no batch."""
    tag = replace(POINT, kind="frame", stream="batches")
    record = Record(1, Event(1, NOON, {"id": "f"}, START), context_of("s", tag, None, Lane.LIVE))
    others = {"quality": ["good"], "batch": "running", "assets": ["Plant/**"], "tags": ["X*"]}
    assert build(FilterSettings.model_validate({**others, "streams": ["batches"]}))(record) == ""
    assert build(FilterSettings.model_validate({**others, "streams": ["live"]}))(record) == "streams"
