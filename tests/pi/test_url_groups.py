from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from pibridge.pi.url_groups import URL_BYTES, URL_BYTES_BESIDE_TICKET, url_groups


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30)), st.integers(1, 10), st.integers(50, 300))
def test_nothing_is_lost_and_nothing_too_long(values: list[str], most: int, url_bytes: int) -> None:
    """Every value is in one group, in order; a group keeps both limits unless it is a single value."""
    groups = url_groups(values, "path", url_bytes, most=most)
    assert [value for group in groups for value in group] == list(dict.fromkeys(values))
    for group in groups:
        assert 1 <= len(group) <= most
        assert len(group) == 1 or sum(len(f"&path={quote(value, safe='')}") for value in group) <= url_bytes


def test_points_share_a_url() -> None:
    """Two hundred points in IDOnly form fit into one request; beside a Kerberos ticket a hundred do."""
    points = [f"I1DPrR1NjdPxEUOulNmps6aJqQ{n:06d}" for n in range(200)]
    assert len(url_groups(points, "webId", URL_BYTES)) == 1
    assert len(url_groups(points, "webId", URL_BYTES_BESIDE_TICKET)) == 2
