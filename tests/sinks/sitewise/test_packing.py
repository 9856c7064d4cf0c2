from collections import defaultdict
from itertools import pairwise
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from pibridge.sinks.sitewise.packing import Entry, Request, halves, pack
from pibridge.sinks.sitewise.tqv import Tqv
from sinks.sitewise.double import judged_put
from sinks.sitewise.samples import NOW, record


def value(seq: int, alias: str, at: int = 0, quality: str = "GOOD") -> Tqv:
    """Give a data point."""
    return Tqv(record(seq, float(seq), at=NOW + at), alias, "doubleValue", float(seq), quality)


VALUES = st.lists(
    st.tuples(st.sampled_from("abcdefghijklmno"), st.integers(0, 30), st.sampled_from(["GOOD", "BAD"])), max_size=400
).map(lambda said: [value(seq, *each) for seq, each in enumerate(said)])


def seqs(request: Request) -> list[int]:
    """Give the places of what is in a request."""
    return [each.record.seq for entry in request for each in entry.values]


@given(VALUES)
def test_every_value_is_packed_once_and_in_the_order_of_its_property(values: list[Tqv]) -> None:
    """Nothing is lost, nothing doubled; requests one after the other have the order in which PI sent."""
    requests = list(pack(values))
    assert sorted(seq for request in requests for seq in seqs(request)) == [each.record.seq for each in values]
    order: dict[str, list[int]] = defaultdict(list)
    for request in requests:
        for entry in request:
            order[entry.alias] += [each.record.seq for each in entry.values]
    assert all(first < second for places in order.values() for first, second in pairwise(places))


@given(VALUES)
def test_no_request_breaks_a_rule(values: list[Tqv]) -> None:
    """Ten entries, ten values each, no time and quality of a property twice; as SiteWise's model has it."""
    for request in pack(values):
        assert 1 <= len(request) <= 10
        assert all(1 <= len(entry.values) <= 10 for entry in request)
        keys = [(entry.alias, each.key) for entry in request for each in entry.values]
        assert len(set(keys)) == len(keys)
        assert judged_put([entry.said(str(place)) for place, entry in enumerate(request)]) == []


@given(st.dictionaries(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.integers(1, 60)))
def test_requests_are_full(counts: dict[str, int]) -> None:
    """Where no time comes twice, there are no more requests than the entries need, in whatever order values come."""
    values = [value(turn, alias, turn) for turn in range(60) for alias, count in counts.items() if turn < count]
    entries = sum(ceil(count / 10) for count in counts.values())
    assert len(list(pack(values))) == ceil(entries / 10)


def test_a_replaced_value_comes_in_a_later_request() -> None:
    """PI replaced a value: both are put, the newer one later; other properties are not held up by it."""
    requests = list(pack([value(1, "a"), value(2, "b"), value(3, "a"), value(4, "a", 1), value(5, "b", 1)]))
    assert [seqs(request) for request in requests] == [[1, 2, 5], [3, 4]]


def test_a_request_is_halved_down_to_one_value() -> None:
    """Entries first, then values; one value has no halves."""
    whole = [Entry("a", [value(1, "a"), value(2, "a", 1)]), Entry("b", [value(3, "b")]), Entry("c", [value(4, "c")])]
    assert [seqs(half) for half in halves(whole)] == [[1, 2], [3, 4]]
    assert [seqs(half) for half in halves(whole[:1])] == [[1], [2]]
    assert halves(whole[1:2]) == []
