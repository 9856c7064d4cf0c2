import pytest
from structlog.testing import capture_logs

from pibridge.errors import UnavailableError
from pibridge.model.settings import Secret
from pibridge.status.door import SESSION_S, Door, ShutError
from pibridge.status.settings import StatusSettings

TOKEN = "a-token-of-the-plant"
HOME = StatusSettings()


class Clock:
    """Unix time, set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        """Give it."""
        return self.now_s


def locked(clock: Clock, token: str = TOKEN) -> Door:
    """Give a door to a page that other machines reach."""
    return Door(StatusSettings(listen="0.0.0.0:8321", token=Secret.of(token)), clock)


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:1", "[::1]:8321", "127.1.2.3"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    """With any port, for a tunnel may have another one."""
    assert Door(HOME, Clock()).knows(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "10.0.0.5", "", "[::1", "localhost.evil.example"],
)
def test_a_foreign_name_is_not_known(host: str) -> None:
    """A page whose name was turned to the loopback cannot read this one; behind a token names do not matter."""
    assert not Door(HOME, Clock()).knows(host)
    assert locked(Clock()).knows("pi-edge.plant.example:8321")


def test_without_a_token_everybody_comes_in() -> None:
    """On the loopback nothing is asked for, and there is nothing to sign in to."""
    door = Door(HOME, Clock())
    door.admit("", "", "127.0.0.1")
    with pytest.raises(ShutError):
        door.sign_in(TOKEN, "127.0.0.1")


def test_the_token_opens() -> None:
    """As a bearer token, or by the cookie that it was exchanged for; nothing else does."""
    door = locked(Clock())
    door.admit(f"Bearer {TOKEN}", "", "10.0.0.5")
    door.admit(f"bearer  {TOKEN} ", "", "10.0.0.5")
    cookie = door.sign_in(TOKEN, "10.0.0.5")
    assert TOKEN not in cookie
    door.admit("", cookie, "10.0.0.9")
    for authorization, held in [
        ("", ""),
        (f"Basic {TOKEN}", ""),
        ("", TOKEN),
        ("", f"{cookie}0"),
        ("", "9999999999.x"),
        ("Bearer \udcff", "\udcff.\udcff"),
    ]:
        with pytest.raises(ShutError):
            door.admit(authorization, held, "10.0.0.5")


def test_a_cookie_does_not_last() -> None:
    """It ends after half a day, when the token changes, and with the process."""
    clock, written = Clock(), [TOKEN]
    door = Door(StatusSettings(listen="0.0.0.0:1", token=Secret(lambda: written[0])), clock)
    cookie = door.sign_in(TOKEN, "10.0.0.5")
    with pytest.raises(ShutError):
        locked(clock).admit("", cookie, "10.0.0.5")
    written[0] = "another-token-of-the-plant"
    with pytest.raises(ShutError):
        door.admit("", cookie, "10.0.0.5")
    written[0] = TOKEN
    door.admit("", cookie, "10.0.0.5")
    clock.now_s += SESSION_S
    with pytest.raises(ShutError):
        door.admit("", cookie, "10.0.0.5")


def test_a_cookie_cannot_be_made_longer() -> None:
    """What it says of its end is sealed."""
    door = locked(Clock())
    expires, _, seal = door.sign_in(TOKEN, "10.0.0.5").partition(".")
    with pytest.raises(ShutError):
        door.admit("", f"{int(expires) + 1}.{seal}", "10.0.0.5")


def test_guessing_is_slow() -> None:
    """After a few wrong tokens even the right one has to wait, from that address; it is logged, without the token."""
    clock = Clock()
    door = locked(clock)
    with capture_logs() as lines:
        for _ in range(4):
            with pytest.raises(ShutError):
                door.admit("Bearer wrong-and-long-enough", "", "10.0.0.66")
    assert [line["peer"] for line in lines] == ["10.0.0.66"]
    assert "wrong-and-long-enough" not in str(lines)
    with pytest.raises(ShutError) as shut:
        door.sign_in(TOKEN, "10.0.0.66")
    assert shut.value.wait_s == 1.0
    door.admit(f"Bearer {TOKEN}", "", "10.0.0.5")
    clock.now_s += 1
    door.sign_in(TOKEN, "10.0.0.66")


def test_a_token_that_cannot_be_read_lets_nobody_in() -> None:
    """The file may be gone: that is an error of its own."""
    there = [True]

    def read() -> str:
        if there[0]:
            return TOKEN
        raise UnavailableError("the file is gone")

    door = Door(StatusSettings(listen="0.0.0.0:1", token=Secret(read)), Clock())
    there[0] = False
    with pytest.raises(UnavailableError):
        door.admit(f"Bearer {TOKEN}", "", "10.0.0.5")
