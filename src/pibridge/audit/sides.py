"""What an audit compares: what PI has of some tags, what the journal has, and what is still owed."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pibridge.audit.comparing import Archived, Compared, Known, compare
from pibridge.errors import PIBridgeError
from pibridge.inspection.sightings import Sighting
from pibridge.intake.coverage import Coverage, Span
from pibridge.journal.gaps import Gap
from pibridge.model import ticks
from pibridge.model.tag import Tag


class State(Struct, frozen=True):
    """Of the journal. `coverage`: in which times tags are owed. `gaps`: by tag.

    `trimmed_ticks`: up to here some is gone.
    """

    coverage: Coverage
    gaps: Mapping[int, Sequence[Gap]]
    trimmed_ticks: int

    def until(self, later: "State") -> "State":
        """Give what held at some time from this one to a later one: what is paid meanwhile counts as owed."""
        numbers = self.gaps.keys() | later.gaps.keys()
        gaps = {number: (*self.gaps.get(number, ()), *later.gaps.get(number, ())) for number in numbers}
        return State(self.coverage, gaps, later.trimmed_ticks)


class Sides(Struct, frozen=True):
    """Some tags that are owed, what PI has of them and what the journal, in a stretch of time."""

    tags: Mapping[int, Tag]
    archives: Mapping[int, Archived | PIBridgeError]
    seen: Mapping[int, list[Sighting]]
    state: State
    span: Span

    def spans_of(self, number: int) -> list[Span]:
        """Give the parts of the time in which a tag is owed, in order; there is one at least."""
        return self.state.coverage.spans_within(number, *self.span)

    def archive_of(self, number: int) -> Archived | PIBridgeError | None:
        """Give what PI has of that; None: it was not asked."""
        archive, spans = self.archives.get(number), self.spans_of(number)
        if not isinstance(archive, Archived):
            return archive
        events = [event for event in archive.events if _lies_in(spans, event.ticks)]
        return replace(archive, events=events, since_ticks=spans[0][0])

    def seen_of(self, number: int) -> list[Sighting]:
        """Give what the journal has of that."""
        spans = self.spans_of(number)
        return [each for each in self.seen.get(number, ()) if _lies_in(spans, each.event.ticks)]

    def is_kept(self, number: int) -> bool:
        """Tell whether the journal still has all of that."""
        return self.spans_of(number)[0][0] > self.state.trimmed_ticks


def compared_of(
    sides: Sides, looked_at: Mapping[int, int], uncompressed: Collection[int] | None = None
) -> dict[int, Compared]:
    """Compare tags; some of them as such that PI does not compress, or all as such that it may.

    `looked_at`: by tag, when there was an earlier look.
    """
    found = {}
    for number, tag in sides.tags.items():
        archive = sides.archive_of(number)
        is_meant = uncompressed is None or number in uncompressed
        if is_meant and isinstance(archive, Archived) and sides.is_kept(number):
            known = Known(
                mode=tag.mode,
                provisional_ticks=archive.provisional_ticks,
                is_compressed=uncompressed is None,
                looked_ticks=looked_at.get(number, ticks.FOREVER),
            )
            found[number] = compare(archive.events, sides.seen_of(number), known)
    return found


def _lies_in(spans: Sequence[Span], moment: int) -> bool:
    return any(start <= moment <= end for start, end in spans)
