"""Asset servers, databases, elements, attributes, templates."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from pibridge.simulator import search, webid
from pibridge.simulator.call import Answer, Call, Route, bad_request
from pibridge.simulator.frames import Frame
from pibridge.simulator.objects import Renderer, by_path, many, matches, page, resolve
from pibridge.simulator.servers import AF, AssetServer
from pibridge.simulator.tree import TEMPLATES, Attribute, Database, Element, Template, lineage


def asset_servers(call: Call) -> dict[str, Any]:
    """Answer the list, or the one of that name or path."""
    name, path = call.query.text("name"), call.query.text("path")
    if name or path:
        return Renderer(call).asset_server(by_path(call, webid.ASSET_SERVER, path or rf"\\{name}", AssetServer))
    return {"Links": {}, "Items": [Renderer(call).asset_server(AF)]}


def asset_server(call: Call) -> dict[str, Any]:
    """Answer the server."""
    return Renderer(call).asset_server(resolve(call, call.ids[0], AssetServer))


def databases(call: Call) -> dict[str, Any]:
    """Answer the server's databases."""
    resolve(call, call.ids[0], AssetServer)
    return {"Links": {}, "Items": [Renderer(call).database(each) for each in call.plant.databases]}


def database_by_path(call: Call) -> dict[str, Any]:
    """Answer the database at that path."""
    return Renderer(call).database(by_path(call, webid.DATABASE, call.query.text("path"), Database))


def database(call: Call) -> dict[str, Any]:
    """Answer the database."""
    return Renderer(call).database(resolve(call, call.ids[0], Database))


def database_elements(call: Call) -> dict[str, Any]:
    """Answer the elements below the database."""
    found = resolve(call, call.ids[0], Database)
    return _elements(call, found.elements() if call.query.flag("searchFullHierarchy") else found.roots)


def element_elements(call: Call) -> dict[str, Any]:
    """Answer the elements below an element."""
    parent = resolve(call, call.ids[0], Element)
    return _elements(call, parent.below() if call.query.flag("searchFullHierarchy") else parent.elements)


def element_by_path(call: Call) -> dict[str, Any]:
    """Answer the element at that path."""
    return Renderer(call).element(by_path(call, webid.ELEMENT, call.query.text("path"), Element))


def element(call: Call) -> dict[str, Any]:
    """Answer the element."""
    return Renderer(call).element(resolve(call, call.ids[0], Element))


def elements_multiple(call: Call) -> Answer:
    """Answer many elements, found or not."""
    return many(call, webid.ELEMENT, Element, Renderer(call).element)


def attributes_multiple(call: Call) -> Answer:
    """Answer many attributes, found or not."""
    return many(call, webid.ATTRIBUTE, Attribute, Renderer(call).attribute)


def attribute_by_path(call: Call) -> dict[str, Any]:
    """Answer the attribute at that path."""
    return Renderer(call).attribute(by_path(call, webid.ATTRIBUTE, call.query.text("path"), Attribute))


def attribute(call: Call) -> dict[str, Any]:
    """Answer the attribute."""
    return Renderer(call).attribute(resolve(call, call.ids[0], Attribute))


def element_attributes(call: Call) -> dict[str, Any]:
    """Answer the attributes of an element; of the elements below it too with searchFullHierarchy."""
    return attributes_of(call, resolve(call, call.ids[0], Element))


def attribute_attributes(call: Call) -> dict[str, Any]:
    """Answer the child attributes of an attribute."""
    return attributes_of(call, resolve(call, call.ids[0], Attribute))


def database_attributes(call: Call) -> dict[str, Any]:
    """Answer the attributes found below the database."""
    found = resolve(call, call.ids[0], Database)
    return _found_attributes(call, found.elements() if call.query.flag("searchFullHierarchy") else found.roots)


def attributes_below(call: Call) -> dict[str, Any]:
    """Answer the attributes found at and below an element."""
    root = resolve(call, call.ids[0], Element)
    return _found_attributes(call, [root, *(root.below() if call.query.flag("searchFullHierarchy") else root.elements)])


def element_search(call: Call) -> dict[str, Any]:
    """Answer an AFSearch for elements."""
    elements = database_asked_for(call).elements()
    groups = search.parse(call.query.text("query"), "name")
    found = (each for each in elements if search.holds(groups, partial(_element_terms, each)))
    return page(call, found, Renderer(call).element)


def attribute_search(call: Call) -> dict[str, Any]:
    """Answer an AFSearch for attributes."""
    attributes = database_asked_for(call).attributes()
    groups = search.parse(call.query.text("query"), "name")
    found = [each for each in attributes if search.holds(groups, partial(_terms, each))]
    return page(call, found, Renderer(call).attribute)


def database_templates(call: Call) -> dict[str, Any]:
    """Answer the templates of elements and event frames."""
    templates = resolve(call, call.ids[0], Database).templates
    wanted = call.query.text("query")
    return page(call, (each for each in templates if matches(each.name, wanted)), Renderer(call).template)


def template(call: Call) -> dict[str, Any]:
    """Answer the template."""
    return Renderer(call).template(resolve(call, call.ids[0], Template))


def derived_templates(call: Call) -> dict[str, Any]:
    """Answer the templates that derive from one, at any depth."""
    base = resolve(call, call.ids[0], Template).name
    found = (each for each in TEMPLATES.values() if each.name != base and base in lineage(each.name))
    return page(call, found, Renderer(call).template)


def attributes_of(call: Call, parent: Element | Frame | Attribute) -> dict[str, Any]:
    """Answer the attributes below a parent that the filters of the request let through."""
    return _attributes(call, selected(call, parent))


def selected(call: Call, parent: Element | Frame | Attribute) -> Iterator[Attribute]:
    """Give the attributes below a parent that the filters of the request let through."""
    query = call.query
    deep = query.flag("searchFullHierarchy")
    everything = _deep(parent) if deep else iter(parent.attributes)
    for each in everything:
        if (
            (query.flag("showHidden") or not each.hidden)
            and (query.flag("showExcluded") or not each.excluded)
            and matches(each.name, query.text("nameFilter"))
            and any_of(each.categories, query.text("categoryName"))
            and any_of(lineage(each.owner.template), query.text("templateName"))
        ):
            yield each


def _deep(parent: Element | Frame | Attribute) -> Iterator[Attribute]:
    elements = parent.below() if isinstance(parent, Element) else ()
    for each in (parent, *elements):
        for owned in each.attributes:
            yield owned
            yield from owned.below()


def any_of(names: Iterable[str], wanted: str) -> bool:
    """Say whether the wanted name is among these, whatever its case. An empty one is."""
    return not wanted or wanted.lower() in (name.lower() for name in names)


def _elements(call: Call, candidates: Iterable[Element]) -> dict[str, Any]:
    query = call.query
    found = [
        each
        for each in candidates
        if matches(each.name, query.text("nameFilter"))
        and matches(each.description, query.text("descriptionFilter"))
        and any_of(each.categories, query.text("categoryName"))
        and any_of(lineage(each.template), query.text("templateName"))
    ]
    found.sort(key=lambda each: (each.name.upper(), each.path), reverse=_descending(call))
    return page(call, found, Renderer(call).element)


def _attributes(call: Call, candidates: Iterable[Attribute]) -> dict[str, Any]:
    found = sorted(candidates, key=lambda each: (each.name.upper(), each.path), reverse=_descending(call))
    return page(call, found, Renderer(call).attribute)


def _found_attributes(call: Call, elements: Iterable[Element]) -> dict[str, Any]:
    query = call.query
    found = [
        owned
        for each in elements
        if matches(each.name, query.text("elementNameFilter"))
        and any_of(each.categories, query.text("elementCategory"))
        and any_of(lineage(each.template), query.text("elementTemplate"))
        for owned in each.attributes
        if matches(owned.name, query.text("attributeNameFilter"))
        and any_of(owned.categories, query.text("attributeCategory"))
        and matches(owned.type, query.text("attributeType"))
    ]
    return _attributes(call, found)


def _descending(call: Call) -> bool:
    return call.query.text("sortOrder").lower() == "descending"


def database_asked_for(call: Call) -> Database:
    """Give the database of `databaseWebId`. Refused with 400 if none is named."""
    web_id = call.query.text("databaseWebId")
    if not web_id:
        raise bad_request("The parameter 'databaseWebId' is required.")
    return resolve(call, web_id, Database)


def _element_terms(found: Element | Frame, key: str) -> list[str]:
    terms = {
        "name": [found.name],
        "description": [found.description],
        "category": list(found.categories),
        "template": list(lineage(found.template)),
        "root": ["\\".join(found.path.split("\\")[4:]), found.path],
    }
    if key not in terms:
        raise bad_request(f"The search filter '{key}' is not supported.")
    return terms[key]


def _terms(found: Attribute, key: str) -> list[str]:
    group, _, name = key.rpartition(".")
    if group == "element":
        return _element_terms(found.owner, name)
    terms = {
        "name": [found.name],
        "category": list(found.categories),
        "type": [found.type],
        "template": list(lineage(found.owner.template)),
        "plugin": [found.plug_in],
    }
    if key not in terms:
        raise bad_request(f"The search filter '{key}' is not supported.")
    return terms[key]


ROUTES: Final[list[Route]] = [
    ("GET", "/assetservers", asset_servers),
    ("GET", "/assetservers/{}", asset_server),
    ("GET", "/assetservers/{}/assetdatabases", databases),
    ("GET", "/assetdatabases", database_by_path),
    ("GET", "/assetdatabases/{}", database),
    ("GET", "/assetdatabases/{}/elements", database_elements),
    ("GET", "/assetdatabases/{}/elementattributes", database_attributes),
    ("GET", "/assetdatabases/{}/elementtemplates", database_templates),
    ("GET", "/elements", element_by_path),
    ("GET", "/elements/multiple", elements_multiple),
    ("GET", "/elements/search", element_search),
    ("GET", "/elements/{}", element),
    ("GET", "/elements/{}/elements", element_elements),
    ("GET", "/elements/{}/attributes", element_attributes),
    ("GET", "/elements/{}/elementattributes", attributes_below),
    ("GET", "/elementtemplates/{}", template),
    ("GET", "/elementtemplates/{}/derivedelementtemplates", derived_templates),
    ("GET", "/attributes", attribute_by_path),
    ("GET", "/attributes/multiple", attributes_multiple),
    ("GET", "/attributes/search", attribute_search),
    ("GET", "/attributes/{}", attribute),
    ("GET", "/attributes/{}/attributes", attribute_attributes),
]
