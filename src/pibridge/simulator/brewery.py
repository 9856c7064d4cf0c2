"""The databases of the AF server: the brewery's, and a small one beside it."""

from collections.abc import Mapping
from functools import partial

from pibridge.simulator.points import FERMENTERS, REACTORS, Point
from pibridge.simulator.tree import PLANT, WAREHOUSE, Attribute, Database, Element

Points = Mapping[str, Point]
"""The points of a Data Archive by name, in upper case."""


def plant(points: Points) -> Database:
    """Give database `Plant`: elements at different depths, attributes of every kind."""
    database = Database(PLANT, "Simulated plant")
    area1 = database.add(None, "Area1", "Area", "Brewhouse")
    for name in REACTORS[:3]:
        _reactor(database, points, area1, name)
    boiler = database.add(database.add(area1, "Utilities"), "Boiler1", "Boiler", "Steam boiler")
    _attach(boiler, "Steam Flow", points["U.STEAM.FLOW"])
    _attach(boiler, "Steam Pressure", points["U.STEAM.PRESSURE"])
    _attach(boiler, "Energy", points["U.ENERGY.TOTAL"])
    area2 = database.add(None, "Area2", "Area", "Cellar")
    for name in FERMENTERS:
        _vessel(database.add(area2, name, "Fermenter", "Fermenter"), points, name)
    line = database.add(database.add(area2, "Packaging"), "Line1", description="Bottles")
    _attach(line, "Power", points["U.POWER"])
    skid = database.add(area2, "CIP/SIP Skid", description="A name with a slash")
    _attach(skid, "Water Flow", points["U.WATER.FLOW"])
    area9 = database.add(None, "Area9", "Area", "Pilot plant: its batch comes from a tag")
    _reactor(database, points, area9, "R9")
    return database


def warehouse(points: Points) -> Database:
    """Give database `Warehouse`, whose attributes read the second Data Archive."""
    database = Database(WAREHOUSE, "Simulated warehouse")
    hall = database.add(None, "Hall1", "Store", "Cold store")
    _attach(hall, "Temperature", points["W.TEMPERATURE"])
    _attach(hall, "Humidity", points["W.HUMIDITY"])
    _attach(database.add(hall, "Dock"), "Door", points["W.DOOR"])
    return database


def _reactor(database: Database, points: Points, area: Element, name: str) -> None:
    reactor = database.add(area, name, "Reactor", "Reactor")
    _vessel(reactor, points, name)
    agitator = database.add(reactor, "Agitator", "Agitator")
    _attach(agitator, "Speed", points[f"{name}.AGITATOR.SPEED"])


def _vessel(element: Element, points: Points, name: str) -> None:
    tags = {
        "Temperature": "Temperature",
        "Pressure": "Pressure",
        "Level": "Level",
        "Flow In": "FlowIn",
        "Flow Out": "FlowOut",
        "State": "State",
        "BatchID": "BatchID",
        "Recipe": "Recipe",
    }
    for attribute, tag in tags.items():
        _attach(element, attribute, points[f"{name}.{tag}".upper()])
    temperature = element.attributes[0]
    static = partial(Attribute, owner=element, categories=("Design",))
    limit = static(name="High Limit", parent=temperature, unit="°C", static=80.0)
    temperature.attributes.append(limit)
    element.attributes += [
        static(name="Capacity", unit="m3", static=12.5),
        static(name="Serial Number", type="String", static=f"SN-{name}-001", hidden=True),
        Attribute(
            name="Temperature F",
            owner=element,
            unit="°F",
            point=temperature.point,
            formula=_fahrenheit,
            formula_text="A=Temperature;[A*1.8+32]",
        ),
        Attribute(name="Spare Pressure", owner=element, unit="bar", point=element.attributes[1].point, excluded=True),
    ]


def _attach(element: Element, name: str, point: Point) -> None:
    kinds = {"Digital": "EnumerationValue", "String": "String", "Int32": "Int32", "Float32": "Single"}
    element.attributes.append(
        Attribute(
            name=name,
            owner=element,
            type=kinds.get(point.type, "Double"),
            type_qualifier=point.digital_set,
            unit=point.unit,
            point=point,
            step=point.step,
            categories=("Process",),
        )
    )


def _fahrenheit(celsius: float) -> float:
    return celsius * 1.8 + 32
