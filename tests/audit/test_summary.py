import msgspec

from pibridge.audit.findings import Count, SinkCount
from pibridge.audit.ledger import Page
from pibridge.audit.summary import summary_of
from pibridge.delivery.verdict import Verdict


def test_a_day_is_one_record() -> None:
    """Its hours together; a look that not every hour has had does not count."""
    lake = SinkCount({Verdict.DELIVERED: 5})
    pages = {
        "00": Page(count=Count(tags=3, journaled=5, archived=4, sinks={"lake": lake}), looks=2, repaired=1),
        "01": Page(count=Count(tags=4, journaled=6, missing=2, sinks={"lake": lake}), looks=1, repaired=2),
    }
    said = summary_of("houston", "2026-03-01", pages)
    assert {key: said[key] for key in said if key != "count"} == {
        "v": 1,
        "kind": "audit",
        "site": "houston",
        "day": "2026-03-01",
        "hours": 2,
        "looks": 1,
        "tags": 4,
        "events": 11,
        "unexplained": 2,
        "repaired": 3,
    }
    assert said["count"]["sinks"]["lake"]["verdicts"] == {"delivered": 10}
    assert msgspec.json.decode(msgspec.json.encode(said)) == said


def test_a_day_of_which_nothing_was_audited_says_so() -> None:
    """No hours, and no look."""
    said = summary_of("houston", "2026-03-01", {})
    assert (said["hours"], said["looks"], said["unexplained"]) == (0, 0, 0)
