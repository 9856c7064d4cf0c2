"""One request to PI's archive for some gaps, with all that must be known before it is asked."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from pibridge.errors import PIBridgeError
from pibridge.intake.catalogue import Catalogue
from pibridge.intake.compare import Place, place_of
from pibridge.intake.looks import Look
from pibridge.journal.gaps import Gap
from pibridge.journal.journal import Journal
from pibridge.model.event import Event
from pibridge.model.tag import Mode
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import Page, recorded

VALUE_ERROR_TRIES: Final = 3
"""So often a value is asked for that PI cannot read."""


class Asked(Struct, frozen=True):
    """What was asked of PI and what it answered, by tag.

    `provisional`: the first event that PI may still discard; what PI archives meanwhile of it and of later ones is told
    live. `archived_before`: of tags that are looked at, where PI had archived something.
    """

    start_ticks: int
    end_ticks: int
    most: int
    provisional: Mapping[int, Event | None]
    archived_before: Mapping[int, Collection[Place]]
    answer: Mapping[int, Page | PIBridgeError]


async def ask(  # noqa: PLR0913, PLR0917 - the gaps, and who knows what of them
    gaps: Sequence[Gap],
    most: int,
    looks: Mapping[int, Look],
    client: PiClient,
    journal: Journal,
    catalogue: Catalogue,
) -> Asked:
    """Read up to `most` values of each gap; one that PI could not read is asked for again a few times.

    Raises UnavailableError, UnauthorizedError (401), JournalFullError, and TooMuchError: PI gives fewer at once.
    """
    start = min(gap.start_ticks for gap in gaps)
    end = max(gap.end_ticks or 0 for gap in gaps)
    provisional = {gap.tag: _provisional_from(gap, journal, catalogue) for gap in gaps}
    archived_before = await _archived_before(gaps, looks, journal, catalogue)
    web_ids = {gap.tag: catalogue.tag(gap.tag).web_id for gap in gaps}
    answer: dict[str, Page | PIBridgeError] = {}
    for _ in range(VALUE_ERROR_TRIES):
        answer = await recorded(client, list(web_ids.values()), start, end, most)
        pages = (page for page in answer.values() if isinstance(page, Page))
        if not any(value.error() for page in pages for value in page.values):
            break
    by_tag = {tag: answer[web_id] for tag, web_id in web_ids.items()}
    return Asked(start, end, most, provisional, archived_before, by_tag)


def _provisional_from(gap: Gap, journal: Journal, catalogue: Catalogue) -> Event | None:
    """Give the first event that PI may still discard. Nobody knows it: what was told last was no such event."""
    present = catalogue.present(gap.tag)
    if present is not None:
        return present
    last = journal.last(gap.tag)
    return None if last is None else Event(gap.tag, last.ticks, last.value)


async def _archived_before(
    gaps: Sequence[Gap], looks: Mapping[int, Look], journal: Journal, catalogue: Catalogue
) -> dict[int, set[Place]]:
    """Give, by tag that is looked at, what PI had archived before it is asked again.

    Of mode recorded that is all that was journaled; of others, what the look knows.
    """
    by_tag = {gap.tag: looks[gap.id] for gap in gaps if gap.id in looks}
    archived = {tag: set(look.archived_before.get(tag, ())) for tag, look in by_tag.items()}
    recorded_ones = [tag for tag in by_tag if catalogue.tag(tag).mode is Mode.RECORDED]
    if recorded_ones:
        start, end = min(gap.start_ticks for gap in gaps), max(gap.end_ticks or 0 for gap in gaps)
        for event in await journal.seen(recorded_ones, start, end):
            archived[event.tag].add(place_of(event))
    return archived
