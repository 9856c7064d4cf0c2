from pibridge.status.guesses import FREE, LONGEST_S, Guesses


def test_a_few_wrong_tries_are_free() -> None:
    """Who mistypes does not wait."""
    guesses = Guesses()
    assert [guesses.wrong("10.0.0.1", 0.0) for _ in range(FREE - 1)] == [0.0] * (FREE - 1)
    assert guesses.wait_s("10.0.0.1", 0.0) == 0.0


def test_each_further_one_costs_twice_the_wait() -> None:
    """Up to a minute: a day gives fewer than two thousand tries."""
    guesses, now_s, waits = Guesses(), 0.0, []
    for _ in range(FREE + 9):
        guesses.wrong("10.0.0.1", now_s)
        waits.append(guesses.wait_s("10.0.0.1", now_s))
        now_s += waits[-1]
    assert waits[FREE - 1 :] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]
    assert guesses.wait_s("10.0.0.1", now_s) == 0.0
    assert waits[-1] == LONGEST_S


def test_others_do_not_wait() -> None:
    """Each address counts by itself; of IPv6 a network counts as one, for its owner has all its addresses."""
    guesses = Guesses()
    for _ in range(FREE + 1):
        guesses.wrong("2001:db8::1", 0.0)
    assert guesses.wait_s("2001:db8::2", 0.0) > 0
    assert guesses.wait_s("2001:db8:0:1::1", 0.0) == 0
    assert guesses.wait_s("10.0.0.1", 0.0) == 0


def test_the_right_token_makes_good() -> None:
    """After it tries are free again; after a quarter of an hour without a try, too."""
    guesses = Guesses()
    for _ in range(FREE):
        guesses.wrong("10.0.0.1", 0.0)
    guesses.right("10.0.0.1")
    assert guesses.wrong("10.0.0.1", 0.0) == 0
    for _ in range(FREE):
        guesses.wrong("10.0.0.2", 0.0)
    assert guesses.wrong("10.0.0.2", 1000.0) == 0


def test_many_addresses_take_no_memory() -> None:
    """Only the last thousand are known."""
    guesses = Guesses()
    for _ in range(FREE):
        guesses.wrong("first", 0.0)
    for number in range(1000):
        guesses.wrong(f"peer {number}", 0.0)
    assert guesses.wait_s("first", 0.0) == 0
