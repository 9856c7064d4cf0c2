from journal.samples import NOW, noise
from pibridge.journal.codec import Packer
from pibridge.journal.jobs import Settled, Store
from pibridge.model.event import Lane


def test_outcomes_add_up() -> None:
    """What several commits gave is told as one."""
    one, two = Store(Lane.LIVE, [], NOW), Store(Lane.LIVE, [], NOW)
    settled = Settled(stored=[one])
    settled.add(Settled(stored=[two], refused=[one]))
    assert settled.stored == [one, two]
    assert settled.refused == [one]


def test_large_stores_can_be_cut_at_their_chunks() -> None:
    """All events are in the parts, in order, and so is what they take in memory."""
    store = Store(Lane.LIVE, noise(5000), NOW, memory_bytes=1_000_001)
    store.packed = Packer().pack(store.events)
    parts = store.parts()
    assert len(parts) == len(store.packed) > 1
    assert [event for part in parts for event in part.events] == store.events
    assert sum(part.memory_bytes for part in parts) == 1_000_001


def test_size_follows_from_the_payloads() -> None:
    """A store counts with what it will take on disk."""
    store = Store(Lane.LIVE, noise(100), NOW)
    store.packed = Packer().pack(store.events)
    payload_bytes = sum(len(part.payload) for part in store.packed)
    assert payload_bytes < store.size_bytes < payload_bytes + 20_000
