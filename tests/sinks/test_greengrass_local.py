import pytest

from greengrass.nucleus import listening
from pibridge.errors import ConfigurationError, UnavailableError
from pibridge.sinks import build
from pibridge.sinks.settings import GreengrassLocalSettings
from sinks.batches import ListedBatch, values
from sinks.greengrass_core import GreengrassCore


@pytest.mark.parametrize("lite", [True, False])
async def test_records_get_to_other_components(
    lite: bool,  # noqa: FBT001 - two cases
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """All records are accepted, also after an outage, and the check says what that does not mean."""
    async with listening(tmp_path_factory.mktemp("core"), lite=lite) as nucleus:
        core = GreengrassCore(nucleus, local=True)
        sink = core.sink()
        await sink.write(ListedBatch(values(1, 100)))
        await core.fail()
        with pytest.raises(UnavailableError):
            await sink.write(ListedBatch(values(101, 100)))
        await core.recover()
        await sink.write(ListedBatch(values(101, 100)))
        assert [record["seq"] for record in core.received()] == list(range(1, 201))
        assert "accepted, not delivered" in await sink.probe()
        await sink.close()


def test_it_needs_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a component there is nobody to publish to, which is said before anything is sent."""
    monkeypatch.delenv("SVCUID", raising=False)
    with pytest.raises(ConfigurationError, match=r"^sinks\.edge: works only inside a Greengrass component"):
        build("edge", GreengrassLocalSettings(type="greengrass_local", topic="x"), "houston")
