from config.trees import small
from pibridge.config.load import configuration
from pibridge.context.settings import FilterSettings


def test_each_sink_has_the_default_filter_but_for_its_own_keys() -> None:
    """Keys of the sink win, the others come from `filter`."""
    tree = small(
        filter={"quality": ["good"], "streams": ["live"]},
        sinks={
            "plain": {"type": "file", "path": "a"},
            "own": {"type": "file", "path": "b", "filter": {"quality": ["bad", "good"]}},
            "all": {"type": "file", "path": "c", "filter": {"quality": None, "streams": None}},
        },
    )
    filters = configuration(tree, {}).sink_filters()
    everything = FilterSettings()
    assert (filters["plain"].quality, filters["plain"].streams) == (frozenset({"good"}), frozenset({"live"}))
    assert (filters["own"].quality, filters["own"].streams) == (frozenset({"good", "bad"}), frozenset({"live"}))
    assert (filters["all"].quality, filters["all"].streams) == (everything.quality, everything.streams)


def test_the_key_of_a_filter_is_where_it_is_written() -> None:
    """At the sink, or else the default."""
    tree = small(filter={"quality": ["good"], "batch": "running"})
    tree["sinks"]["local"]["filter"] = {"quality": None}
    made = configuration(tree, {})
    assert made.filter_key("local", "quality") == "sinks.local.filter.quality"
    assert made.filter_key("local", "batch") == "filter.batch"
