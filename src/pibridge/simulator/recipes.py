"""What a batch consists of, as ISA-88 has it: procedure, unit procedure, operations, phases and their states."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pibridge.model.ticks import PER_SECOND
from pibridge.simulator.brewing import Unit

_REJECTED_EVERY: Final = 11


@dataclass(frozen=True)
class Step:
    """One part of a batch. `name`: empty for the id of the batch. `begin`, `end`: places in the cycle (0 to 1).

    `parent`: the place in the list of the step that it is part of, None for the whole.
    """

    template: str
    name: str
    begin: float
    end: float
    parent: int | None


@dataclass(frozen=True)
class Detail:
    """The value of an attribute of an event frame. `at_end`: it is there when the frame has ended."""

    value: Any
    unit: str = ""
    at_end: bool = False


Operations = tuple[tuple[str, tuple[tuple[str, float, float], ...]], ...]
_MAKING: Final[Operations] = (
    ("Charge", (("Filling", 0.05, 0.15),)),
    ("Brew", (("Heating", 0.15, 0.30), ("Reacting", 0.30, 0.65), ("Cooling", 0.65, 0.80))),
    ("Transfer", (("Draining", 0.80, 0.90),)),
)
_CLEANING: Final[Operations] = (("Clean", (("Rinsing", 0.90, 0.95), ("Sanitising", 0.95, 0.98))),)


def _steps(operations: Operations) -> Iterator[Step]:
    begin, end = operations[0][1][0][1], operations[-1][1][-1][2]
    yield Step("Batch", "", begin, end, None)
    yield Step("Unit Batch", "", begin, end, 0)
    count = 2
    for operation, phases in operations:
        of_operation = count
        yield Step("Operation", operation, phases[0][1], phases[-1][2], 1)
        count += 1
        for phase, low, high in phases:
            yield Step("Phase", phase, low, high, of_operation)
            # A state that ends the phase takes no time.
            yield Step("Phase State", "RUNNING", low, high, count)
            yield Step("Phase State", "COMPLETE", high, high, count)
            count += 3


MAKING: Final = tuple(_steps(_MAKING))
CLEANING: Final = tuple(_steps(_CLEANING))


@dataclass(frozen=True)
class Batch:
    """What runs in a vessel in the cycle of that number: one of its two batches. `steps`: MAKING or CLEANING."""

    unit: Unit
    steps: tuple[Step, ...]
    number: int

    @cached_property
    def id(self) -> str:
        """The id that the vessel's tag tells meanwhile."""
        made, cleaned, _ = self.unit.batch_ids(self.number)
        return str((made if self.is_making else cleaned)[1])

    @property
    def is_making(self) -> bool:
        """Whether something is made, or the vessel is cleaned."""
        return self.steps is MAKING

    @property
    def is_test(self) -> bool:
        """Whether nobody will drink it."""
        return self.id.startswith("TEST")

    @cached_property
    def recipe(self) -> str:
        """By what it is made."""
        return str(self.unit.recipes(self.number)[0][1]) if self.is_making else "CIP"

    @property
    def product(self) -> str:
        """What is made."""
        return f"{self.recipe} wort" if self.is_making else "Clean vessel"

    def start(self, step: Step) -> int:
        """Give when a step begins, in ticks."""
        return self.unit.moment(self.number, self.steps[0].begin, step.begin)

    def end(self, step: Step) -> int:
        """Give when a step ends, in ticks."""
        return self.unit.moment(self.number, self.steps[0].begin, step.end)


def details(batch: Batch, step: Step) -> dict[str, Detail]:
    """Give the attributes of a step."""
    number = batch.number
    if step.template == "Batch":
        found = {"Recipe": Detail(batch.recipe), "Product": Detail(batch.product)}
        if batch.is_making:
            rejected = number % _REJECTED_EVERY == 0
            result = {"Name": "Rejected" if rejected else "Accepted", "Value": int(rejected), "IsSystem": False}
            found["Batch Size"] = Detail(120.0, "hl")
            found["Yield"] = Detail(112.0 + number % 13 / 2, "hl", at_end=True)
            found["Result"] = Detail(result, at_end=True)
        return found
    if step.template == "Unit Batch":
        return {
            "BatchID": Detail(batch.id),
            "Procedure": Detail(f"{batch.recipe} procedure"),
            "Product": Detail(batch.product),
            "Peak Temperature": Detail((72.0 if batch.is_making else 75.0) + number % 5 / 10, "°C", at_end=True),
        }
    if step.template == "Operation":
        return {"Operator": Detail(f"Shift {'ABC'[number % 3]}")}
    if step.template == "Phase":
        seconds = (step.end - step.begin) * batch.unit.cycle_ticks / PER_SECOND
        return {"Target Duration": Detail(round(seconds, 1), "s")}
    return {}


def source(batch: Batch, start: str, end: str) -> dict[str, str]:
    """Give what the batch system tells of its batch: XML by its own id. `start`, `end`: UTC, empty while it runs."""
    xml = (
        f'<Batch BatchID="{batch.id}" Product="{batch.product}" Recipe="{batch.recipe}" RecipeType="Batch"'
        f' StartUTC="{start}" EndUTC="{end}" InterfaceName="SIMBATCH" InterfaceID="1" DataSource="Simulator"/>'
    )
    return {f"{batch.unit.name}-{'making' if batch.is_making else 'cleaning'}-{batch.number}": xml}
