import pytest
from msgspec.structs import replace

from pibridge.context.assets import AssetMap
from pibridge.context.settings import AssetMapping
from pibridge.journal.newest import Snapshot
from pibridge.model.event import BAD, ERROR, Event
from pibridge.model.tag import Tag
from pibridge.status.tag_table import TagPage, TagQuery, TagsNow, shown, tag_page, tag_row
from status.stage import NOW, SECOND, tag

STATE = {"Name": "Running", "Value": 2, "IsSystem": False}
SYSTEM = {"Name": "Pt Created", "Value": 253, "IsSystem": True}


def known(
    *pairs: tuple[Tag, Event | None], reading: set[int] | None = None, refused: dict[int, str] | None = None
) -> TagsNow:
    """Give tags with their newest events; the numbers count from 1."""
    events = [None, *(event for _, event in pairs)]
    return TagsNow(
        tags=[each for each, _ in pairs],
        newest=Snapshot(events, [0] * len(events)),
        reading=set(range(1, len(events))) if reading is None else reading,
        refused=refused or {},
        assets=AssetMap([AssetMapping(points=r"\\PISRV1\MAPPED*", asset="Mapped/Unit")]),
        now_ticks=NOW,
    )


def at(number: int, ago_s: float = 1.0, value: object = 1.5, status: int = 0) -> Event:
    """Give an event so long ago."""
    return Event(number, NOW - round(ago_s * SECOND), value, status)


def names(page: TagPage) -> list[str]:
    """Give the names of the rows."""
    return [row.name for row in page.rows]


PLANT = known(
    (tag(10, name="Pump"), at(1)),
    (tag(11, name="Valve", path=r"\\PISRV1\V9"), at(2, 7200)),
    (tag(12, name="agitator"), None),
    (tag(13, name="Meter"), at(4, 5, "Bad Input", ERROR)),
    (tag(14, name="Gone"), at(5, 9)),
    (tag(15, name="Refused"), at(6, 10)),
    (tag(16, name="mapped", path=r"\\PISRV1\MAPPED1", asset=None), at(7, 2)),
    (tag(17, name="frames", kind="frame"), at(8, 2)),
    reading={1, 2, 3, 4, 6, 7, 8},
    refused={6: "PI answers 403"},
)


def test_the_table_has_what_is_read() -> None:
    """By name in any case, counted by state; tags that are read no longer are asked for by themselves."""
    page = tag_page(PLANT, TagQuery())
    assert names(page) == ["agitator", "mapped", "Meter", "Pump", "Refused", "Valve"]
    assert page.counts == {"all": 6, "live": 3, "stale": 1, "refused": 1, "waiting": 1, "ended": 1, "bad": 1}
    assert names(tag_page(PLANT, TagQuery(state="ended"))) == ["Gone"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("stale", ["Valve"]),
        ("refused", ["Refused"]),
        ("waiting", ["agitator"]),
        ("bad", ["Meter"]),
        ("live", ["mapped", "Meter", "Pump"]),
    ],
)
def test_a_state_can_be_asked_for(state: str, expected: list[str]) -> None:
    """What is amiss is found at once, and the counts stay those of the search."""
    page = tag_page(PLANT, TagQuery(state=state))  # type: ignore[arg-type]  # one of the words
    assert names(page) == expected
    assert page.matched == len(expected)
    assert page.counts["all"] == 6


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("pump", ["Pump"]),
        ("v9", ["Valve"]),
        ("unit0001 VALVE", ["Valve"]),
        ("mapped/unit", ["mapped"]),
        ("m*t", ["mapped", "Meter"]),
        ("p*p unit0001", ["Pump"]),
        ("(", []),
        ("  ", ["agitator", "mapped", "Meter", "Pump", "Refused", "Valve"]),
    ],
)
def test_all_words_must_be_in_name_path_or_asset(q: str, expected: list[str]) -> None:
    """In any case and order; a star stands for anything."""
    assert names(tag_page(PLANT, TagQuery(q=q))) == expected


def test_a_stream_can_be_asked_for() -> None:
    """By its whole name."""
    assert names(tag_page(PLANT, TagQuery(stream="reactors"))) == ["Meter", "Refused", "Valve"]


def test_pages_follow_one_another() -> None:
    """Together they are the whole table, once; behind its end there is nothing."""
    pages = [tag_page(PLANT, TagQuery(offset=offset, limit=4)) for offset in (0, 4, 8)]
    assert [len(page.rows) for page in pages] == [4, 2, 0]
    assert [name for page in pages for name in names(page)] == names(tag_page(PLANT, TagQuery()))


def test_the_oldest_or_newest_value_comes_first() -> None:
    """Tags without a value come last either way."""
    assert names(tag_page(PLANT, TagQuery(sort="oldest"))) == [
        "Valve",
        "Refused",
        "Meter",
        "mapped",
        "Pump",
        "agitator",
    ]
    assert names(tag_page(PLANT, TagQuery(sort="newest"))) == [
        "Pump",
        "mapped",
        "Meter",
        "Refused",
        "Valve",
        "agitator",
    ]


def test_how_old_is_stale_can_be_said() -> None:
    """An hour, unless it is asked otherwise."""
    assert tag_page(PLANT, TagQuery(stale_s=8000)).counts["stale"] == 0
    assert tag_page(PLANT, TagQuery(stale_s=4)).counts["stale"] == 2


def test_a_row_tells_all_of_a_tag() -> None:
    """Value, time, quality and where it belongs; of a refused one the reason."""
    row = tag_row(PLANT, 6)
    assert (row.number, row.name, row.asset, row.unit) == (6, "Refused", "Plant/Unit0001", "°C")
    assert (row.state, row.reason, row.ts, row.age_s) == (
        "refused",
        "PI answers 403",
        "2026-03-01T11:59:50.0000000Z",
        10,
    )
    assert (row.value, row.text, row.quality) == (1.5, "1.5", "good")
    waiting = tag_row(PLANT, 3)
    assert (waiting.ts, waiting.value, waiting.quality, waiting.age_s) == ("", None, None, None)
    with pytest.raises(IndexError):
        tag_row(PLANT, 9)


@pytest.mark.parametrize(
    ("value", "status", "is_text", "expected"),
    [
        (0.1, 0, False, "0.1"),
        (12345678.5, 0, False, "12345678.5"),
        (7, 0, False, "7"),
        (STATE, 0, False, "Running"),
        (SYSTEM, BAD, False, "Pt Created"),
        ("NaN", 0, False, "NaN"),
        ("note", 0, True, "note"),
        ("no such tag", ERROR | BAD, False, "no such tag"),
        (None, 0, False, "none"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, status: int, is_text: bool, expected: str) -> None:  # noqa: FBT001 - a column of the table above
    """Numbers without noise, states by name, errors in PI's words."""
    assert shown(Event(1, NOW, value, status), text=is_text) == expected


def test_a_long_text_is_cut() -> None:
    """A page stays small whatever a tag holds."""
    now = known((replace(tag(1), text=True), at(1, value="x" * 100_000)))
    row = tag_row(now, 1)
    assert (len(row.value), len(row.text)) == (200, 200)
