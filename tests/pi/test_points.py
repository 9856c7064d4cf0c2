from fnmatch import fnmatchcase
from typing import Any

import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.errors import UnavailableError
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.pi.client import PiClient
from pibridge.pi.points import find_points
from pibridge.pi.points_file import PointRow
from pibridge.pi.selected import Selection
from pibridge.pi.webid import WebId, decode, encode

SERVER = decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA").guids


class Archive:
    """The points of one data server, behind the endpoints that find them."""

    def __init__(self, *names: str, form: str = "I", server: str = "PISRV1") -> None:
        self.server = server
        self.points = {name.upper(): self._point(number, name, form) for number, name in enumerate(names)}

    def serve(self, server: CannedServer) -> None:
        """Answer for these points."""
        server.on("/points/multiple", self._multiple)
        server.on("/dataservers", self._data_server)
        server.on("/dataservers/DS/points", self._list)

    def _point(self, number: int, name: str, form: str) -> dict[str, Any]:
        path = rf"\\{self.server}\{name}"
        web_id = WebId(form, "DP", guids=SERVER, point_id=number, path=path if form == "F" else None)
        kind = "String" if name.endswith("ID") else "Float32"
        units = "" if kind == "String" else "degC"
        return {
            "WebId": encode(web_id),
            "Name": name,
            "Path": path,
            "PointType": kind,
            "EngineeringUnits": units,
            "Span": 50,
        }

    async def _multiple(self, request: web.BaseRequest) -> web.StreamResponse:
        items = []
        for path in reversed(request.query.getall("path")):
            point = self.points.get(path.upper().rpartition("\\")[2])
            found = {"Object": point} if point else {"Exception": {"Errors": [f"PI Point not found '{path}'."]}}
            items.append({"Identifier": path, "IdentifierType": "Path", **found})
        return said({"Links": {}, "Items": items}, 207)

    async def _data_server(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query["name"] != "PISRV1":
            return said({"Errors": ["unknown server"]}, 404)
        return said({"WebId": "DS", "Name": "PISRV1", "IsConnected": True})

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        pattern = request.query["nameFilter"].upper()
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        matching = [point for name, point in self.points.items() if fnmatchcase(name, pattern)]
        return said({"Links": {}, "Items": matching[start : start + most]})


async def find(client: PiClient, *rows: PointRow | str) -> Selection:
    """Find points for a stream."""
    return await find_points(
        client, [row if isinstance(row, PointRow) else PointRow(row) for row in rows], "live", Mode.REALTIME
    )


async def test_a_point_becomes_a_tag(server: CannedServer, client: PiClient) -> None:
    """A tag has the point's own name, path, unit and id, whatever case it was asked for in."""
    Archive("Sinusoid", "R1.BatchID", form="F").serve(server)
    selection = await find(client, r"\\pisrv1\SINUSOID", r"\\PISRV1\R1.BatchID")
    assert selection.problems == []
    assert selection.tags == [
        Tag(
            stream="live",
            mode=Mode.REALTIME,
            name="Sinusoid",
            path=r"\\PISRV1\Sinusoid",
            web_id=encode(WebId("I", "DP", guids=SERVER, point_id=0)),
            unit="degC",
            span=50,
        ),
        Tag(
            stream="live",
            mode=Mode.REALTIME,
            name="R1.BatchID",
            path=r"\\PISRV1\R1.BatchID",
            web_id=encode(WebId("I", "DP", guids=SERVER, point_id=1)),
            text=True,
            span=50,
        ),
    ]


async def test_many_names_take_few_requests(server: CannedServer, client: PiClient) -> None:
    """Names are looked up many at a time, with URLs that PI accepts."""
    names = [f"UNIT{number:04d}.Temperature" for number in range(500)]
    Archive(*names).serve(server)
    selection = await find(client, *(rf"\\PISRV1\{name}" for name in names))
    assert [tag.name for tag in selection.tags] == names
    assert len(server.requests) <= 5
    assert max(len(str(request.raw_path)) for request in server.requests) < 10_000


async def test_wildcards_find_all_pages(server: CannedServer, client: PiClient) -> None:
    """A wildcard finds more points than one page holds."""
    Archive("OTHER", *(f"R1.{number}" for number in range(1500))).serve(server)
    selection = await find(client, r"\\PISRV1\R1.*")
    assert len(selection.tags) == 1500


async def test_a_point_is_selected_once(server: CannedServer, client: PiClient) -> None:
    """Names and wildcards that mean the same point give one tag, with the alias of its own row."""
    Archive("A1", "A2").serve(server)
    rows: list[PointRow | str] = [
        PointRow(r"\\PISRV1\A*", asset="Plant"),
        r"\\PISRV1\a1",
        PointRow(r"\\PISRV1\A2", "Alias", "Plant/R2"),
    ]
    selection = await find(client, *rows, r"\\PISRV1\A?", r"\\PISRV1\A1")
    assert sorted((tag.name, tag.asset) for tag in selection.tags) == [("A1", None), ("Alias", Asset("Plant/R2"))]


async def test_what_is_not_found_does_not_stop_the_others(server: CannedServer, client: PiClient) -> None:
    """Unknown points, servers, and wildcards without a match are problems with a reason."""
    Archive("A").serve(server)
    selection = await find(client, r"\\PISRV1\A", r"\\PISRV1\B", r"\\PISRV1\X*", r"\\OTHER\A*", r"\\OTHER\B*")
    assert [tag.name for tag in selection.tags] == ["A"]
    assert [problem.path for problem in selection.problems] == [
        r"\\PISRV1\B",
        r"\\PISRV1\X*",
        r"\\OTHER\A*",
        r"\\OTHER\B*",
    ]
    assert "PI Point not found" in selection.problems[0].reason
    assert "no point matches" in selection.problems[1].reason
    assert "OTHER" in selection.problems[2].reason
    assert len(server.asked("/dataservers")) == 2


async def test_a_name_that_breaks_the_call_is_found(server: CannedServer, client: PiClient) -> None:
    """If PI refuses a whole lookup because of one name, that name is a problem and the others are found."""
    archive = Archive("A", "B", "C", "D")
    archive.serve(server)

    async def strict(request: web.BaseRequest) -> web.StreamResponse:
        if any("[" in path for path in request.query.getall("path")):
            return said({"Errors": ["malformed"]}, 400)
        return await archive._multiple(request)  # the same archive, in a bad mood

    server.on("/points/multiple", strict)
    selection = await find(client, *(rf"\\PISRV1\{name}" for name in ("A", "B", "[", "C", "D")))
    assert [tag.name for tag in selection.tags] == ["A", "B", "C", "D"]
    assert [problem.path for problem in selection.problems] == [r"\\PISRV1\["]


async def test_a_name_that_is_left_out_is_a_problem(server: CannedServer, client: PiClient) -> None:
    """A name that the answer does not mention, or whose point is broken, is a problem."""
    broken = {"WebId": "w", "Name": "B", "Path": "p", "WebException": {"StatusCode": 500, "Errors": ["broken"]}}
    server.on("/points/multiple", said({"Items": [{"Identifier": r"\\PISRV1\B", "Object": broken}]}))
    selection = await find(client, r"\\PISRV1\A", r"\\PISRV1\B")
    assert ["left it out" in selection.problems[0].reason, "broken" in selection.problems[1].reason] == [True, True]


async def test_a_server_that_fails_is_no_missing_point(server: CannedServer, client: PiClient) -> None:
    """While PI cannot answer nothing is known to be missing."""
    server.on("/points/multiple", web.Response(status=503))
    with pytest.raises(UnavailableError):
        await find(client, r"\\PISRV1\A")


def two_servers(server: CannedServer) -> None:
    """Serve the points of two data servers by wildcard."""
    archives = {name: Archive("A1", "A2", server=name) for name in ("PISRV1", "PISRV2")}

    async def data_server(request: web.BaseRequest) -> web.StreamResponse:
        return said({"WebId": request.query["name"], "Name": request.query["name"]})

    server.on("/dataservers", data_server)
    for name, archive in archives.items():
        server.on(f"/dataservers/{name}/points", archive._list)  # the second one's points, below its own WebID


async def test_points_of_several_servers_are_found(server: CannedServer, client: PiClient) -> None:
    """One selection may name several data servers; points of one name on two of them are two tags."""
    two_servers(server)
    selection = await find(client, r"\\PISRV1\A*", r"\\PISRV2\*")
    assert [tag.path for tag in selection.tags] == [rf"\\PISRV{server}\A{point}" for server in "12" for point in "12"]


async def test_one_server_that_is_down_does_not_stop_the_other(server: CannedServer, client: PiClient) -> None:
    """Its points pass for not told; if no server answers, nothing is known."""
    two_servers(server)
    server.on("/dataservers/PISRV2/points", web.Response(status=503))
    selection = await find(client, r"\\PISRV1\A*", r"\\PISRV2\A*")
    assert [tag.path for tag in selection.tags] == [r"\\PISRV1\A1", r"\\PISRV1\A2"]
    assert [(problem.path, problem.passing) for problem in selection.problems] == [(r"\\PISRV2\A*", True)]
    server.on("/dataservers/PISRV1/points", web.Response(status=503))
    with pytest.raises(UnavailableError):
        await find(client, r"\\PISRV1\A*", r"\\PISRV2\A*")
