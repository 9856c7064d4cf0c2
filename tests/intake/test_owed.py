from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journal.samples import opened
from pibridge.intake.arrivals import Arrivals
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.looks import Look
from pibridge.intake.owed import Owed
from pibridge.journal.gaps import AdvanceGap, CloseGap, NewGap
from pibridge.journal.journal import Journal
from pibridge.model.event import Event
from pibridge.model.tag import Mode, Tag


def tag(number: int, mode: Mode = Mode.REALTIME) -> Tag:
    """Give a tag."""
    return Tag(stream="s", mode=mode, name=f"T{number}", path=f"T{number}", web_id=f"W{number}")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Give a journal that owes some time of four tags."""
    async with opened(tmp_path) as ready:
        await ready.open_gaps([NewGap(number, 0, 100, "test") for number in (1, 2, 3, 4)])
        yield ready


async def chosen(owed: Owed) -> list[int]:
    """Give the tags that are read next, and leave them to the next choice."""
    gaps = await owed.next(10, ())
    owed.release(gaps)
    return [gap.tag for gap in gaps]


async def test_gaps_become_known_by_tag_or_all(journal: Journal) -> None:
    """The first choice knows all; later those of the tags that are named, and all when none are."""
    catalogue = Catalogue()
    catalogue.add({1: tag(1), 2: tag(2)})
    owed = Owed(journal, catalogue)
    assert await chosen(owed) == [1, 2]
    catalogue.add({3: tag(3), 4: tag(4)})
    owed.recoverable([3])
    assert await chosen(owed) == [1, 2, 3]
    owed.recoverable()
    assert await chosen(owed) == [1, 2, 3, 4]
    assert owed.count == 4


async def test_a_tag_that_is_read_no_longer_is_not_chosen(journal: Journal) -> None:
    """Nobody needs to say so."""
    catalogue = Catalogue()
    catalogue.add({1: tag(1), 2: tag(2)})
    owed = Owed(journal, catalogue)
    assert await chosen(owed) == [1, 2]
    catalogue.remove([1])
    assert await chosen(owed) == [2]
    assert owed.count == 1


async def test_what_cannot_be_read_yet_waits_and_is_owed(journal: Journal) -> None:
    """Of mode recorded: until somebody keeps PI's present value."""
    catalogue = Catalogue()
    catalogue.add({1: tag(1), 2: tag(2, Mode.RECORDED)})
    owed = Owed(journal, catalogue)
    assert await chosen(owed) == [1]
    assert owed.count == 2
    arrivals = Arrivals({}, [])
    arrivals.present[2] = Event(2, 200, 1.0)
    catalogue.hear([2], arrivals)
    owed.recoverable([2])
    assert await chosen(owed) == [1, 2]


async def test_a_look_at_a_tag_that_is_not_read_is_over(journal: Journal) -> None:
    """Who waits for it goes on."""
    owed = Owed(journal, Catalogue())
    look = Look({9: [(0, 100)]})
    owed.look(look)
    assert await chosen(owed) == []
    await look.wait()
    assert not owed.looks


async def test_what_was_chosen_is_not_chosen_again_before_it_is_released(journal: Journal) -> None:
    """All that is owed by a tag waits: its gaps are read one after the other."""
    catalogue = Catalogue()
    catalogue.add({number: tag(number) for number in (1, 2, 3)})
    await journal.open_gaps([NewGap(1, 200, 300, "test")])
    owed = Owed(journal, catalogue)
    first = await owed.next(1, ())
    assert [(gap.tag, gap.start_ticks) for gap in first] == [(1, 0)]
    assert [gap.tag for gap in await owed.next(10, ())] == [2, 3]
    assert await owed.next(10, ()) == []
    owed.note([CloseGap(first[0].id)])
    owed.release(first)
    assert [(gap.tag, gap.start_ticks) for gap in await owed.next(10, ())] == [(1, 200)]


async def test_a_chosen_gap_is_owed_while_nothing_of_it_changes(journal: Journal) -> None:
    """What was read or paused meanwhile, or is not read any more, is not paid."""
    catalogue = Catalogue()
    catalogue.add({number: tag(number) for number in (1, 2, 3, 4)})
    owed = Owed(journal, catalogue)
    gaps = await owed.next(10, ())
    assert all(map(owed.is_owed, gaps))
    owed.note([CloseGap(gaps[0].id), AdvanceGap(gaps[1].id, 50)])
    catalogue.remove([3])
    assert [gap.tag for gap in gaps if owed.is_owed(gap)] == [4]
