from pibridge.cli.discover_view import asked, shown
from pibridge.config.written import ElementChoice, FramesChoice
from pibridge.pi.discovery import Assets, Count, Database, Discovery, Points, Template

PLANT = r"\\AF1\Plant"
DATABASE = Database(
    PLANT,
    [Template("Reactor", "Vessel", Count(4)), Template("Spare", "", Count(0))],
    [Template("Batch", "", Count(3), on_elements=True), Template("Alarm")],
    "PI answered 400",
)
FOUND = Discovery(
    [
        Points("PISRV1", is_connected=True, count=Count(10), sources={"R": Count(9), "": Count(1)}, storage=2),
        Points("PISRV2", is_connected=False, problem="PI answered 503"),
    ],
    [Assets("AF1", is_connected=None, databases=[DATABASE])],
)


def test_all_that_was_found_is_shown() -> None:
    """A line each, with counts and what is wrong."""
    assert list(shown(FOUND)) == [
        "data server PISRV1 (connected): 10 points",
        "  point source R: 9",
        "  point source (none): 1",
        "  left out: 2 storage points of a batch database",
        "data server PISRV2 (not connected): PI answered 503",
        "AF server AF1",
        rf"  database {PLANT}",
        "    element template Reactor (derived from Vessel): 4 elements",
        "    element template Spare: 0 elements",
        "    event frame template Batch: 3 frames in 7 days",
        "    event frame template Alarm: frames not counted in 7 days",
        "    PI answered 400",
    ]


def test_what_is_asked_for_is_picked_by_number() -> None:
    """Numbers that are none are asked for again; templates without elements are not offered."""
    answers = iter([r"\\PISRV1\U* \\PISRV1\S*", "2", "1", "1, 2"])
    told: list[str] = []
    points, elements, frames = asked(FOUND, lambda _: next(answers), told.append)
    assert points == [r"\\PISRV1\U*", r"\\PISRV1\S*"]
    assert elements == [ElementChoice(PLANT, "Reactor")]
    assert frames == [FramesChoice(PLANT, "Batch"), FramesChoice(PLANT, "Alarm")]
    assert "numbers from 1 to 1, please" in told


def test_nothing_can_be_picked() -> None:
    """Empty answers choose nothing, and of nothing nothing is asked."""
    assert asked(FOUND, lambda _: "", lambda _: None) == ([], [], [])
    answers = iter([""])
    assert asked(Discovery([], []), lambda _: next(answers), lambda _: None) == ([], [], [])
