from pibridge.status.counters import Counters


def test_counters_of_a_name_are_made_once() -> None:
    """Whoever asks for the counters of a stream or sink gets the same ones, so nothing is counted into the void."""
    counters = Counters()
    counters.stream("reactors").read += 5
    counters.sink("lake").withheld["quality"] += 2
    assert counters.stream("reactors").read == 5
    assert counters.sink("lake").withheld == {"quality": 2}
    assert list(counters.streams) == ["reactors"]
    assert list(counters.sinks) == ["lake"]
