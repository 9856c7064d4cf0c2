from uuid import UUID

from pibridge.simulator.frames import Frame
from pibridge.simulator.recipes import Detail
from pibridge.simulator.tree import TEMPLATES, Database, database_identity, lineage


def test_templates_derive() -> None:
    """A reactor is a vessel is a unit; templates of event frames derive too."""
    assert list(lineage("Reactor")) == ["Reactor", "Vessel", "Unit"]
    assert list(lineage("Fermenter Batch")) == ["Fermenter Batch", "Unit Batch"]
    assert list(lineage("")) == []


def test_templates_belong_to_a_database() -> None:
    """Each database lists its own."""
    plant, warehouse = (Database(name, "").templates for name in ("Plant", "Warehouse"))
    assert [template.name for template in warehouse] == ["Store"]
    assert len(plant) + len(warehouse) == len(TEMPLATES)


def test_elements_know_their_place() -> None:
    """Path and database follow from where an element was put; parents come before children."""
    database = Database("Warehouse", "")
    child = database.add(database.add(None, "Hall"), "Dock")
    assert child.path == r"\\AF1\Warehouse\Hall\Dock"
    assert child.database == database_identity("Warehouse")
    assert [element.name for element in database.elements()] == ["Hall", "Dock"]


def test_attributes_of_frames_name_their_owner() -> None:
    """Their identity has the owner's marker and id, and stays when the frame gets another name."""
    frame, renamed = (
        Frame(id=UUID(int=1), name=name, start_ticks=0, details={"Recipe": Detail("Ale")}) for name in ("B-1", "B-2")
    )
    (attribute,), (same,) = frame.attributes, renamed.attributes
    assert attribute.identity.owner == "F"
    assert attribute.identity.guids[1] == UUID(int=1)
    assert attribute.identity.guids == same.identity.guids
    assert attribute.path == r"\\AF1\Plant\EventFrames[B-1]|Recipe"
