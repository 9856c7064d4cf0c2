from collections.abc import Sequence

from pibridge.status.outlook import Outlook, Sample, outlook

MIB = 1 << 20


def samples(lags: Sequence[int], *, rate: int = 100, event_bytes: int = 20, open_: Sequence[int] = ()) -> list[Sample]:
    """Give a sample every two seconds: so many events behind, `rate` events a second journaled and kept."""
    gaps = open_ or [0] * len(lags)
    return [
        Sample(
            at_s=2.0 * place,
            read={"s": 2 * rate * place},
            recovered={},
            delivered={},
            lag={"lake": lag},
            lag_s={"lake": 0.0},
            newest_seq=2 * rate * place + 10_000,
            events=2 * rate * place + 10_000,
            bytes=(2 * rate * place + 10_000) * event_bytes + MIB,
            reserved_bytes=MIB,
            max_bytes=101 * MIB,
            gaps_open=owed,
            gaps_paid=gaps[0] - owed,
        )
        for place, (lag, owed) in enumerate(zip(lags, gaps, strict=True))
    ]


def test_too_few_samples_tell_nothing() -> None:
    """Better no number than a wild one."""
    assert outlook([], 0) == Outlook()
    assert outlook(samples([0, 5, 9]), 0) == Outlook()


def test_a_backlog_that_grows_fills_the_journal() -> None:
    """95 MiB at 20 bytes an event are 4,980,736 events; at 100 a second that takes 13 h 50 min."""
    found = outlook(samples([200 * place for place in range(20)]), 0)
    assert found.full_in_s is not None
    assert abs(found.full_in_s - (4_980_736 - 3_800) / 100) < 2
    assert found.read_per_s == 100
    assert found.catch_up_s == {}


def test_batches_that_are_gathered_do_not_fill_it() -> None:
    """A lag that goes up and down with every file says nothing of the future."""
    found = outlook(samples([place % 5 * 200 for place in range(20)]), 0)
    assert (found.full_in_s, found.catch_up_s) == (None, {})
    assert found.outage_s is not None
    assert abs(found.outage_s - 4_980_736 / 100) < 20


def test_a_backlog_that_shrinks_is_caught_up() -> None:
    """10,000 events at 500 a second."""
    found = outlook(samples([19_500 - 500 * place * 2 for place in range(10)]), 0)
    assert found.catch_up_s == {"lake": 21.0}
    assert found.full_in_s is None


def test_gaps_are_paid_at_a_rate() -> None:
    """Of 100 gaps 80 are left after 20 seconds: 20 % are paid, the rest takes 80 seconds."""
    found = outlook(samples([0] * 11, open_=[100 - 2 * place for place in range(11)]), 0)
    assert (found.gaps_paid_share, found.gaps_paid_in_s) == (0.2, 80.0)
    assert outlook(samples([0] * 11), 0).gaps_paid_share is None
