"""Asset servers, databases, elements, attributes, templates."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from pibridge.simulator import search, tree, webid
from pibridge.simulator.call import Answer, Call, Route, bad_request, not_found
from pibridge.simulator.objects import Renderer, by_path, expect, many, matches, page, resolve
from pibridge.simulator.tree import TEMPLATES, Attribute, Element, Template, lineage


def asset_servers(call: Call) -> dict[str, Any]:
    """Answer the list, or the one of that name or path."""
    wanted = call.query.text("name") or call.query.text("path").removeprefix("\\\\")
    if wanted and wanted.upper() != tree.ASSET_SERVER:
        raise not_found("The specified asset server could not be found.")
    server = Renderer(call).asset_server()
    return server if wanted else {"Links": {}, "Items": [server]}


def asset_server(call: Call) -> dict[str, Any]:
    """Answer the server."""
    expect(call.ids[0], tree.SERVER)
    return Renderer(call).asset_server()


def databases(call: Call) -> dict[str, Any]:
    """Answer the server's databases."""
    expect(call.ids[0], tree.SERVER)
    return {"Links": {}, "Items": [Renderer(call).database()]}


def database_by_path(call: Call) -> dict[str, Any]:
    """Answer the database at that path."""
    if call.query.text("path").upper() != tree.DATABASE_IDENTITY.path.upper():
        raise not_found("The specified asset database could not be found.")
    return Renderer(call).database()


def database(call: Call) -> dict[str, Any]:
    """Answer the database."""
    expect(call.ids[0], tree.DATABASE_IDENTITY)
    return Renderer(call).database()


def database_elements(call: Call) -> dict[str, Any]:
    """Answer the elements below the database."""
    expect(call.ids[0], tree.DATABASE_IDENTITY)
    everywhere = call.query.flag("searchFullHierarchy")
    return _elements(call, call.plant.tree.elements() if everywhere else call.plant.tree.roots)


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
    return _attributes(call, selected(call, resolve(call, call.ids[0], Element)))


def attribute_attributes(call: Call) -> dict[str, Any]:
    """Answer the child attributes of an attribute."""
    return _attributes(call, selected(call, resolve(call, call.ids[0], Attribute)))


def database_attributes(call: Call) -> dict[str, Any]:
    """Answer the attributes found below the database."""
    expect(call.ids[0], tree.DATABASE_IDENTITY)
    roots = call.plant.tree.elements() if call.query.flag("searchFullHierarchy") else call.plant.tree.roots
    return _found_attributes(call, roots)


def attributes_below(call: Call) -> dict[str, Any]:
    """Answer the attributes found at and below an element."""
    root = resolve(call, call.ids[0], Element)
    return _found_attributes(call, [root, *(root.below() if call.query.flag("searchFullHierarchy") else root.elements)])


def element_search(call: Call) -> dict[str, Any]:
    """Answer an AFSearch for elements."""
    _database_of(call)
    groups = search.parse(call.query.text("query"), "name")
    found = (each for each in call.plant.tree.elements() if search.holds(groups, partial(_element_terms, each)))
    return page(call, found, Renderer(call).element)


def attribute_search(call: Call) -> dict[str, Any]:
    """Answer an AFSearch for attributes."""
    _database_of(call)
    groups = search.parse(call.query.text("query"), "name")
    found = [each for each in call.plant.tree.attributes() if search.holds(groups, partial(_terms, each))]
    return page(call, found, Renderer(call).attribute)


def database_templates(call: Call) -> dict[str, Any]:
    """Answer the templates of elements and event frames."""
    expect(call.ids[0], tree.DATABASE_IDENTITY)
    wanted = call.query.text("query")
    return page(call, (each for each in TEMPLATES.values() if matches(each.name, wanted)), Renderer(call).template)


def template(call: Call) -> dict[str, Any]:
    """Answer the template."""
    return Renderer(call).template(resolve(call, call.ids[0], Template))


def derived_templates(call: Call) -> dict[str, Any]:
    """Answer the templates that derive from one, at any depth."""
    base = resolve(call, call.ids[0], Template).name
    found = (each for each in TEMPLATES.values() if each.name != base and base in lineage(each.name))
    return page(call, found, Renderer(call).template)


def selected(call: Call, parent: Element | Attribute) -> Iterator[Attribute]:
    """Give the attributes below a parent that the filters of the request let through."""
    query = call.query
    deep = query.flag("searchFullHierarchy")
    everything = _deep(parent) if deep else iter(parent.attributes)
    for each in everything:
        if (
            (query.flag("showHidden") or not each.hidden)
            and (query.flag("showExcluded") or not each.excluded)
            and matches(each.name, query.text("nameFilter"))
            and _any(each.categories, query.text("categoryName"))
            and _any(lineage(each.element.template), query.text("templateName"))
        ):
            yield each


def _deep(parent: Element | Attribute) -> Iterator[Attribute]:
    elements = [parent, *parent.below()] if isinstance(parent, Element) else []
    for each in elements:
        for owned in each.attributes:
            yield owned
            yield from owned.below()
    if isinstance(parent, Attribute):
        yield from parent.below()


def _any(names: Iterable[str], wanted: str) -> bool:
    return not wanted or wanted.lower() in (name.lower() for name in names)


def _elements(call: Call, candidates: Iterable[Element]) -> dict[str, Any]:
    query = call.query
    found = [
        each
        for each in candidates
        if matches(each.name, query.text("nameFilter"))
        and matches(each.description, query.text("descriptionFilter"))
        and _any(each.categories, query.text("categoryName"))
        and _any(lineage(each.template), query.text("templateName"))
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
        and _any(each.categories, query.text("elementCategory"))
        and _any(lineage(each.template), query.text("elementTemplate"))
        for owned in each.attributes
        if matches(owned.name, query.text("attributeNameFilter"))
        and _any(owned.categories, query.text("attributeCategory"))
        and matches(owned.type, query.text("attributeType"))
    ]
    return _attributes(call, found)


def _descending(call: Call) -> bool:
    return call.query.text("sortOrder").lower() == "descending"


def _database_of(call: Call) -> None:
    web_id = call.query.text("databaseWebId")
    if not web_id:
        raise bad_request("The parameter 'databaseWebId' is required.")
    expect(web_id, tree.DATABASE_IDENTITY)


def _element_terms(found: Element, key: str) -> list[str]:
    terms = {
        "name": [found.name],
        "description": [found.description],
        "category": list(found.categories),
        "template": list(lineage(found.template)),
        "root": [found.path.removeprefix(tree.DATABASE_IDENTITY.path + "\\"), found.path],
    }
    if key not in terms:
        raise bad_request(f"The search filter '{key}' is not supported.")
    return terms[key]


def _terms(found: Attribute, key: str) -> list[str]:
    group, _, name = key.rpartition(".")
    if group == "element":
        return _element_terms(found.element, name)
    terms = {
        "name": [found.name],
        "category": list(found.categories),
        "type": [found.type],
        "template": list(lineage(found.element.template)),
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
