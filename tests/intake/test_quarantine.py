from pibridge.intake.quarantine import Quarantine


def test_a_tag_is_tried_again_when_its_time_has_come() -> None:
    """After half a minute, with the others of its stream, and not twice while it is being tried."""
    quarantine = Quarantine()
    quarantine.put(1, "a", "404", now_s=100.0)
    quarantine.put(2, "a", "403", now_s=100.0)
    quarantine.put(3, "b", "404", now_s=110.0)
    assert quarantine.due(129.9) == {}
    assert quarantine.due(130.0) == {"a": [1, 2]}
    assert quarantine.due(140.0) == {"b": [3]}
    assert quarantine.due(10_000.0) == {}


def test_a_tag_that_stays_refused_is_tried_ever_more_seldom() -> None:
    """Each pause is twice the last, up to ten minutes."""
    quarantine = Quarantine()
    now_s, pauses = 0.0, []
    for _ in range(7):
        quarantine.put(1, "s", "404", now_s)
        before_s = now_s
        while not quarantine.due(now_s):
            now_s += 1.0
        pauses.append(now_s - before_s)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_only_news_is_worth_a_line() -> None:
    """The first refusal is news, the same one again is not, another reason is."""
    quarantine = Quarantine()
    assert quarantine.put(1, "s", "404", 0.0)
    assert not quarantine.put(1, "s", "404", 30.0)
    assert quarantine.put(1, "s", "403", 90.0)


def test_a_released_tag_is_forgotten() -> None:
    """Release says which tags were set aside; refused anew, such a tag begins with the shortest pause."""
    quarantine = Quarantine()
    quarantine.put(1, "s", "404", 0.0)
    quarantine.put(1, "s", "404", 30.0)
    assert 1 in quarantine
    assert quarantine.release([1, 2]) == [1]
    assert 1 not in quarantine
    assert quarantine.put(1, "s", "404", 100.0)
    assert quarantine.due(130.0) == {"s": [1]}


def test_each_stream_counts_its_own() -> None:
    """A tag counts from its refusal to its release, also while it is being tried."""
    quarantine = Quarantine()
    quarantine.put(1, "a", "404", 0.0)
    quarantine.put(2, "a", "404", 0.0)
    quarantine.put(3, "b", "404", 0.0)
    quarantine.due(1000.0)
    assert (quarantine.count("a"), quarantine.count("b"), quarantine.count("c")) == (2, 1, 0)
    quarantine.release([2])
    assert quarantine.count("a") == 1


def test_why_a_tag_is_set_aside_is_known() -> None:
    """Until it is released."""
    aside = Quarantine()
    aside.put(1, "s", "403", 0.0)
    found = aside.get(1)
    assert found is not None
    assert found.reason == "403"
    aside.release([1])
    assert aside.get(1) is None
