import msgspec

from pibridge.audit.audited import Audited
from pibridge.audit.findings import Count, Finding, Mend, What
from pibridge.audit.report import AuditReport
from pibridge.model import ticks

START = ticks.parse("2026-03-01T00:00:00Z")
HOUR = 3600 * ticks.PER_SECOND
FOUND = Finding(what=What.MISSING, tag="T1", path=r"\\PI\T1", ts=ticks.render(START), pi=5)


def audited(hour: int, *notes: str) -> Audited:
    """Give an hour in which a value is missing."""
    found = Audited(START + hour * HOUR, START + (hour + 1) * HOUR - 1, {})
    found.count = Count(tags=2, archived=3, journaled=2, missing=1)
    found.findings = [FOUND]
    found.notes = list(notes)
    found.mend = Mend(spans={1: (hour, hour)})
    return found


def test_hours_make_a_report() -> None:
    """Counts, findings and what would mend them are gathered; a note is made once."""
    report = AuditReport(START, START + 2 * HOUR - 1)
    report.add(audited(0, "odd"))
    report.add(audited(1, "odd", "odder"))
    assert report.count == Count(tags=2, archived=6, journaled=4, missing=2)
    assert report.mend == Mend(spans={1: (0, 1)})
    told = msgspec.json.decode(msgspec.json.encode(report.told()))
    assert (told["unexplained"], told["repaired"], told["notes"]) == (2, 0, ["odd", "odder"])
    assert [hour["from"] for hour in told["hours"]] == ["2026-03-01T00:00:00.0000000Z", "2026-03-01T01:00:00.0000000Z"]
    assert (
        told["findings"]
        == [{"what": "missing", "tag": "T1", "path": r"\\PI\T1", "ts": "2026-03-01T00:00:00.0000000Z", "pi": 5}] * 2
    )


def test_findings_have_an_end() -> None:
    """The first thousand are told, all are counted."""
    report = AuditReport(START, START + HOUR - 1)
    for hour in range(3):
        found = audited(hour)
        found.findings = [FOUND] * 600
        report.add(found)
    assert len(report.findings) == 1000
