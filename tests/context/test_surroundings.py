from msgspec.structs import replace

from context.plants import POINT, TEMPERATURE, surroundings
from pibridge.context.settings import AssetMapping

RULE = {"assets": "Plant/Area1/*", "event_frames": {"database": r"\\AF1\Plant", "template": "Batch"}}


def test_events_wait_where_a_rule_speaks_for_their_asset() -> None:
    """For AF's assets and for mapped ones alike; a point without asset, or no hold at all, waits for nothing."""
    around = surroundings(AssetMapping(points="*SINUSOID", asset="Plant/Area1/R1/Pump"), batches={"unit": RULE})
    assert around.sources(TEMPERATURE) == around.sources(POINT) == {r"\\AF1\PLANT"}
    assert around.holds(TEMPERATURE)
    assert not around.holds(replace(POINT, path=r"\\PISRV1\OTHER"))
    assert not surroundings(batches={"unit": RULE}, hold="0s").holds(TEMPERATURE)
