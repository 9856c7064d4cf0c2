"""Finding AF attributes: of an element, of all below it, of those with a template."""

from collections.abc import Sequence
from typing import Final

from pibridge.errors import RejectedError, TooMuchError, UnauthorizedError, UnavailableError
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.pi.answers import OK, error_of
from pibridge.pi.attribute_names import AttributeCategories, AttributePatterns
from pibridge.pi.client import Params, PiClient
from pibridge.pi.databases import database_at, element_at, templates_of
from pibridge.pi.elements import asset_path
from pibridge.pi.paging import all_pages
from pibridge.pi.select_settings import ElementSelect
from pibridge.pi.selected import Problem, Selection, span_of
from pibridge.pi.templates import with_derived
from pibridge.pi.webid import identity
from pibridge.pi.wire import Attribute, Element, Items, Reader

_FAILURES: Final = ("WebException", "Errors", "Message")
_ELEMENT_FIELDS: Final = ("WebId", "Name", "Path", "TemplateName", "WebException", "Errors")
_ATTRIBUTE_FIELDS: Final = (
    "WebId",
    "Name",
    "Path",
    "Type",
    "DefaultUnitsNameAbbreviation",
    "DataReferencePlugIn",
    "CategoryNames",
    "Span",
    "WebException",
)
_BATCH: Final = 50
_FIRST: Final = 1000
"""Attributes of one element that are asked for in a batch: together no more than the server gives in one answer."""
_DATABASE_NAMES: Final = 2
_STATIC: Final = frozenset({"", "none", "<none>"})
_POINTS: Final = frozenset({"pi point", "pi point array"})
"""Data references of attributes that are points; those with any other are computed when they are asked for."""
_TEXTS: Final = frozenset({"", "string", "datetime", "guid", "object", "anything", "<anything>"})
"""Value types of which a text is a proper value; an attribute that does not tell its type may have any."""

_read_elements: Final = Reader(Items[Element])
_read_attributes: Final = Reader(Items[Attribute])


async def find_attributes(
    client: PiClient, select: ElementSelect, stream: str, mode: Mode, *, static: bool = False
) -> Selection:
    """Find the attributes. What is not found is a problem, and what is static unless `static` ones are wanted too.

    Raises what `PiClient.get` raises.
    """
    found, problems = await selected_attributes(client, select)
    tags: dict[str, Tag] = {}
    computed: dict[str, str] = {}
    for element, attributes in found:
        for attribute in attributes:
            tag = attribute_tag(attribute, element, stream, mode)
            if tag.static and not static:
                problems.append(_static(attribute))
                continue
            tags.setdefault(tag.key, tag)
            if not tag.static and attribute.data_reference_plug_in.lower() not in _POINTS:
                computed[tag.key] = attribute.data_reference_plug_in
    return Selection(list(tags.values()), problems, computed)


async def selected_attributes(
    client: PiClient, select: ElementSelect
) -> tuple[list[tuple[Element, list[Attribute]]], list[Problem]]:
    """Give the elements with their attributes that are meant, static ones too, and what was not found.

    Raises what `PiClient.get` raises.
    """
    elements = await _find_elements(client, select)
    if isinstance(elements, Problem):
        return [], [elements]
    patterns = AttributePatterns(select.attributes)
    categories = AttributeCategories(select.categories)
    found: list[tuple[Element, list[Attribute]]] = []
    problems: list[Problem] = []
    for start in range(0, len(elements), _BATCH):
        some = elements[start : start + _BATCH]
        for element, outcome in zip(some, await _attributes(client, some, patterns), strict=True):
            if isinstance(outcome, Problem):
                problems.append(outcome)
                continue
            named = [each for each in outcome if patterns.match(_name(each))]
            found.append((element, [each for each in named if categories.match(each.category_names)]))
    problems += [
        Problem(f"{select.element}|{pattern}", "no attribute matches", "hidden and excluded attributes are left out")
        for pattern in patterns.unused
    ]
    problems += [
        Problem(select.element, f"no attribute that is selected by name has the category {category}", "check the name")
        for category in categories.unused
    ]
    return found, problems


async def _find_elements(client: PiClient, select: ElementSelect) -> list[Element] | Problem:
    """Find the element itself and all below it, if they have the template or one derived from it."""
    names = select.element.removeprefix("\\\\").split("\\")
    is_database = len(names) == _DATABASE_NAMES
    try:
        root = await (database_at if is_database else element_at)(client, select.element)
        database = root if is_database else await database_at(client, "\\\\" + "\\".join(names[:2]))
    except RejectedError as error:
        return Problem(select.element, str(error), "check the path; what is new in AF can take 5 minutes to be seen")
    below = f"/{'assetdatabases' if is_database else 'elements'}/{root.web_id}/elements"
    params = [
        ("searchFullHierarchy", "true"),
        ("webIdType", "IDOnly"),
        ("selectedFields", _fields(_ELEMENT_FIELDS)),
    ]
    if select.template is None:
        elements = await all_pages(client, below, params, _read_elements)
    else:
        family = with_derived(select.template, await templates_of(client, database))
        if not family:
            return Problem(select.element, f"the database has no template {select.template}", "check the name")
        # A server may count derived templates or not: each is asked for, and the answers are taken together.
        elements = []
        for template in family:
            elements += await all_pages(client, below, [*params, ("templateName", template)], _read_elements)
        wanted = {template.casefold() for template in family}
        elements = [element for element in (root, *elements) if element.template_name.casefold() in wanted]
    if select.template is None and not is_database:
        elements.insert(0, root)
    unique = {identity(element.web_id): element for element in elements}
    return list(unique.values()) or Problem(select.element, "no element matches", "check the template")


async def _attributes(
    client: PiClient, elements: Sequence[Element], patterns: AttributePatterns
) -> list[list[Attribute] | Problem]:
    """Read the attributes of each element, in one call if the server allows it."""
    params = [
        ("searchFullHierarchy", str(patterns.reach_nested).lower()),
        ("webIdType", "IDOnly"),
        ("selectedFields", _fields(_ATTRIBUTE_FIELDS)),
    ]
    first = [*params, ("startIndex", "0"), ("maxCount", str(_FIRST))]
    try:
        parts = await client.batch({str(place): (_path(element), first) for place, element in enumerate(elements)})
    except (RejectedError, UnauthorizedError):
        # A batch is a POST, which some servers refuse to accounts that only read.
        return [await _attributes_of(client, element, params) for element in elements]
    outcomes: list[list[Attribute] | Problem] = []
    for place, element in enumerate(elements):
        part = parts[str(place)]
        if part.status != OK:
            error = error_of(part.status, bytes(part.content), about=f"the attributes of {element.path}")
            outcomes.append(
                Problem(element.path, str(error))
                if isinstance(error, RejectedError) and not isinstance(error, TooMuchError)
                else await _attributes_of(client, element, params)
            )
            continue
        try:
            page = _read_attributes(bytes(part.content))
        except (UnavailableError, RejectedError, UnauthorizedError):
            outcomes.append(await _attributes_of(client, element, params))
            continue
        is_whole = len(page.items) < _FIRST and not page.links.next
        outcomes.append(page.items if is_whole else await _attributes_of(client, element, params))
    return outcomes


async def _attributes_of(client: PiClient, element: Element, params: Params) -> list[Attribute] | Problem:
    try:
        return await all_pages(client, _path(element), params, _read_attributes)
    except RejectedError as error:
        return Problem(element.path, str(error))
    except UnavailableError as error:
        return Problem(element.path, str(error), "it is looked for again soon", passing=True)


def _path(element: Element) -> str:
    return f"/elements/{element.web_id}/attributes"


def _fields(names: Sequence[str]) -> str:
    return ";".join([*(f"Items.{name}" for name in names), "Links.Next", *_FAILURES])


def _name(attribute: Attribute) -> str:
    """Give the name below the element, `Outer|Inner` of a nested one."""
    return attribute.path.partition("|")[2] or attribute.name


def _static(attribute: Attribute) -> Problem:
    return Problem(
        attribute.path,
        "static attribute: it has a value but no history, so it is skipped",
        "mode: realtime with via: poll reads it; name only attributes with a data reference to silence this",
    )


def attribute_tag(attribute: Attribute, element: Element, stream: str, mode: Mode) -> Tag:
    """Give the tag that an attribute is."""
    path = asset_path(attribute.path.partition("|")[0])
    name = _name(attribute).replace("/", "%2F")
    return Tag(
        stream=stream,
        mode=mode,
        name=f"{path}|{name}",
        path=attribute.path,
        web_id=identity(attribute.web_id),
        unit=attribute.default_units_name_abbreviation,
        text=attribute.type.removesuffix("[]").lower() in _TEXTS,
        span=span_of(attribute.span),
        static=attribute.data_reference_plug_in.lower() in _STATIC,
        asset=Asset(path, element.template_name, name),
    )
