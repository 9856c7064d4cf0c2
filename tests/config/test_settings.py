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
