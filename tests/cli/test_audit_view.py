from pibridge.audit.audited import Audited
from pibridge.audit.findings import Count, Finding, Mend, SinkCount, What
from pibridge.audit.report import AuditReport
from pibridge.cli.audit_view import audit_text
from pibridge.delivery.verdict import Verdict
from pibridge.model import ticks

START = ticks.parse("2026-03-01T00:00:00Z")
HOUR = 3600 * ticks.PER_SECOND
AT = "2026-03-01T00:10:00.0000000Z"
FOUND = [
    Finding(what=What.MISSING, tag="T1", path="", ts=AT, pi=5),
    Finding(what=What.EDITED, tag="T1", path="", ts=AT, pi=6, journal=5),
    Finding(what=What.DELETED, tag="T1", path="", ts=AT, journal=5),
    Finding(what=What.CHANGED, tag="T1", path="", ts=AT),
    Finding(what=What.ABSENT, tag="T1", path="", ts=AT, journal=5, sink="lake", seq=7),
]
TABLE = """\
3 tags from 2026-03-01T00:00Z to 2026-03-01T01:59Z

hour                    in PI       here  only here       owed    missing     edited    deleted    changed
2026-03-01T00:00Z       1,200      1,500        300          2          1          1          1          1
all                     1,200      1,500        300          2          1          1          1          1

sink bus: nothing of that time
sink lake: 3 withheld, 1,497 delivered, (deadband 1, quality 2), 1 absent from its files
note: odd
note: of 1 tags the journal no longer has all of that time: not compared

  missing  T1 at 2026-03-01T00:10:00.0000000Z: PI has 5
  edited   T1 at 2026-03-01T00:10:00.0000000Z: PI has 6, the journal 5
  deleted  T1 at 2026-03-01T00:10:00.0000000Z: the journal has 5, PI has it no more
  changed  T1 at 2026-03-01T00:10:00.0000000Z: in that hour
  absent   T1 at 2026-03-01T00:10:00.0000000Z: seq 7 is in no file of lake
unexplained: 5
add --repair to have it mended
"""


def report(count: Count, *findings: Finding, notes: tuple[str, ...] = ()) -> AuditReport:
    """Give the report of two hours, of which the second is empty."""
    made = AuditReport(START, START + 2 * HOUR - 1)
    hour = Audited(START, START + HOUR - 1, {})
    hour.count, hour.findings, hour.notes = count, list(findings), list(notes)
    hour.mend = Mend(spans={1: (START, START)} if findings else {})
    made.add(hour)
    made.add(Audited(START + HOUR, START + 2 * HOUR - 1, {}))
    return made


def test_all_is_told_in_a_page() -> None:
    """Hours in which something was, each sink, notes, what was found, and what to do."""
    lake = SinkCount({Verdict.WITHHELD: 3, Verdict.DELIVERED: 1497}, {"quality": 2, "deadband": 1}, 1, True)  # noqa: FBT003 - as it is in the struct
    count = Count(tags=3, archived=1200, journaled=1500, only_here=300, owed=2, missing=1, edited=1, deleted=1)
    count.changed, count.not_compared, count.sinks = 1, 1, {"lake": lake, "bus": SinkCount()}
    assert audit_text(report(count, *FOUND, notes=("odd",))) == TABLE


def test_where_all_is_well_little_is_said() -> None:
    """No finding, nothing to do."""
    said = audit_text(report(Count(tags=3, archived=5, journaled=5, sinks={"lake": SinkCount(looked_at_rest=True)})))
    assert said.endswith("\nsink lake: all of these in its files\n\nunexplained: 0\n")


def test_tags_that_pi_did_not_give_stand_in_the_last_line() -> None:
    """That nothing was found of them proves nothing."""
    assert audit_text(report(Count(tags=3, unread=2))).endswith("\nunexplained: 0; not compared: 2 tags\n")


def test_what_was_ordered_is_told() -> None:
    """Mended, or to be mended once a daemon runs."""
    made = report(Count(missing=1), FOUND[0])
    made.is_ordered = True
    assert audit_text(made).endswith("it is done once a daemon runs, then audit again\n")
    mended = report(Count())
    mended.is_ordered, mended.repaired = True, 3
    assert audit_text(mended).endswith("\nunexplained: 0\nrepaired: 3\n")


def test_many_findings_are_cut_off() -> None:
    """The rest is for programs."""
    said = audit_text(report(Count(missing=21), *[FOUND[0]] * 21))
    assert said.count("  missing  T1") == 20
    assert "  … and more: --json shows up to a thousand\n" in said
