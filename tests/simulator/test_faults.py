import pytest

from pibridge.simulator.faults import FaultError, Faults, Kind, parse


class Stopwatch:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def watch() -> Stopwatch:
    """Give a clock that stands still."""
    return Stopwatch()


@pytest.fixture
def faults(watch: Stopwatch) -> Faults:
    """Give no faults yet."""
    return Faults(watch)


def test_the_grammar() -> None:
    """A fault is a kind, a value, and what limits it."""
    fault = parse(r"status=503@path=/recorded, method=get,count=3,after=250ms,for=5m,every=1h", 1, 0.0)
    assert (fault.kind, fault.number_value) == (Kind.STATUS, 503)
    assert (fault.path, fault.method) == ("/recorded", "get")
    assert parse("nan@tag=R1", 1, 0.0).tag == "R1"
    assert (fault.left, fault.after_s, fault.for_s, fault.every_s) == (3, 0.25, 300, 3600)


@pytest.mark.parametrize(
    "text",
    [
        "drop-chanel",
        "status",
        "status=often",
        "drop-channel=gently",
        "password",
        "reset@paths=x",
        "reset@path",
        "reset@count=few",
        "reset@after=soon",
        "reset@every=10s",
        "drop-channel@every=0s",
        "nan=strange",
        "nan@path=/value",
        "drop-channel@tag=R1",
        "password=x@path=/",
        "",
    ],
)
def test_a_fault_that_cannot_be_understood_names_itself(text: str) -> None:
    """The error repeats the text, so that one of many is found."""
    with pytest.raises(FaultError, match="^" + repr(text)):
        parse(text, 1, 0.0)


def test_a_state_lasts_until_it_is_removed(faults: Faults, watch: Stopwatch) -> None:
    """Without times a fault of requests meets every request; its acts are counted."""
    fault = faults.add("html")
    watch.now += 9999
    assert faults.request("GET", "/x") is fault
    assert fault.acted == 1
    assert faults.remove(fault.number)
    assert not faults.remove(fault.number)
    assert faults.request("GET", "/x") is None


def test_windows(faults: Faults, watch: Stopwatch) -> None:
    """`after` waits, `for` ends, `every` begins again."""
    faults.add("reset@after=10s,for=5s,every=20s")
    hits = []
    for second in range(60):
        watch.now = 1000.0 + second
        if faults.request("GET", "/"):
            hits.append(second)
    assert hits == [10, 11, 12, 13, 14, 30, 31, 32, 33, 34, 50, 51, 52, 53, 54]


def test_moments(faults: Faults, watch: Stopwatch) -> None:
    """A drop strikes at its instants, whatever the looks between them."""
    faults.add("drop-channel@after=10s,every=30s")
    struck = []
    since = watch.now
    for second in range(1, 100):
        watch.now = 1000.0 + second
        if faults.channel(Kind.DROP_CHANNEL, since, ""):
            struck.append(second)
        since = watch.now
    assert struck == [10, 40, 70]


def test_a_moment_strikes_what_was_there_only(faults: Faults, watch: Stopwatch) -> None:
    """A channel opened after the instant lives; with `for` it is struck too."""
    faults.add("drop-channel")
    assert faults.channel(Kind.DROP_CHANNEL, watch.now, "") is None
    assert faults.channel(Kind.DROP_CHANNEL, watch.now - 1, "") is not None
    faults.clear()
    faults.add("drop-channel@for=10s")
    assert faults.channel(Kind.DROP_CHANNEL, watch.now, "") is not None


def test_counts_and_matches(faults: Faults) -> None:
    """A fault acts so many times, and only on what it speaks of."""
    faults.add("status=429@path=/recorded,count=2,method=GET")
    assert faults.request("GET", "/piwebapi/streams/x/value") is None
    assert faults.request("POST", "/piwebapi/streams/x/recorded") is None
    assert [faults.request("GET", "/x/Recorded?a=b") is not None for _ in range(3)] == [True, True, False]


def test_a_new_password(faults: Faults) -> None:
    """It holds while the fault lasts."""
    assert faults.password() is None
    faults.add("password=new")
    assert faults.password() == "new"


def test_values_go_wrong(faults: Faults) -> None:
    """An error in place of a value, NaN in place of a number, booleans as texts; other tags are untouched."""
    item = {"Value": 1.0, "Good": True}
    faults.add("value-error@tag=Level")
    (wrong,) = faults.values(r"\\PISRV1\R1.Level", [item])
    assert (wrong["Value"], wrong["Good"]) == (None, False)
    assert wrong["Errors"][0]["Message"]
    assert faults.values("other", [item]) == [item]
    faults.clear()
    faults.add("nan")
    faults.add("text-booleans")
    assert faults.values("x", [item, {"Value": "text"}]) == [{"Value": "NaN", "Good": "true"}, {"Value": "text"}]


def test_a_bare_nan_is_no_json(faults: Faults) -> None:
    """It is written without quotes."""
    faults.add("nan=bare")
    (item,) = faults.values("x", [{"Value": 2}])
    assert faults.written(f'{{"Value":"{item["Value"]}"}}'.encode()) == b'{"Value":NaN}'


def test_a_stream_that_fails(faults: Faults) -> None:
    """A stream of a set fails as a whole."""
    faults.add("stream-error@tag=R2")
    assert faults.stream_error(r"\\PISRV1\R2.Level")
    assert not faults.stream_error(r"\\PISRV1\R1.Level")


def test_faults_are_listed_in_order(faults: Faults) -> None:
    """Numbers grow."""
    added = [faults.add("html"), faults.add("reset")]
    assert faults.listed() == added
    assert added[0].number < added[1].number


def test_signups_are_struck_by_tag(faults: Faults, watch: Stopwatch) -> None:
    """A moment strikes the tags it speaks of, and those only that were signed up before it."""
    faults.add("signup-removed@tag=Level,after=1s")
    since, watch.now = watch.now, watch.now + 2
    assert faults.on_tag(Kind.SIGNUP_REMOVED, since, r"\\PISRV1\R1.State") is None
    assert faults.on_tag(Kind.SIGNUP_UPDATED, since, r"\\PISRV1\R1.Level") is None
    assert faults.on_tag(Kind.SIGNUP_REMOVED, since, r"\\PISRV1\R1.Level") is not None
    assert faults.on_tag(Kind.SIGNUP_REMOVED, watch.now, r"\\PISRV1\R1.Level") is None
