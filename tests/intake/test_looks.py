import asyncio

from pibridge.intake.looks import Look


async def is_done(look: Look) -> bool:
    """Tell whether waiting for it takes no time."""
    waiting = asyncio.ensure_future(look.wait())
    await asyncio.sleep(0)
    done = waiting.done()
    waiting.cancel()
    return done


async def test_a_look_is_done_when_all_its_tags_are() -> None:
    """One that was cut short counts as much as one that was read."""
    look = Look({1: [(10, 100)], 2: [(20, 100)]})
    first, second = look.gaps
    assert (first.tag, first.start_ticks, first.end_ticks) == (1, 10, 100)
    assert not await is_done(look)
    look.end(first.id)
    assert not await is_done(look)
    look.end(second.id)
    assert await is_done(look)


async def test_a_tag_is_looked_at_at_several_times() -> None:
    """Each of them counts."""
    look = Look({1: [(10, 20), (40, 50)]})
    assert [(gap.start_ticks, gap.end_ticks, gap.overlap_ticks) for gap in look.gaps] == [(10, 20, 20), (40, 50, 50)]
    look.end(look.gaps[0].id)
    assert not await is_done(look)
    look.end(look.gaps[1].id)
    assert await is_done(look)


async def test_what_has_not_begun_is_not_looked_at() -> None:
    """A tag that joined after the end of the time is left out; with no tag at all there is nothing to wait for."""
    assert [gap.tag for gap in Look({1: [(101, 100)], 2: [(100, 100)]}).gaps] == [2]
    assert await is_done(Look({1: [(101, 100)]}))
    assert await is_done(Look({}))


def test_looks_are_no_debts() -> None:
    """Their numbers are below those of the journal's gaps, and no two are the same."""
    numbers = [gap.id for _ in range(3) for gap in Look({1: [(0, 1)], 2: [(0, 1)]}).gaps]
    assert len(set(numbers)) == 6
    assert max(numbers) < 0


def test_what_the_archive_had_is_remembered_by_tag() -> None:
    """Several pages add up."""
    look = Look({1: [(0, 100)], 2: [(0, 100)]})
    look.note(1, [(1, 5)])
    look.note(1, [(1, 5), (1, 7)])
    look.note(2, [])
    assert look.archived == {1: {(1, 5), (1, 7)}, 2: set()}
