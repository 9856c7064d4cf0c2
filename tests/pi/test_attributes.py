import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from pi.canned import CannedServer, said
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.pi.attributes import find_attributes
from pibridge.pi.client import PiClient
from pibridge.pi.select_settings import ElementSelect
from pibridge.pi.selected import Selection

TEMPLATES = [
    {"Name": "Vessel", "BaseTemplate": "", "InstanceType": "Element"},
    {"Name": "Reactor", "BaseTemplate": "Vessel", "InstanceType": "Element"},
]
POINT = {"DataReferencePlugIn": "PI Point"}


class Assets:
    """A database of elements with attributes, behind the endpoints that find them."""

    def __init__(self, server: CannedServer, *, derived_count: bool = True) -> None:
        self.elements: dict[str, str] = {}
        self.attributes: dict[str, list[dict[str, Any]]] = {}
        self.failing: dict[str, int] = {}
        self.most = 150_000
        self._server = server
        self._derived_count = derived_count
        server.on("/assetdatabases", self._database)
        server.on("/elements", self._by_path)
        server.on("/batch", self._batch)
        server.on("/assetdatabases/DB/elements", self._below)
        server.on("/assetdatabases/DB/elementtemplates", said({"Items": TEMPLATES}))

    def element(self, path: str, template: str = "", /, **attributes: dict[str, Any]) -> None:
        r"""Add an element of `\\AF1`; its attributes by name, `_` for a bar."""
        self.elements[path] = template
        self._server.on(f"/elements/{self._id(path)}/elements", self._below)
        self._server.on(f"/elements/{self._id(path)}/attributes", self._attributes)
        self.attributes[self._id(path)] = [
            {
                "WebId": f"{path}|{name}",
                "Name": name.rpartition("_")[2],
                "Path": rf"\\AF1\{path}|{name.replace('_', '|')}",
            }
            | attribute
            for name, attribute in attributes.items()
        ]

    def _id(self, path: str) -> str:
        return path.replace("\\", ".").replace("/", "~")

    def _object(self, path: str) -> dict[str, Any]:
        return {
            "WebId": self._id(path),
            "Name": path.rpartition("\\")[2],
            "Path": rf"\\AF1\{path}",
            "TemplateName": self.elements[path],
        }

    async def _database(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query["path"] != r"\\AF1\Plant":
            return said({"Errors": ["no database"]}, 404)
        return said({"WebId": "DB", "Name": "Plant", "Path": r"\\AF1\Plant"})

    async def _by_path(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.query["path"].removeprefix(r"\\AF1" + "\\")
        return said(self._object(path)) if path in self.elements else said({"Errors": ["no element"]}, 404)

    async def _below(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.query["searchFullHierarchy"] == "true"
        root = request.path.split("/")[3]
        above = "Plant." if root == "DB" else root + "."
        wanted = {request.query.get("templateName")}
        if self._derived_count and "Vessel" in wanted:
            wanted.add("Reactor")
        matching = [
            self._object(path)
            for path, template in self.elements.items()
            if self._id(path).startswith(above) and wanted & {None, template}
        ]
        start, most = int(request.query["startIndex"]), int(request.query["maxCount"])
        return said({"Links": {}, "Items": matching[start : start + most]})

    async def _attributes(self, request: web.BaseRequest) -> web.StreamResponse:
        status, body = self._answer(request.path.split("/")[3], dict(request.query))
        return said(body, status)

    async def _batch(self, request: web.BaseRequest) -> web.StreamResponse:
        answers = {}
        for name, part in json.loads(await request.read()).items():
            url = urlsplit(part["Resource"])
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            status, body = self._answer(url.path.split("/")[3], query)
            answers[name] = {"Status": status, "Headers": {}, "Content": body}
        return said(answers, 207)

    def _answer(self, element: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if status := self.failing.get(element):
            return status, {"Errors": ["failing"]}
        if int(query["maxCount"]) > self.most:
            return 400, {"Errors": [f"Parameter 'maxCount' is greater than the maximum allowed ({self.most})."]}
        attributes = self.attributes[element]
        if query["searchFullHierarchy"] == "false":
            attributes = [attribute for attribute in attributes if attribute["Path"].count("|") == 1]
        start, most = int(query["startIndex"]), int(query["maxCount"])
        return 200, {"Links": {}, "Items": attributes[start : start + most]}


async def find(client: PiClient, element: str, *attributes: str, template: str | None = None) -> Selection:
    """Find attributes for a stream."""
    select = ElementSelect(element=element, template=template, attributes=attributes or ("*",))
    return await find_attributes(client, select, "reactors", Mode.REALTIME)


def names(selection: Selection) -> list[str]:
    """Give the names of the tags."""
    return sorted(tag.name for tag in selection.tags)


async def test_an_attribute_becomes_a_tag(server: CannedServer, client: PiClient) -> None:
    """A tag has the attribute's path, unit and id, and its asset with template."""
    Assets(server).element(
        r"Plant\Area1\R1", "Reactor", Temperature={"Type": "Double", "DefaultUnitsNameAbbreviation": "degC", **POINT}
    )
    selection = await find(client, r"\\AF1\Plant\Area1\R1")
    assert selection.problems == []
    assert selection.tags == [
        Tag(
            stream="reactors",
            mode=Mode.REALTIME,
            name="Plant/Area1/R1|Temperature",
            path=r"\\AF1\Plant\Area1\R1|Temperature",
            web_id="Plant\\Area1\\R1|Temperature",
            unit="degC",
            asset=Asset("Plant/Area1/R1", "Reactor", "Temperature"),
        )
    ]


async def test_the_subtree_includes_its_root(server: CannedServer, client: PiClient) -> None:
    """The element itself and all below it are read, others are not."""
    assets = Assets(server)
    for path in (r"Plant\A", r"Plant\A\R1", r"Plant\A\R1\Pump", r"Plant\B"):
        assets.element(path, Level=POINT)
    assert names(await find(client, r"\\AF1\Plant\A")) == [
        "Plant/A/R1/Pump|Level",
        "Plant/A/R1|Level",
        "Plant/A|Level",
    ]


async def test_a_database_is_a_subtree(server: CannedServer, client: PiClient) -> None:
    """All elements of a database can be selected, more than one page and one batch of them."""
    assets = Assets(server)
    for number in range(1100):
        assets.element(rf"Plant\R{number}", Level=POINT)
    assert len((await find(client, r"\\AF1\Plant")).tags) == 1100
    assert len(server.asked("/batch")) == 22


@pytest.mark.parametrize("derived_count", [True, False])
async def test_derived_templates_count(server: CannedServer, client: PiClient, derived_count: bool) -> None:  # noqa: FBT001 - both
    """A template means those derived from it too, whether the server's filter knows them or not."""
    assets = Assets(server, derived_count=derived_count)
    assets.element(r"Plant\A", "Vessel", Level=POINT)
    assets.element(r"Plant\A\R1", "Reactor", Level=POINT)
    assets.element(r"Plant\A\P1", "Pump", Level=POINT)
    assert names(await find(client, r"\\AF1\Plant\A", template="vessel")) == ["Plant/A/R1|Level", "Plant/A|Level"]
    assert names(await find(client, r"\\AF1\Plant", template="Reactor")) == ["Plant/A/R1|Level"]


async def test_attributes_are_chosen_by_name(server: CannedServer, client: PiClient) -> None:
    """Names and wildcards choose attributes, nested ones with a bar; what matches nothing is a problem."""
    Assets(server).element(
        r"Plant\R1", **dict.fromkeys(["Temperature", "Temperature_High", "Flow In", "Flow Out", "Level"], POINT)
    )
    selection = await find(client, r"\\AF1\Plant\R1", "temperature", "Flow*")
    assert names(selection) == ["Plant/R1|Flow In", "Plant/R1|Flow Out", "Plant/R1|Temperature"]
    selection = await find(client, r"\\AF1\Plant\R1", "*|High", "Presure")
    assert names(selection) == ["Plant/R1|Temperature|High"]
    assert [problem.path for problem in selection.problems] == [r"\\AF1\Plant\R1|Presure"]


async def test_static_attributes_are_skipped_and_told(server: CannedServer, client: PiClient) -> None:
    """An attribute without a data reference has no stream; the selection says so."""
    Assets(server).element(r"Plant\R1", Capacity={"DataReferencePlugIn": ""}, Level=POINT)
    selection = await find(client, r"\\AF1\Plant\R1")
    assert names(selection) == ["Plant/R1|Level"]
    (problem,) = selection.problems
    assert problem.path == r"\\AF1\Plant\R1|Capacity"
    assert "static" in problem.reason
    assert "via: poll" in problem.hint


async def test_static_attributes_are_tags_where_they_can_be_read(server: CannedServer, client: PiClient) -> None:
    """They are marked; the others are not, also those that PI computes, whose data reference is told."""
    kinds = {"Capacity": "", "Limit": "<None>", "Level": "PI Point", "Mass": "Formula", "Grade": "Table Lookup"}
    Assets(server).element(r"Plant\R1", **{name: {"DataReferencePlugIn": kind} for name, kind in kinds.items()})
    select = ElementSelect(element=r"\\AF1\Plant\R1")
    selection = await find_attributes(client, select, "reactors", Mode.REALTIME, static=True)
    assert selection.problems == []
    assert {tag.asset.attribute for tag in selection.tags if tag.asset and tag.static} == {"Capacity", "Limit"}
    computed = {tag.asset.attribute: selection.computed.get(tag.key) for tag in selection.tags if tag.asset}
    assert computed == dict.fromkeys(kinds) | {"Mass": "Formula", "Grade": "Table Lookup"}


async def test_attributes_are_chosen_by_category(server: CannedServer, client: PiClient) -> None:
    """Only attributes that have one of the categories, of those with the names; a category of none is a problem."""
    own = {"Level": ["Process"], "Power": ["Cost", "Process"], "Price": ["cost"], "Note": []}
    Assets(server).element(r"Plant\R1", **{name: {"CategoryNames": names, **POINT} for name, names in own.items()})
    select = ElementSelect(element=r"\\AF1\Plant\R1", attributes=("P*", "Note"), categories=("Cost", "Safety"))
    selection = await find_attributes(client, select, "reactors", Mode.REALTIME)
    assert names(selection) == ["Plant/R1|Power", "Plant/R1|Price"]
    (problem,) = selection.problems
    assert "category Safety" in problem.reason


async def test_the_range_of_an_attribute_is_known(server: CannedServer, client: PiClient) -> None:
    """Its span is that of AF; one that is no number to measure with is none."""
    spans = {"A": 12.5, "B": 0, "C": "NaN", "D": None}
    Assets(server).element(r"Plant\R1", **{name: {"Span": span, **POINT} for name, span in spans.items()})
    selection = await find(client, r"\\AF1\Plant\R1")
    assert [tag.span for tag in sorted(selection.tags, key=lambda tag: tag.name)] == [12.5, 0, 0, 0]


async def test_a_server_with_a_low_limit_is_asked_attribute_by_attribute(
    server: CannedServer, client: PiClient
) -> None:
    """Where a batch asks for more than the server gives, elements are read one by one, in smaller pages."""
    assets = Assets(server)
    assets.most = 30
    assets.element(r"Plant\R1", **{f"A{number}": POINT for number in range(70)})
    assert len((await find(client, r"\\AF1\Plant\R1")).tags) == 70


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((kind, False) for kind in ("Double", "Int32", "<Enumeration>", "Boolean")),
        *((kind, True) for kind in ("String", "DateTime", "Guid", "String[]", "Anything", "")),
    ],
)
async def test_texts_are_known(server: CannedServer, client: PiClient, kind: str, text: bool) -> None:  # noqa: FBT001 - expected
    """The type of an attribute tells whether texts are its proper values."""
    Assets(server).element(r"Plant\R1", Value={"Type": kind, **POINT})
    (tag,) = (await find(client, r"\\AF1\Plant\R1")).tags
    assert tag.text == text


async def test_slashes_in_names_are_escaped(server: CannedServer, client: PiClient) -> None:
    """A slash in a name is told from the slashes between names."""
    Assets(server).element("Plant\\A/B", **{"In/Out": POINT})
    (tag,) = (await find(client, "\\\\AF1\\Plant\\A/B")).tags
    assert tag.name == "Plant/A%2FB|In%2FOut"
    assert tag.asset == Asset("Plant/A%2FB", "", "In%2FOut")


async def test_an_element_with_very_many_attributes(server: CannedServer, client: PiClient) -> None:
    """All attributes of an element are read, more than one page of them."""
    Assets(server).element(r"Plant\R1", **{f"A{number}": POINT for number in range(2300)})
    assert len((await find(client, r"\\AF1\Plant\R1")).tags) == 2300


@pytest.mark.parametrize("refusal", [web.Response(status=403), said({"Errors": ["no writes"]}, 405)])
async def test_batches_may_be_forbidden(server: CannedServer, client: PiClient, refusal: web.Response) -> None:
    """Where the account may not POST, attributes are read element by element."""
    assets = Assets(server)
    for path in (r"Plant\R1", r"Plant\R2", r"Plant\R3"):
        assets.element(path, Level=POINT)
    assets.failing["Plant.R2"] = 404
    server.on("/batch", refusal)
    selection = await find(client, r"\\AF1\Plant")
    assert names(selection) == ["Plant/R1|Level", "Plant/R3|Level"]
    assert [problem.path for problem in selection.problems] == [r"\\AF1\Plant\R2"]


async def test_one_failing_element_does_not_stop_the_others(server: CannedServer, client: PiClient) -> None:
    """An element that is gone when its attributes are read is a problem."""
    assets = Assets(server)
    assets.element(r"Plant\R1", Level=POINT)
    assets.element(r"Plant\R2", Level=POINT)
    assets.failing["Plant.R1"] = 404
    selection = await find(client, r"\\AF1\Plant")
    assert names(selection) == ["Plant/R2|Level"]
    assert [problem.path for problem in selection.problems] == [r"\\AF1\Plant\R1"]


async def test_a_server_that_fails_is_no_missing_element(server: CannedServer, client: PiClient) -> None:
    """While PI cannot tell of one element the others are found, and what is not known passes."""
    assets = Assets(server)
    assets.element(r"Plant\R1", Level=POINT)
    assets.element(r"Plant\R2", Level=POINT)
    assets.failing["Plant.R1"] = 503
    selection = await find(client, r"\\AF1\Plant")
    assert [tag.name for tag in selection.tags] == ["Plant/R2|Level"]
    (problem,) = selection.problems
    assert problem.passing
    assert problem.path == r"\\AF1\Plant\R1"


@pytest.mark.parametrize(
    ("element", "template", "reason"),
    [
        (r"\\AF1\Plant\Nowhere", None, "no element"),
        (r"\\AF1\Other", None, "no database"),
        (r"\\AF1\Plant", "Reaktor", "no template Reaktor"),
        (r"\\AF1\Plant", "Reactor", "no element matches"),
    ],
)
async def test_what_does_not_exist_is_a_problem(
    server: CannedServer, client: PiClient, element: str, template: str | None, reason: str
) -> None:
    """A wrong element, database or template is a problem that says which."""
    Assets(server).element(r"Plant\P1", "Pump", Level=POINT)
    selection = await find(client, element, template=template)
    (problem,) = selection.problems
    assert problem.path == element
    assert reason in problem.reason
    assert selection.tags == []
