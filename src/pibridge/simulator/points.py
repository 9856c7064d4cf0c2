"""The points of the Data Archives: what each is, and the lists of those that the plant has."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator import brewing, signals, webid
from pibridge.simulator.servers import ARCHIVE, SECOND_ARCHIVE, DataServer, guid
from pibridge.simulator.signals import Measured, Scheduled, Signal

CREATED: Final = 1_577_836_800 * PER_SECOND
"""All points exist since 2020-01-01T00:00:00Z."""
REACTORS: Final = ("R1", "R2", "R3", "R9")
FERMENTERS: Final = ("F1", "F2")
DIGITAL_SETS: Final = {
    "ReactorState": brewing.STATES,
    "OnOff": ("Off", "On"),
    "Modes": ("Manual", "Auto", "Cascade", "Program"),
}
SYSTEM_SET: Final = {
    246: "I/O Timeout",
    248: "No Data",
    249: "Calc Failed",
    253: "Pt Created",
    255: "Bad Input",
    313: "Comm Fail",
}
_DAY: Final = 86_400 * PER_SECOND


@dataclass(frozen=True)
class DigitalSet:
    """A digital state set of a Data Archive."""

    server: DataServer
    name: str

    @property
    def states(self) -> dict[int, str]:
        """Its states by their codes."""
        return SYSTEM_SET if self.name == "SYSTEM" else dict(enumerate(DIGITAL_SETS[self.name]))

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        guids = (self.server.guid, guid(f"set {self.name}"))
        return webid.Identity(webid.ENUMERATION_SET, guids, rf"{self.server.path}\DigitalSets[{self.name}]", owner="D")


@dataclass(frozen=True, kw_only=True)
class Point:
    """A PI point. `signal`: None for a point that never had a value but `Pt Created`.

    `deviation`: what compression may be off by, in engineering units; 0 archives everything. `created_ticks`: since
    when it exists.
    """

    id: int = 0
    server: DataServer = ARCHIVE
    name: str
    descriptor: str = ""
    type: str = "Float32"
    digital_set: str = ""
    unit: str = ""
    zero: float = 0.0
    span: float = 100.0
    step: bool = False
    future: bool = False
    deviation: float = 0.0
    source: str = "SIM"
    signal: Signal | None = None
    created_ticks: int = CREATED

    @property
    def path(self) -> str:
        r"""`\\SERVER\NAME`."""
        return rf"{self.server.path}\{self.name}"

    @property
    def identity(self) -> webid.Identity:
        """Who it is, for its WebIDs."""
        return webid.Identity(webid.POINT, (self.server.guid,), self.path, point_id=self.id)


def catalog(*, bulk: int, event_rate: float, cycle_s: float) -> list[Point]:
    """Give the points of the first Data Archive, with ids from 1 on.

    These are the plant's, then `bulk` generic ones of `event_rate` events/s each.
    """
    points = [*_classics(), *_utilities(), *_oddities()]
    for unit in units(cycle_s):
        points += _vessel(unit)
    points += _bulk(bulk, event_rate)
    return [replace(point, id=number) for number, point in enumerate(points, start=1)]


def second_catalog() -> list[Point]:
    """Give the points of the second Data Archive. Names and ids are not unique among servers: the first shows it."""
    hour = 3600 * PER_SECOND
    points = [
        Point(
            name="SINUSOID", descriptor="2 Hour Sine Wave", signal=_measured(5, signals.sine(0, 10, 2 * hour), 0.0, 0)
        ),
        Point(name="W.Temperature", unit="°C", signal=_measured(10, signals.sine(4, 9, 24 * hour), 0.2)),
        Point(name="W.Humidity", unit="%", signal=_measured(10, signals.sine(40, 70, 24 * hour), 1.0)),
        Point(
            name="W.Door",
            type="Digital",
            digital_set="OnOff",
            step=True,
            signal=Scheduled(
                600 * PER_SECOND,
                lambda number: [(0, {"Name": ("Off", "On")[number % 2], "Value": number % 2, "IsSystem": False})],
            ),
        ),
    ]
    return [replace(point, id=number, server=SECOND_ARCHIVE) for number, point in enumerate(points, start=1)]


def units(cycle_s: float) -> list[brewing.Unit]:
    """Give the vessels that run batches."""
    names = (*REACTORS, *FERMENTERS)
    return [brewing.Unit(name, int(cycle_s * PER_SECOND), number * 0.13 % 1) for number, name in enumerate(names)]


def digital_sets(server: DataServer) -> list[DigitalSet]:
    """Give the digital state sets of a Data Archive."""
    return [DigitalSet(server, name) for name in (*DIGITAL_SETS, "SYSTEM")]


def _measured(period_s: float, level: Callable[[int], float], noise: float, jitter: float = 0.9) -> Measured:
    return Measured(int(period_s * PER_SECOND), level, noise, signals.float32, jitter)


def _classics() -> Iterator[Point]:
    hour = 3600 * PER_SECOND
    yield Point(
        name="SINUSOID",
        descriptor="12 Hour Sine Wave",
        source="R",
        deviation=0.5,
        signal=_measured(5, signals.sine(0, 100, 12 * hour), 0.0, 0),
    )
    yield Point(
        name="SINUSOIDU",
        descriptor="12 Hour Sine Wave",
        source="R",
        deviation=0.5,
        signal=_measured(5, signals.sine(0, 100, 12 * hour, math.pi / 2), 0.0, 0),
    )
    modes = DIGITAL_SETS["Modes"]
    yield Point(
        name="CDM158",
        descriptor="Light Naphtha End Point Control",
        type="Digital",
        digital_set="Modes",
        step=True,
        source="R",
        signal=Scheduled(
            60 * PER_SECOND,
            lambda number: [
                (0, {"Name": modes[number * 7 % len(modes)], "Value": number * 7 % len(modes), "IsSystem": False}),
            ],
            20 * PER_SECOND,
        ),
    )


def _utilities() -> Iterator[Point]:
    wave = 900 * PER_SECOND
    rows = (
        ("U.Steam.Flow", "t/h", 4.0, 9.0, "Float32"),
        ("U.Steam.Pressure", "bar", 5.6, 6.4, "Float64"),
        ("U.Water.Flow", "m3/h", 10.0, 60.0, "Float32"),
        ("U.Water.Temperature", "°C", 8.0, 14.0, "Float16"),
        ("U.Air.Pressure", "bar", 6.5, 7.5, "Float32"),
        ("U.Power", "kW", 200.0, 640.0, "Float64"),
    )
    for number, (name, unit, low, high, kind) in enumerate(rows):
        rounding = {"Float16": signals.float16(0, 100), "Float64": float}.get(kind, signals.float32)
        signal = Measured(2 * PER_SECOND, signals.sine(low, high, wave, number), (high - low) / 50, rounding)
        span = 100.0 if kind == "Float16" else high
        yield Point(name=name, unit=unit, type=kind, span=span, deviation=(high - low) / 100, signal=signal)
    yield Point(
        name="U.Energy.Total",
        unit="kWh",
        type="Int32",
        step=True,
        span=1e9,
        signal=signals.counter(3 * PER_SECOND, 1_000_000_000),
    )
    yield Point(name="U.Pump.Starts", type="Int16", step=True, signal=signals.counter(30 * PER_SECOND, 30_000))


def _oddities() -> Iterator[Point]:
    """Points that real plants have and that simple clients trip over."""
    minute = 60 * PER_SECOND
    yield Point(name="NEW.Tag", descriptor="Created, never written")
    yield Point(
        name="LAB.SampleTime",
        descriptor="A text that looks like a time",
        type="String",
        step=True,
        signal=signals.clock_text(minute, minute),
    )
    yield Point(
        name="LAB.LastCalibration",
        descriptor="A time as value",
        type="Timestamp",
        step=True,
        signal=signals.clock_text(10 * minute, _DAY),
    )
    yield Point(
        name="LAB.Remark",
        descriptor="Free text; quotes, tabs, other alphabets",
        type="String",
        step=True,
        signal=Scheduled(
            30 * PER_SECOND,
            lambda number: [(0, ("ok", 'said "fine"\t', "Würze trüb · 麦汁", "")[number % 4])],
        ),
    )
    yield Point(
        name="PLAN.Demand",
        descriptor="A forecast: values in the future",
        type="Float64",
        unit="hl",
        future=True,
        step=True,
        signal=Measured(10 * minute, signals.sine(100, 400, _DAY), 5, lambda value: round(value, 1), 0),
    )


def _vessel(unit: brewing.Unit) -> Iterator[Point]:
    name = unit.name
    rows = (
        ("Temperature", "°C", brewing.TEMPERATURE, 0.3, 1.0, 120.0),
        ("Pressure", "bar", brewing.PRESSURE, 0.02, 1.0, 5.0),
        ("Level", "%", brewing.LEVEL, 0.4, 2.0, 100.0),
        ("FlowIn", "m3/h", brewing.FLOW_IN, 0.2, 2.0, 20.0),
        ("FlowOut", "m3/h", brewing.FLOW_OUT, 0.2, 2.0, 20.0),
        ("Agitator.Speed", "rpm", brewing.SPEED, 0.5, 5.0, 150.0),
    )
    for tag, measure, curve, noise, period_s, span in rows:
        yield Point(
            name=f"{name}.{tag}",
            descriptor=f"{tag} of {name}",
            unit=measure,
            span=span,
            deviation=noise / 2,
            signal=_measured(period_s, unit.level(curve), noise),
        )
    yield Point(
        name=f"{name}.State",
        descriptor=f"Phase of {name}",
        type="Digital",
        digital_set="ReactorState",
        step=True,
        signal=Scheduled(unit.cycle_ticks, _in_order(unit.states)),
    )
    texts = {"BatchID": unit.batch_ids, "Recipe": unit.recipes}
    for tag, steps in texts.items():
        yield Point(
            name=f"{name}.{tag}", type="String", step=True, signal=Scheduled(unit.cycle_ticks, _in_order(steps))
        )


def _in_order(steps: brewing.Steps) -> brewing.Steps:
    return lambda number: sorted(steps(number), key=lambda step: step[0])


def _bulk(count: int, event_rate: float) -> Iterator[Point]:
    if count and event_rate <= 0:
        raise ValueError("bulk points need an event rate above 0")
    for number in range(1, count + 1):
        level = signals.sine(0, 100, (300 + number % 600) * PER_SECOND, number)
        yield Point(
            name=f"BULK.{number:06d}",
            descriptor="Generic transmitter",
            deviation=0.5,
            signal=_measured(1 / event_rate, level, 1.0),
        )
