import asyncio

import pytest

from greengrass.nucleus import TestNucleus
from pibridge.greengrass.component import component_of
from pibridge.greengrass.line import FAILURES, Line
from waiting import eventually


async def test_a_line_is_up_until_one_side_ends_it(nucleus: TestNucleus) -> None:
    """The end is noticed without a request, whoever hangs up."""
    ours, theirs = (Line(component_of("cloud", nucleus.environment)) for _ in range(2))
    for line in (ours, theirs):
        await asyncio.wrap_future(line.connect())
        assert line.is_up
    ours.close()
    assert not ours.is_up
    assert theirs.is_up
    await nucleus.stop()
    await eventually(lambda: not theirs.is_up)


async def test_a_line_to_nobody_fails(nucleus: TestNucleus) -> None:
    """Where nobody listens it fails with what callers expect."""
    await nucleus.stop()
    line = Line(component_of("cloud", nucleus.environment))
    with pytest.raises(FAILURES):
        await asyncio.wrap_future(line.connect())
    line.close()
