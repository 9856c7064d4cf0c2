import json

from rich.console import Console
from rich.table import Table

from journal.samples import NOW, NOW_S
from pibridge.cli.dead_letters_view import exported, letters_table, sinks_table, summary_of
from pibridge.journal.letters import DeadLetter, Kept
from pibridge.model import ticks
from pibridge.model.event import Event, Lane


def kept(seq: int, reason: str = "no", *, age_s: int = 0, event: bool = True) -> Kept:
    """Give a dead letter."""
    line = b'{"seq":%d,"tag":"[T1]"}' % seq
    letter = DeadLetter(seq, reason, line, Event(1, NOW + seq, 1.0) if event else None, 2)
    return Kept(seq, "lake", Lane.LIVE, int(NOW_S) - age_s, letter)


def shown(table: Table) -> list[list[str]]:
    """Give the words of each row, below title and heads."""
    console = Console(width=300)
    with console.capture() as capture:
        console.print(table)
    return [line.split() for line in capture.get().splitlines()[2:]]


def test_a_summary_counts_and_spans() -> None:
    """Number, bytes, positions and times of the events, in one line."""
    text = summary_of([kept(7), kept(3), kept(5)]).text()
    first, last = ticks.render(NOW + 3), ticks.render(NOW + 7)
    assert text == f"3 dead letters, 66 bytes, seq 3 to 7, events of {first} to {last}"
    assert summary_of([]).text() == "no such dead letters"


def test_programs_are_told_the_same() -> None:
    """With the reasons counted, and the newest letters as they are exported."""
    told = summary_of([kept(7, "odd", age_s=60), kept(9, "odd"), kept(8, "no", event=False)], newest=1).told()
    (newest,) = told.pop("newest")
    assert json.loads(bytes(newest)) == json.loads(exported(kept(8, "no")))
    assert told == {
        "dead_letters": 3,
        "bytes": 66,
        "first_seq": 7,
        "last_seq": 9,
        "first_refused": "2026-02-02T02:39:00Z",
        "last_refused": "2026-02-02T02:40:00Z",
        "first_ts": ticks.render(NOW + 7),
        "last_ts": ticks.render(NOW + 9),
        "reasons": {"odd": 2, "no": 1},
    }
    assert summary_of([]).told() == {"dead_letters": 0, "bytes": 0, "reasons": {}, "newest": []}


def test_an_export_has_the_record_as_it_is() -> None:
    """Beside it sink, reason, time and number of refusals."""
    assert json.loads(exported(kept(7, "odd"))) == {
        "sink": "lake",
        "seq": 7,
        "refused": "2026-02-02T02:40:00Z",
        "reason": "odd",
        "tries": 2,
        "record": {"seq": 7, "tag": "[T1]"},
    }


def test_the_table_has_a_row_for_each_reason() -> None:
    """The commonest ones, and how many more there are; what waits to be sent again is told, too."""
    letters = [kept(i, f"reason{i % 12}") for i in range(1, 37)]
    rows = shown(sinks_table({"lake": summary_of(letters), "cloud": summary_of([])}, {"cloud": 5}))
    assert rows[0][:6] == ["lake", "36", "all", "1", "to", "36"]
    assert rows[1] == ["3", "reason1"]
    assert rows[11:] == [["and", "2", "more", "reasons"], ["cloud", "5", "wait", "to", "be", "sent", "again"]]
    assert shown(sinks_table({}, {})) == [["none"]]


def test_the_newest_are_shown_one_a_row() -> None:
    """With tag, times and reason, whatever brackets are in them."""
    (row,) = shown(letters_table([kept(7, "[red]odd")]))
    assert row == ["lake", "7", "[T1]", ticks.render(NOW + 7), "2026-02-02T02:40:00Z", "2", "[red]odd"]
