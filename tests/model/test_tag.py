from msgspec.structs import replace

from context.plants import POINT
from pibridge.model.tag import Mode


def test_a_tag_is_one_mode_of_one_path() -> None:
    """Across restarts, streams, new WebIDs and PI's own spelling it stays who it is."""
    again = replace(POINT, path=POINT.path.lower(), web_id="I1DPnew", stream="other", unit="Pa")
    assert again.key == POINT.key
    assert replace(POINT, mode=Mode.RECORDED).key != POINT.key
    assert replace(POINT, path=POINT.path + "2").key != POINT.key
