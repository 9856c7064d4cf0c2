from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.intake.settings import ShardSettings
from pibridge.intake.shard import has_frames, has_tag, owner
from pibridge.model.tag import Mode, Tag
from pibridge.pi.select_settings import EventFrames
from pibridge.pi.webid import WebId, encode, id_only_point

SERVER = UUID("5f4a1c5e-9b3b-4a34-8d1f-0c6f9a2b7d11")
NAMES = [id_only_point(SERVER, number) for number in range(20_000)]
FRAMES = EventFrames(database=r"\\AF1\Plant")
numbers = st.integers(min_value=0, max_value=2**31 - 1)
fleets = st.integers(min_value=1, max_value=40)


def tag(web_id: str, **fields: Any) -> Tag:
    """Give a tag of which only the WebID matters."""
    return replace(Tag(stream="s", mode=Mode.REALTIME, name="n", path=r"\\S\N", web_id=web_id), **fields)


def shards(of: int) -> list[ShardSettings]:
    """Give a whole fleet."""
    return [ShardSettings(index=index, of=of) for index in range(of)]


@given(numbers, fleets)
def test_every_tag_has_exactly_one_owner(number: int, of: int) -> None:
    """Whoever asks, in whatever stream, mode or name: one shard reads it."""
    found = tag(id_only_point(SERVER, number))
    owners = [shard.index for shard in shards(of) if has_tag(shard, found)]
    assert owners == [owner(found.web_id, of)]
    other = tag(found.web_id, stream="t", mode=Mode.RECORDED, name="x", path=r"\\S\X", unit="K")
    assert [shard.index for shard in shards(of) if has_tag(shard, other)] == owners


@given(numbers, fleets)
def test_the_full_form_has_the_same_owner(number: int, of: int) -> None:
    """A server that gives the path in its WebIDs changes nothing."""
    full = encode(WebId("F", "DP", guids=(SERVER,), point_id=number, path=r"\\S\N"))
    assert all(has_tag(each, tag(full)) == has_tag(each, tag(id_only_point(SERVER, number))) for each in shards(of))


@given(numbers, fleets)
def test_a_tag_moves_only_to_the_new_shard(number: int, of: int) -> None:
    """From n to n+1 shards a tag stays where it is, or goes to the one that is new."""
    web_id = id_only_point(SERVER, number)
    assert owner(web_id, of + 1) in (owner(web_id, of), of)


@pytest.mark.parametrize("of", [1, 2, 3, 7, 16])
def test_few_tags_move(of: int) -> None:
    """From n to n+1 shards about 1/(n+1) of the tags move."""
    moved = sum(owner(name, of) != owner(name, of + 1) for name in NAMES)
    assert moved == pytest.approx(len(NAMES) / (of + 1), rel=0.1)


@pytest.mark.parametrize("of", [2, 3, 4, 10])
def test_shards_are_balanced(of: int) -> None:
    """Of neighbouring points each shard has about the same share."""
    counts = Counter(owner(name, of) for name in NAMES)
    assert set(counts) == set(range(of))
    assert all(count == pytest.approx(len(NAMES) / of, rel=0.1) for count in counts.values())


def test_owners_stay_for_ever() -> None:
    """Another version of PI Bridge, or of Python, gives the same owners: a fleet is updated core by core."""
    assert [owner(name, 4) for name in NAMES[:12]] == [2, 0, 1, 1, 0, 0, 0, 2, 1, 2, 3, 2]


@given(st.text(min_size=1, max_size=20), fleets)
def test_event_frames_are_told_by_one_shard(stream: str, of: int) -> None:
    """A stream of event frames has one owner, however its database is spelled."""
    owners = [each.index for each in shards(of) if has_frames(each, stream, FRAMES)]
    lower = EventFrames(database=r"\\af1\plant")
    assert len(owners) == 1
    assert owners == [each.index for each in shards(of) if has_frames(each, stream, lower)]


def test_without_shards_everything_is_read() -> None:
    """One core alone has all tags and all frames."""
    assert has_tag(None, tag(NAMES[0]))
    assert has_frames(None, "batches", FRAMES)
