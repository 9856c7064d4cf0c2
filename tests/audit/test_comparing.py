from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pibridge.audit import fingerprints
from pibridge.audit.comparing import Known, compare, deletion, since_earlier
from pibridge.audit.fingerprints import NONE
from pibridge.inspection.sightings import Sighting
from pibridge.model.event import ANNOTATED, BAD, DELETE, SUBSTITUTED, UPDATE, Event, Lane
from pibridge.model.tag import Mode

TIMES = st.integers(0, 5)
VALUES = st.integers(0, 2)
ARCHIVES = st.lists(st.builds(Event, st.just(1), TIMES, VALUES), max_size=8).map(
    lambda events: sorted(events, key=lambda event: event.ticks)
)
SIGHTINGS = st.lists(
    st.builds(
        Sighting,
        st.just(1),
        st.sampled_from(list(Lane)),
        st.integers(0, 9),
        st.builds(Event, st.just(1), TIMES, VALUES, st.sampled_from([0, 0, 0, 0, UPDATE, DELETE])),
    ),
    max_size=10,
)
KNOWN = st.builds(
    Known,
    mode=st.sampled_from([Mode.REALTIME, Mode.RECORDED]),
    provisional_ticks=st.integers(0, 7),
    is_compressed=st.booleans(),
)


def standing(journaled: Sequence[Sighting]) -> dict[int, list[int]]:
    """Give the values of each time after all updates and deletions."""
    found: dict[int, list[int]] = {}
    for event in (each.event for each in journaled):
        if event.status & (UPDATE | DELETE):
            found[event.ticks] = []
        if not event.status & DELETE:
            found.setdefault(event.ticks, []).append(event.value)
    return found


def said(events: Sequence[Event]) -> Counter[tuple[int, int]]:
    """Give times and values."""
    return Counter((event.ticks, event.value) for event in events)


@given(ARCHIVES, SIGHTINGS, KNOWN)
def test_each_difference_has_its_name(archive: list[Event], journaled: list[Sighting], known: Known) -> None:
    """Time by time: what PI has beside the journal's is missing, in its place an edit; what PI has not is gone."""
    missing: Counter[tuple[int, int]] = Counter()
    gone: Counter[tuple[int, int]] = Counter()
    both: Counter[tuple[int, int]] = Counter()
    edited = set()
    surplus: Counter[int] = Counter()
    has_now, had = standing([Sighting(1, Lane.LIVE, 0, event) for event in archive]), standing(journaled)
    for time in has_now.keys() | had.keys():
        here, there = Counter(had.get(time, ())), Counter(has_now.get(time, ()))
        if not there:
            gone += Counter({(time, value): many for value, many in here.items()})
            continue
        came, lost = (there - here).total(), (here - there).total()
        if came and lost:
            edited.add(time)
        elif came and not (known.mode is Mode.RECORDED and time >= known.provisional_ticks):
            missing += Counter({(time, value): many for value, many in (there - here).items()})
        elif lost:
            gone += Counter({(time, value): many for value, many in (here - there).items()})
        surplus[time] = lost - came
        if time not in edited:
            both += Counter({(time, value): many for value, many in (here if there - here else there).items()})
    found = compare([replace(event) for event in archive], journaled, known)
    assert (found.archived, found.journaled) == (len(archive), sum(map(len, had.values())))
    assert [event.ticks for event in found.edited] == sorted(edited)
    for event, was in zip(found.edited, found.was, strict=True):
        assert was.value in had[event.ticks]
        assert had[event.ticks].count(was.value) > [each.value for each in archive if each.ticks == event.ticks].count(
            was.value
        )
    # Of several that one stands in for, or that stand in for one, the others are gone or missing.
    outside = [[event for event in events if event.ticks not in edited] for events in (found.missing, found.gone)]
    assert [said(events) for events in outside] == [missing, gone]
    for time in edited:
        assert len([event for event in found.gone if event.ticks == time]) == max(0, surplus[time])
        if known.mode is not Mode.RECORDED or time < known.provisional_ticks:
            assert len([event for event in found.missing if event.ticks == time]) == max(0, -surplus[time])
    assert {place[1] for place in found.stays} == {time for time in surplus if surplus[time] > 0}
    assert said(found.both) == both
    assert said(found.kept) == both
    assert said(found.replaced) == Counter((time, value) for time in edited for value in had[time])


@given(ARCHIVES, SIGHTINGS, KNOWN)
def test_deleted_is_only_what_the_archive_must_have_had(
    archive: list[Event], journaled: list[Sighting], known: Known
) -> None:
    """All that is gone of what is never discarded; else what one answer of the archive had more behind."""

    def was_final(event: Event) -> bool:
        if event.ticks >= known.provisional_ticks:
            return False
        itself = [each for each in journaled if each.event is event]
        if known.mode is Mode.RECORDED or not known.is_compressed:
            return True
        read = [each for each in journaled if each.lane is Lane.HISTORY]
        at = [each.arrived_ticks for each in read if each.event.ticks == event.ticks]
        last = {place: each.arrived_ticks for each in read for place in [each.event.ticks]}
        if event.ticks in {each.ticks for each in archive} and itself[0].lane is not Lane.HISTORY:
            return False
        return bool(at) and any(time > event.ticks for time, arrived in last.items() if arrived == at[-1])

    found = compare([replace(event) for event in archive], journaled, known)
    assert said(found.deleted) == said([event for event in found.gone if was_final(event)])


def test_one_of_several_of_a_time_is_deleted_where_the_archive_had_it() -> None:
    """What was told live beside it may be a value that PI never archived."""
    read = [Sighting(seq, Lane.HISTORY, 9, event) for seq, event in enumerate([Event(1, 5, 1), Event(1, 5, 2)])]
    told = [Sighting(9, Lane.LIVE, 9, Event(1, 5, 3)), Sighting(9, Lane.HISTORY, 9, Event(1, 7, 1))]
    known = Known(mode=Mode.REALTIME, provisional_ticks=9)
    found = compare([Event(1, 5, 2), Event(1, 7, 1)], [*read, *told], known)
    assert (said(found.gone), said(found.deleted)) == (Counter({(5, 1): 1, (5, 3): 1}), Counter({(5, 1): 1}))
    assert found.stays == {(1, 5): [Event(1, 5, 2)]}
    assert (found.missing, found.edited) == ([], [])


def test_an_edit_of_one_of_several_names_that_one() -> None:
    """The others are what they were."""
    read = [Sighting(seq, Lane.HISTORY, 9, Event(1, 5, seq)) for seq in (1, 2, 3)]
    found = compare(
        [Event(1, 5, 1), Event(1, 5, 7), Event(1, 5, 3)], read, Known(mode=Mode.REALTIME, provisional_ticks=9)
    )
    assert [(event.value, was.value) for event, was in zip(found.edited, found.was, strict=True)] == [(7, 2)]
    assert (found.missing, found.gone) == ([], [])


def test_what_compression_discarded_is_only_gone() -> None:
    """It came live; the archive kept its neighbours."""
    live = [Sighting(seq, Lane.LIVE, seq, Event(1, seq, seq)) for seq in range(5)]
    known = Known(mode=Mode.REALTIME, provisional_ticks=4)
    found = compare([Event(1, 0, 0), Event(1, 4, 4)], live, known)
    assert (said(found.gone), found.deleted, found.missing) == (Counter({(1, 1): 1, (2, 2): 1, (3, 3): 1}), [], [])


def ones(since: int) -> st.SearchStrategy[list[Event]]:
    """Give events of different times from this one on."""
    return st.lists(st.integers(since, since + 30), unique=True, max_size=12).map(
        lambda times: [Event(1, time, 1) for time in times]
    )


@given(
    kept=ones(0), discarded=ones(100), lost=ones(200), chosen=st.sets(st.integers(0, 11), max_size=2), had=st.booleans()
)
def test_what_was_removed_is_named(
    kept: list[Event], discarded: list[Event], lost: list[Event], chosen: set[int], *, had: bool
) -> None:
    """One or two of what is gone, or nothing; whether PI `had` what the journal lost, or has got it since."""
    removed = [event for index, event in enumerate(discarded) if index in chosen]
    there, missing = fingerprints.of(kept), fingerprints.of(lost)
    earlier = there + fingerprints.of(removed) + (missing if had else NONE)
    assert since_earlier(earlier, there, NONE, missing, discarded) == removed


@given(kept=ones(0), replaced=ones(100), had=st.booleans())
def test_what_was_replaced_is_no_deletion(kept: list[Event], replaced: list[Event], *, had: bool) -> None:
    """Whether the archive `had` it, or PI's compression had discarded it."""
    there, others = fingerprints.of(kept), fingerprints.of(replaced)
    assert since_earlier(there + (others if had else NONE), there, others, NONE, []) == []


def test_what_was_told_since_an_earlier_look_is_known_apart() -> None:
    """In its place the earlier look had what the journal had then: a late value had none."""
    then = [Sighting(seq, Lane.LIVE, 5, Event(1, seq, seq)) for seq in (1, 2, 3)]
    told = [Event(1, 2, 7, UPDATE), Event(1, 3, None, DELETE), Event(1, 4, 4)]
    since = [Sighting(9, Lane.HISTORY, 6, event) for event in told]
    known = Known(mode=Mode.REALTIME, provisional_ticks=9, looked_ticks=5)
    found = compare([Event(1, 1, 1), Event(1, 2, 7), Event(1, 4, 4)], [*then, *since], known)
    assert [event.ticks for event in found.both] == [1, 2, 4]
    assert [(event.ticks, event.value) for event in found.kept] == [(1, 1)]
    assert [(event.ticks, event.value) for event in found.replaced] == [(2, 2), (3, 3)]
    assert (found.missing, found.edited, found.gone) == ([], [], [])


def test_more_than_two_of_many_cannot_be_told() -> None:
    """All of them can."""
    gone = [Event(1, time, 1) for time in range(10)]
    prints = fingerprints.of(gone[:3]), NONE, NONE, NONE
    assert since_earlier(*prints, gone) is None
    assert since_earlier(*prints, gone[:3]) == gone[:3]


def test_a_deletion_keeps_the_quality_of_what_it_removes() -> None:
    """And says nothing else of it."""
    assert deletion(Event(1, 7, 5, BAD | SUBSTITUTED | ANNOTATED)) == Event(1, 7, None, DELETE | BAD)
