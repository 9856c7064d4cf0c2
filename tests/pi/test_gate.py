import asyncio
from collections.abc import Hashable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from pibridge.errors import UnauthorizedError, UnavailableError
from pibridge.pi.auth import Credentials
from pibridge.pi.gate import Gate


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others run."""
        self.now += seconds
        await asyncio.sleep(0)


class Account:
    """Credentials that change at a time."""

    identity = "pi"

    def __init__(self, time: Time) -> None:
        self.changes_at = float("inf")
        self.refusal: UnauthorizedError | None = None
        self.given = 0
        self.told: list[int] = []
        self.has_others = False
        self._time = time

    def fingerprint(self) -> Hashable:
        """Give what stands for the secret."""
        return "old" if self._time.now < self.changes_at else "new"

    async def credentials(self) -> Credentials:
        """Give headers that never come twice; a refusal before, if there is one to give."""
        if self.refusal is not None:
            raise self.refusal
        self.given += 1
        number = self.given

        def refused() -> bool:
            self.told.append(number)
            return self.has_others

        return Credentials({"Authorization": str(number)}, refused=refused)


@pytest.fixture
def time() -> Time:
    """Give a clock at zero."""
    return Time()


@pytest.fixture
def account(time: Time) -> Account:
    """Give credentials."""
    return Account(time)


@pytest.fixture
def gate(time: Time, account: Account) -> Gate:
    """Give an open gate."""
    return Gate(account, "pi.example.com", monotonic=time, sleep=time.sleep)


async def ask(gate: Gate, status: int = 200) -> None:
    """Make a request that PI answers with this status."""

    async def answer(_: Credentials) -> None:
        if status in {401, 403}:
            raise UnauthorizedError("no", status=status)
        if status != 200:
            raise UnavailableError("later")

    await gate.admit(answer)


async def refuse(gate: Gate, status: int = 401) -> None:
    """Make a request that PI refuses."""
    with pytest.raises(UnauthorizedError):
        await ask(gate, status)


async def test_tries_become_rare(gate: Gate, time: Time) -> None:
    """After each refusal the next try is later: 5 s, doubling up to 5 minutes."""
    tried = []
    for _ in range(9):
        await refuse(gate)
        tried.append(time.now)
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


async def test_a_success_opens_the_gate(gate: Gate, time: Time) -> None:
    """After a success all pass, and the delays start anew."""
    await refuse(gate)
    await refuse(gate)
    await ask(gate)
    assert gate.is_open
    reopened = time.now
    await ask(gate)
    assert time.now == reopened
    await refuse(gate)
    await ask(gate)
    assert time.now == reopened + 5


async def test_one_probes_for_all(gate: Gate, time: Time) -> None:
    """While the gate is closed one request goes, and the others wait for what it finds out."""
    await refuse(gate)
    going = 0
    most = 0
    order: list[float] = []

    async def slow(_: Credentials) -> None:
        nonlocal going, most
        if not gate.is_open:
            going += 1
            most = max(most, going)
            for _turn in range(20):
                await asyncio.sleep(0)
            going -= 1
        order.append(time.now)

    await asyncio.gather(*(gate.admit(slow) for _ in range(10)))
    assert most == 1
    assert len(order) == 10


async def test_refusals_of_one_moment_count_once(gate: Gate, time: Time) -> None:
    """Requests that were under way when the first was refused do not make the wait longer, nor open the gate."""

    async def late_refusal(_: Credentials) -> None:
        await refuse(gate)
        raise UnauthorizedError("no", status=401)

    async def late_answer(_: Credentials) -> None:
        with pytest.raises(UnauthorizedError):
            await gate.admit(late_refusal)

    await gate.admit(late_answer)
    assert not gate.is_open
    await ask(gate)
    assert time.now == 5


async def test_a_changed_secret_is_tried_at_once(gate: Gate, account: Account, time: Time) -> None:
    """Who waits looks every second whether the secret has changed, and then goes."""
    for _ in range(8):
        await refuse(gate)
    account.changes_at = time.now + 2.5
    await ask(gate)
    assert gate.is_open
    assert time.now == account.changes_at + 0.5


async def test_headers_that_differ_are_no_other_secret(gate: Gate, account: Account, time: Time) -> None:
    """Credentials made anew for each request, tickets for one, do not shorten the wait."""
    await refuse(gate)
    await ask(gate)
    assert time.now == 5
    assert account.given == 2


async def test_credentials_that_can_be_had_anew_are_tried_once_more(gate: Gate, account: Account, time: Time) -> None:
    """A 401 for an old token is answered with a new one at once; a second 401 is a refusal."""
    account.has_others = True
    sent: list[str] = []

    async def until_new(credentials: Credentials) -> str:
        sent.append(credentials.headers["Authorization"])
        if len(sent) == 1:
            raise UnauthorizedError("no", status=401)
        return "in"

    assert await gate.admit(until_new) == "in"
    assert gate.is_open
    assert (sent, account.told, time.now) == (["1", "2"], [1], 0)
    await refuse(gate)
    assert not gate.is_open
    assert account.given == 4


async def test_forbidden_is_no_reason_for_other_credentials(gate: Gate, account: Account) -> None:
    """PI knows who we are when it answers 403: nothing is fetched anew."""
    account.has_others = True
    await refuse(gate, 403)
    assert (account.given, account.told) == (1, [])


async def test_who_gives_no_credentials_is_asked_slowly_too(gate: Gate, account: Account, time: Time) -> None:
    """When the identity server or the domain refuses us, tries become rare, and a changed secret is tried at once."""
    account.refusal = UnauthorizedError("invalid_client", status=401)
    await refuse(gate)
    await refuse(gate)
    assert time.now == 5
    account.changes_at = time.now + 2
    account.refusal = None
    await ask(gate)
    assert time.now == account.changes_at
    assert gate.is_open


async def test_an_operator_opens_the_gate(gate: Gate, time: Time) -> None:
    """try_now lets the next request go at once, and the delays start anew."""
    for _ in range(8):
        await refuse(gate)
    gate.try_now()
    at = time.now
    await refuse(gate)
    assert time.now == at
    await refuse(gate)
    assert time.now == at + 5


async def test_one_forbidden_resource_stops_nobody(gate: Gate) -> None:
    """A 403 after a success is about one resource."""
    await ask(gate)
    await refuse(gate, 403)
    assert gate.is_open


async def test_forbidden_from_the_start_is_a_refusal(gate: Gate, time: Time) -> None:
    """A 403 before anything succeeded closes the gate like a 401."""
    await refuse(gate, 403)
    assert not gate.is_open
    await ask(gate)
    assert time.now == 5


async def test_a_probe_without_an_answer_hands_over(gate: Gate) -> None:
    """A probe that fails for other reasons leaves the gate as it is, and the next one probes."""
    await refuse(gate)
    with pytest.raises(UnavailableError):
        await ask(gate, 503)
    assert not gate.is_open
    await ask(gate)
    assert gate.is_open


async def test_a_cancelled_probe_hands_over(gate: Gate) -> None:
    """A probe that is cancelled does not keep the gate closed."""
    await refuse(gate)
    entered = asyncio.Event()

    async def hang(_: Credentials) -> None:
        entered.set()
        await asyncio.Event().wait()

    probe = asyncio.create_task(gate.admit(hang))
    await entered.wait()
    probe.cancel()
    await asyncio.wait({probe})
    await ask(gate)
    assert gate.is_open


async def test_a_refusal_is_one_line(gate: Gate) -> None:
    """It is logged once, however often it comes, with who, where and when it is tried again, and without secrets."""
    with capture_logs() as logs:
        await refuse(gate)
        await refuse(gate)
        await ask(gate)
    refused, restored = logs
    assert (refused["event"], refused["user"], refused["host"]) == ("PI refuses our login", "pi", "pi.example.com")
    assert (refused["status"], refused["next_try_s"]) == (401, 5)
    assert restored["event"] == "PI takes our login again"
    assert "old" not in str(logs)
