from config.trees import small
from pibridge.config.difference import Change, Difference, difference
from pibridge.config.load import configuration

NOTHING = Change(frozenset(), frozenset(), frozenset())
BASIC = {"method": "basic", "username": "u", "password": "${env:PW}"}


def test_the_same_text_is_no_difference() -> None:
    """Also with secrets, and when one of them was rotated."""
    old = configuration(small(pi__auth=BASIC), {"PW": "one"})
    new = configuration(small(pi__auth=BASIC), {"PW": "two"})
    assert difference(old, new) == Difference(NOTHING, NOTHING, frozenset())


def test_streams_and_sinks_by_name() -> None:
    """What came, what went, what has other settings."""
    points = {"select": {"points": [r"\\S\A"]}}
    old = small(streams={"a": points, "b": points}, sinks={"x": {"type": "file"}})
    new = small(streams={"b": {**points, "backfill": "1d"}, "c": points}, sinks={"y": {"type": "file"}})
    found = difference(configuration(old, {}), configuration(new, {}))
    assert found.streams == Change(frozenset({"c"}), frozenset({"a"}), frozenset({"b"}))
    assert found.sinks == Change(frozenset({"y"}), frozenset({"x"}), frozenset())
    assert found.other == frozenset()


def test_the_default_filter_changes_the_sinks_that_follow_it() -> None:
    """A sink with a key of its own is not touched by that key's default."""
    sinks = {
        "own": {"type": "file", "path": "a", "filter": {"quality": ["good"]}},
        "plain": {"type": "file", "path": "b"},
    }
    found = difference(
        configuration(small(sinks=sinks), {}), configuration(small(sinks=sinks, filter={"quality": ["bad"]}), {})
    )
    assert found.sinks == Change(frozenset(), frozenset(), frozenset({"plain"}))


def test_other_keys() -> None:
    """Whatever else changed is named by its top-level key."""
    old = configuration(small(pi__auth=BASIC), {"PW": "x"})
    new = configuration(small(pi__auth={**BASIC, "password": "other"}, log={"level": "debug"}), {})
    assert difference(old, new).other == frozenset({"pi", "log"})


def test_where_a_new_sink_begins_is_no_change_of_an_old_one() -> None:
    """`from` speaks of the first start only."""
    old, new = (configuration(small(sinks__local={"type": "file", "from": start}), {}) for start in ("now", "retained"))
    assert not difference(old, new).sinks


def test_what_is_neither_new_nor_changed_stays() -> None:
    """Names that came or have other settings are not among the unchanged."""
    change = Change(added=frozenset({"a"}), removed=frozenset({"b"}), changed=frozenset({"c"}))
    assert change.unchanged(["a", "c", "d"]) == {"d"}
    assert change
    assert not NOTHING
