"""What an audit compares: what PI has of some tags, what the journal has, and what is still owed."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pibridge.audit.comparing import Archived, Compared, Known, compare
from pibridge.errors import PIBridgeError
from pibridge.inspection.sightings import Sighting
from pibridge.journal.gaps import Gap
from pibridge.model import ticks
from pibridge.model.tag import Tag


class State(Struct, frozen=True):
    """Of the journal. `joined`: since when tags are owed. `gaps`: by tag. `trimmed_ticks`: up to here some is gone."""

    joined: Mapping[int, int]
    gaps: Mapping[int, Sequence[Gap]]
    trimmed_ticks: int

    def until(self, later: "State") -> "State":
        """Give what held at some time from this one to a later one: what is paid meanwhile counts as owed."""
        numbers = self.gaps.keys() | later.gaps.keys()
        gaps = {number: (*self.gaps.get(number, ()), *later.gaps.get(number, ())) for number in numbers}
        return State(self.joined, gaps, later.trimmed_ticks)


class Sides(Struct, frozen=True):
    """Some tags that are owed, what PI has of them and what the journal, in a stretch of time."""

    tags: Mapping[int, Tag]
    archives: Mapping[int, Archived | PIBridgeError]
    seen: Mapping[int, list[Sighting]]
    state: State
    span: tuple[int, int]

    def span_of(self, number: int) -> tuple[int, int]:
        """Give the part of the time in which a tag is owed."""
        return max(self.span[0], self.state.joined.get(number, self.span[1])), self.span[1]

    def archive_of(self, number: int) -> Archived | PIBridgeError | None:
        """Give what PI has of that; None: it was not asked."""
        archive, since = self.archives.get(number), self.span_of(number)[0]
        if not isinstance(archive, Archived):
            return archive
        return replace(archive, events=[event for event in archive.events if event.ticks >= since], since_ticks=since)

    def seen_of(self, number: int) -> list[Sighting]:
        """Give what the journal has of that."""
        since = self.span_of(number)[0]
        return [each for each in self.seen.get(number, ()) if each.event.ticks >= since]


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
        if is_meant and isinstance(archive, Archived) and sides.span_of(number)[0] > sides.state.trimmed_ticks:
            known = Known(
                mode=tag.mode,
                provisional_ticks=archive.provisional_ticks,
                is_compressed=uncompressed is None,
                looked_ticks=looked_at.get(number, ticks.FOREVER),
            )
            found[number] = compare(archive.events, sides.seen_of(number), known)
    return found
