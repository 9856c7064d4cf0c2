"""What holds for all tests."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import settings

from greengrass.nucleus import TestNucleus, listening

# Machines that build are slow at times; what is judged is the result.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are() -> Iterator[None]:
    """Undo what a test, or what it runs in this process, makes of the logs: others look at theirs."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def port() -> int:
    """Find a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number


@pytest.fixture(params=["lite", "classic"])
async def nucleus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestNucleus]:
    """Give a Greengrass nucleus of each kind, in a folder whose name is short enough for a socket."""
    async with listening(tmp_path_factory.mktemp("core"), lite=request.param == "lite") as nucleus:
        yield nucleus


@pytest.fixture
async def lite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestNucleus]:
    """Give a nucleus lite."""
    async with listening(tmp_path_factory.mktemp("core")) as nucleus:
        yield nucleus


@pytest.fixture
async def classic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestNucleus]:
    """Give a classic nucleus."""
    async with listening(tmp_path_factory.mktemp("core"), lite=False) as nucleus:
        yield nucleus
