"""What the audit of one stretch of time comes to, tag by tag. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pibridge.audit import fingerprints
from pibridge.audit.comparing import Archived, Compared, Earlier, deletion, since_earlier
from pibridge.audit.findings import Count, Finding, Mend, SinkCount, What
from pibridge.audit.fingerprints import NONE, Fingerprint
from pibridge.context.record import Record
from pibridge.errors import PIBridgeError
from pibridge.intake.compare import Place, place_of
from pibridge.journal.gaps import Gap
from pibridge.model import ticks
from pibridge.model.event import UPDATE, Event
from pibridge.model.tag import Tag

_MOST_FINDINGS: Final = 1000


class _Course(Struct):
    """Of one tag through the time. `since_ticks`: it is owed from then on. `until_ticks`: the archive was final before.

    `final`: of what archive and journal had alike. The rest as of `Compared`, within what an earlier look was at.
    """

    tag: Tag
    since_ticks: int
    until_ticks: int
    final: Fingerprint = NONE
    kept: Fingerprint = NONE
    replaced: Fingerprint = NONE
    missing: Fingerprint = NONE
    gone: list[Event] = []
    deleted: list[Event] = []
    stays: dict[Place, list[Event]] = {}
    gone_in_all: int = 0
    is_compared: bool = True


class Audited:
    """From `start_ticks` to `end_ticks`, both included. `earlier`: by tag, what was found of these very times.

    `count`, `mend`: as they say. `findings`: the first thousand. `notes`: what limits the answer, a line each.
    `keeps_gone`: to name what the archive has no more, the values that are only here are kept.
    """

    def __init__(
        self, start_ticks: int, end_ticks: int, earlier: Mapping[int, Earlier], *, keeps_gone: bool = False
    ) -> None:
        self.start_ticks = start_ticks
        self.end_ticks = end_ticks
        self.count = Count()
        self.mend = Mend()
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self._earlier = earlier
        self._keeps_gone = keeps_gone
        self._courses: dict[int, _Course] = {}
        self._unread: set[int] = set()
        self._refused: set[int] = set()
        self._not_compared: set[int] = set()
        self._looked_ticks = 0

    @property
    def cells(self) -> dict[int, Earlier]:
        """Give by tag what both have for good, for a later audit; what could not be compared is as known before."""
        return dict(self._earlier) | {
            number: Earlier(
                course.final, course.since_ticks, min(course.until_ticks, self.end_ticks + 1), self._looked_ticks
            )
            for number, course in self._courses.items()
            if number not in self._unread and course.is_compared and (course.final.count or number in self._earlier)
        }

    @property
    def looked_at(self) -> dict[int, int]:
        """Give by tag when the earlier look was."""
        return {number: earlier.looked_ticks for number, earlier in self._earlier.items()}

    def note(self, text: str) -> None:
        """Note something, once."""
        if text not in self.notes:
            self.notes.append(text)

    def take(self, number: int, tag: Tag, archive: Archived, compared: Compared, gaps: Sequence[Gap]) -> None:
        """Take in one tag and a part of the time, in the order of parts."""
        course = self._course(number, tag, archive)
        upto = course.until_ticks
        course.final += fingerprints.of(event for event in compared.both if event.ticks < upto)
        earlier = self._earlier.get(number)
        if earlier is not None:
            course.kept += fingerprints.of(filter(earlier.spans, compared.kept))
            course.replaced += fingerprints.of(filter(earlier.spans, compared.replaced))
            course.missing += fingerprints.of(filter(earlier.spans, compared.missing))
            if self._keeps_gone:
                course.gone += filter(earlier.spans, compared.gone)
        course.deleted += compared.deleted
        course.stays |= compared.stays
        course.gone_in_all += len(compared.gone)
        count = self.count
        count.archived += compared.archived
        count.journaled += compared.journaled
        self._differ(What.MISSING, number, tag, compared.missing, [None] * len(compared.missing), gaps)
        self._differ(What.EDITED, number, tag, compared.edited, [event.value for event in compared.was], gaps)

    def take_archive_alone(self, number: int, tag: Tag, archive: Archived | None) -> None:
        """Take in one tag and a part of the time of which the journal no longer has all."""
        if archive is None:
            self._not_compared.add(number)
            self.count.not_compared = len(self._not_compared)
            return
        course = self._course(number, tag, archive)
        course.is_compared = False
        earlier = self._earlier.get(number)
        if earlier is not None:
            course.kept += fingerprints.of(filter(earlier.spans, archive.events))
        self.count.archived += len(archive.events)

    def take_instants(  # noqa: PLR0913, PLR0917 - what was sampled, and what should have been
        self, number: int, tag: Tag, owed: int, there: int, lacking: Sequence[Event], gaps: Sequence[Gap]
    ) -> None:
        """Take in a tag that is sampled."""
        self.count.archived += owed
        self.count.journaled += there
        self._differ(What.MISSING, number, tag, lacking, [None] * len(lacking), gaps)

    def take_unread(self, number: int, tag: Tag, error: PIBridgeError, *, is_expected: bool) -> None:
        """Take in that PI does not give the archive of a tag, or a part of it."""
        self._unread.add(number)
        if is_expected:
            self.note("of some tags PI keeps no history: they are not compared")
        else:
            self._refused.add(number)
            self.count.unread = len(self._refused)
            self.note(f"{tag.name}: PI does not give its archive: {error}")

    def take_sinks(self, counts: Mapping[str, SinkCount]) -> None:
        """Take in what became of the journal's events at the sinks."""
        for name, count in counts.items():
            self.count.sinks.setdefault(name, SinkCount()).add(count)

    def take_absent(self, sink: str, records: Iterable[Record]) -> None:
        """Take in what the files of a sink do not have; nothing is that, too."""
        count = self.count.sinks.setdefault(sink, SinkCount())
        count.looked_at_rest = True
        for record in records:
            count.absent += 1
            event = record.event
            self.mend.absent.setdefault(sink, {})[record.seq] = event.ticks
            self._find(What.ABSENT, record.context.tag, event, journal=event.value, sink=sink, seq=record.seq)

    def differing(self) -> list[int]:
        """Give the tags of which the archive had something at an earlier look that it has no more."""
        found = []
        for number, course in self._courses.items():
            earlier = self._earlier_of(number, course)
            if earlier is not None and course.is_compared and _named(earlier, course) is None:
                found.append(number)
        return found

    def look_closer(self, closer: "Audited") -> None:
        """Take what is gone of some tags from another look, which kept it."""
        for number, course in closer._courses.items():  # noqa: SLF001 - another of this class
            if number in self._courses:
                self._courses[number].gone = course.gone

    def settle(self, looked_ticks: int) -> None:
        """Judge what is gone from the archive, once all parts are taken in. `looked_ticks`: PI's time then."""
        self._looked_ticks = looked_ticks
        for number, course in self._courses.items():
            earlier = self._earlier_of(number, course)
            if earlier is None and not course.is_compared:
                self._not_compared.add(number)
            deleted = list(course.deleted)
            if earlier is not None:
                known = _named(earlier, course)
                places = {place_of(event) for event in deleted}
                deleted += [event for event in known or () if place_of(event) not in places]
                if known is None and not deleted:
                    self._changed(course, earlier)
            self.count.deleted += len(deleted)
            self.count.only_here += course.gone_in_all - len(deleted)
            for event in deleted:
                self._find(What.DELETED, course.tag, event, journal=event.value)
            for place, event in {place_of(each): each for each in deleted}.items():
                self.mend.deletions += _told_of(event, course.stays.get(place, ()))
        self.count.not_compared = len(self._not_compared)

    def _earlier_of(self, number: int, course: _Course) -> Earlier | None:
        """Give the earlier look, if this one was at all that it was at."""
        earlier = self._earlier.get(number)
        if earlier is None or number in self._unread or course.since_ticks > earlier.since_ticks:
            return None
        return earlier

    def _course(self, number: int, tag: Tag, archive: Archived) -> _Course:
        course = self._courses.get(number)
        if course is None:
            course = self._courses[number] = _Course(tag, archive.since_ticks, archive.provisional_ticks)
        return course

    def _changed(self, course: _Course, earlier: Earlier) -> None:
        """Count what cannot be named: so many values fewer, or of what could not be compared, that some differ."""
        values = earlier.both.count - (course.kept + course.replaced + course.missing).count
        if not course.is_compared:
            values = max(1, abs(values))
        elif values <= 0:
            return  # what was told since explains it; all else was compared
        self.count.changed += values
        stretch = f"{ticks.render(self.start_ticks)[:16]}Z"
        self.note(
            f"{course.tag.name}: PI's archive has changed since an earlier audit of {stretch}, in at least {values} "
            "values; the journal no longer tells in which"
        )
        self._find(What.CHANGED, course.tag, Event(0, self.start_ticks, None))

    def _differ(  # noqa: PLR0913, PLR0917 - values, and what they are judged by
        self,
        what: What,
        number: int,
        tag: Tag,
        events: Sequence[Event],
        journal: Sequence[Any],
        gaps: Sequence[Gap],
    ) -> None:
        """Count what the journal lacks: it is owed while it lies in a gap. `journal`: its value in place of each."""
        found = [
            (event, has)
            for event, has in zip(events, journal, strict=True)
            if not any(_holds(gap, event) for gap in gaps)
        ]
        self.count.owed += len(events) - len(found)
        setattr(self.count, what, getattr(self.count, what) + len(found))
        self.mend.read_again(number, [event.ticks for event, _ in found])
        for event, has in found:
            self._find(what, tag, event, pi=event.value, journal=has)

    def _find(self, what: What, tag: Tag, event: Event, **more: Any) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            said = Finding(what=what, tag=tag.name, path=tag.path, ts=ticks.render(event.ticks), **more)
            self.findings.append(said)


def _named(earlier: Earlier, course: _Course) -> list[Event] | None:
    return since_earlier(earlier.both, course.kept, course.replaced, course.missing, course.gone)


def _told_of(deleted: Event, stays: Sequence[Event]) -> list[Event]:
    """Give what tells that a value is gone; an update stands for all that the tag has at its time."""
    if not stays:
        return [deletion(deleted)]
    first, *others = stays
    return [replace(first, status=first.status | UPDATE), *others]


def _holds(gap: Gap, event: Event) -> bool:
    return gap.start_ticks <= event.ticks and (gap.end_ticks is None or event.ticks <= gap.end_ticks)
