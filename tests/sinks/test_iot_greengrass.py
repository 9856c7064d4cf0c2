import re

import pytest

from greengrass.nucleus import listening
from pibridge.errors import ConfigurationError
from pibridge.sinks.iot_greengrass import build_iot_greengrass
from pibridge.sinks.settings import IotCoreSettings
from sinks.batches import ListedBatch, values
from sinks.greengrass_core import GreengrassCore, records_of


@pytest.mark.parametrize("lite", [True, False])
async def test_records_get_to_iot_core(
    lite: bool,  # noqa: FBT001 - two cases
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With the settings' defaults all records are accepted, and the check says what that does not mean."""
    async with listening(tmp_path_factory.mktemp("core"), lite=lite) as nucleus:
        core = GreengrassCore(nucleus, local=False)
        sink = core.sink()
        await sink.open()
        receipt = await sink.write(ListedBatch(values(1, 100)))
        assert not receipt.refused
        assert [record["seq"] for record in core.received()] == list(range(1, 101))
        found = await sink.probe()
        assert re.search("accepted, not delivered: .*lost with it$", found)
        assert ("keeps no queue" in found) == lite
        await sink.close()


@pytest.mark.parametrize("encoding", ["json.gz", "columns"])
async def test_messages_can_be_compressed(encoding: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compressed, or as columns, the same records need far fewer messages."""
    async with listening(tmp_path_factory.mktemp("core")) as nucleus:
        settings = IotCoreSettings(type="iot_core", topic="pi/{site}", encoding=encoding)
        sink = build_iot_greengrass("cloud", settings, "houston", nucleus.environment)
        await sink.write(ListedBatch(values(1, 200)))
        assert len(records_of(nucleus.iot_core)) == 200
        assert len(nucleus.iot_core) < 3
        await sink.close()


async def test_messages_over_lite_are_billed_as_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    """IoT Core counts each 5 KB of topic and payload, and lite takes less than two of these: so messages hold one."""
    async with listening(tmp_path_factory.mktemp("core")) as nucleus:
        sink = GreengrassCore(nucleus, local=False).sink()
        await sink.write(ListedBatch(values(1, 200)))
        sizes = [len(topic.encode()) + len(payload) for topic, payload in nucleus.iot_core]
        assert len(records_of(nucleus.iot_core)) == 200
        assert max(sizes) <= 5120
        assert min(sizes[:-1]) > 4000
        await sink.close()


def test_it_needs_a_component() -> None:
    """Outside a component there is no such way, which is said before anything is sent."""
    with pytest.raises(ConfigurationError, match=r"^sinks\.cloud: works only inside a Greengrass component"):
        build_iot_greengrass("cloud", IotCoreSettings(type="iot_core"), "houston", {})
