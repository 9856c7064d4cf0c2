from msgspec import Raw

from pibridge.cli.explain_view import explanation_text
from pibridge.delivery.verdict import Again, Verdict
from pibridge.inspection.absence import Absence
from pibridge.inspection.explanation import AtSink, Explanation, Found, InReplay, Missing, OfTag
from pibridge.inspection.pi_answer import PiAnswer

AT = "2026-03-01T12:00:00.0000000Z"
BATCH = b'{"id":"B-1","frame":"g-1","start":"2026-03-01T11:00:00.0000000Z","valid":false}'
EVENT = Found(
    seq=7,
    lane="live",
    ts=AT,
    is_at=True,
    value=1.5,
    quality="good",
    change="new",
    read="live, over a channel",
    arrived=AT,
    stored=AT,
    asset="Plant/R1",
    asset_by="context.assets",
    rule="units",
    batch=Raw(BATCH),
    sinks={
        "lake": AtSink(
            verdict=Verdict.WITHHELD,
            why="filter.quality keeps it back",
            key="filter.quality",
            deadband="passes",
            replays={"20260309T120000": InReplay(state="done", verdict=Again.DELIVERED, why="it was sent again")},
        )
    },
)
TAG = OfTag(
    tag="T1", path=r"\\PI\T1", web_id="W", stream="s", mode="realtime", is_selected=True, owed_since=AT, events=[EVENT]
)


def test_an_event_is_a_few_lines() -> None:
    """All that is known of it, a line for each sink, and one below it for each replay."""
    text = explanation_text(Explanation(asked="T1", at=AT, tags=[TAG], notes=["as of now"]), {})
    assert (
        text
        == rf"""T1 at {AT}

\\PI\T1 (T1)
  selected by stream s, mode realtime, read from {AT} on
  {AT}  1.5  new
    quality   good
    read      live, over a channel, at {AT} by PI's clock
    journal   seq 7, lane live, stored {AT}
    asset     Plant/R1, by context.assets
    batch     B-1 (not valid) since 2026-03-01T11:00:00.0000000Z, frame g-1, by context.batches.units
    lake: withheld: filter.quality keeps it back
      replay 20260309T120000 (done): delivered: it was sent again

note: as of now
"""
    )


def test_what_is_not_there_is_told() -> None:
    """With what PI says, and what the daemon knows."""
    tag = OfTag(
        tag="T1",
        path=r"\\PI\T1",
        web_id="W",
        stream="s",
        mode="realtime",
        is_selected=False,
        owed_since="",
        events=[],
        missing=Missing(Absence.NOT_SELECTED, "no stream selects the tag any more"),
        refused="403",
        looked="only within 1 s",
    )
    found = Explanation(asked="T1", at=AT, tags=[tag])
    for answer, line in (
        (PiAnswer([], "11:00: 2"), "  PI's archive has nothing at that time; its last before: 11:00: 2"),
        (PiAnswer(["12:00: 3"]), "  PI's archive has: 12:00: 3"),
        (PiAnswer([], error="403"), "  PI does not say: 403"),
    ):
        lines = explanation_text(found, {tag.path: answer}).splitlines()
        assert lines[2:] == [
            r"\\PI\T1 (T1)",
            "  selected by stream s, mode realtime; it is selected no longer",
            "  PI refuses to read it now: 403",
            "  no event at that time: not selected: no stream selects the tag any more",
            "  nothing near it either (only within 1 s)",
            line,
        ]


def test_a_name_that_nothing_has_is_one_line() -> None:
    """And names like it are another."""
    missing = Missing(Absence.NO_SUCH_TAG, "nothing has it")
    text = explanation_text(Explanation(asked="T", at=AT, missing=missing, nearest=["T1", "T2"]), {})
    assert text.splitlines() == [f"T at {AT}", "  no such tag: nothing has it", "  names like it: T1, T2"]
