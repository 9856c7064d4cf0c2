"""A nucleus of each kind."""

from collections.abc import AsyncIterator

import pytest

from greengrass.nucleus import TestNucleus, listening


@pytest.fixture(params=["lite", "classic"])
async def nucleus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestNucleus]:
    """Give a nucleus that listens, in a folder whose name is short enough for a socket."""
    async with listening(tmp_path_factory.mktemp("core"), lite=request.param == "lite") as nucleus:
        yield nucleus


@pytest.fixture
async def lite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestNucleus]:
    """Give a nucleus lite that listens."""
    async with listening(tmp_path_factory.mktemp("core")) as nucleus:
        yield nucleus
