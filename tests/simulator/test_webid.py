from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.simulator.webid import Identity, WebIdType, decode, encode

PATH = r"\\PISRV1\NuGreen\NuGreen\Houston|Reliability"


def test_points_by_id_match_the_vendors_own() -> None:
    """An IDOnly point is its server's GUID in .NET order and its number in little-endian order."""
    identity = Identity("DP", (UUID("8d4d1dad-f1d3-4311-ae94-d9a9b3a689a9"),), r"\\S\T", point_id=276)
    assert encode(identity, WebIdType.ID_ONLY) == "I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA"


@pytest.mark.parametrize(
    ("marker", "owner", "path", "text"),
    [
        ("DP", "", r"\\PISRV1\SINUSOID", "P1DPUElTUlYxXFNJTlVTT0lE"),
        ("DS", "", r"\\PISRV1", "P1DSUElTUlYx"),
        ("Ab", "E", PATH, "P1AbEUElTUlYxXE5VR1JFRU5cTlVHUkVFTlxIT1VTVE9OfFJFTElBQklMSVRZ"),
    ],
)
def test_paths_match_the_vendors_own(marker: str, owner: str, path: str, text: str) -> None:
    """A PathOnly id is the path in capitals without its first backslashes."""
    assert encode(Identity(marker, (), path, owner), WebIdType.PATH_ONLY) == text
    assert decode(text).path == path.upper().removeprefix("\\\\")


def test_full_ids_match_the_vendors_own() -> None:
    """A Full id carries GUID, number and path."""
    point = decode("F1DPFNOEozcPzkigMNOpd1XZegjQAAAASElTVE9SSUFOXEJBRTlDRjI0LUM4QjMtNDZDMC1BRDVELUE2NERGMjE3NEVEOQ")
    assert point.guids == (UUID("a384d314-0f37-48ce-a030-d3a97755d97a"),)
    assert (point.point_id, point.path) == (141, r"HISTORIAN\BAE9CF24-C8B3-46C0-AD5D-A64DF2174ED9")
    server = decode("F1DSFNOEozcPzkigMNOpd1XZegSElTVE9SSUFO")
    assert (server.marker, server.path) == ("DS", "HISTORIAN")


@given(
    st.sampled_from(["DP", "DS", "RS", "RD", "Em", "Ab", "MS"]),
    st.sampled_from(WebIdType),
    st.lists(st.uuids(), min_size=3, max_size=3),
    st.integers(-(2**31), 2**31 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_what_is_encoded_is_decoded(marker: str, kind: WebIdType, guids: list[UUID], number: int, name: str) -> None:
    """Every type carries the parts that it promises, and no other."""
    count = {"DP": 1, "DS": 1, "RS": 1, "Ab": 3}.get(marker, 2)
    owner = "E" if marker in ("Ab", "MS") else ""
    path = rf"\\S\{name}"
    identity = Identity(marker, tuple(guids[:count]), path, owner, number if marker == "DP" else None)
    found = decode(encode(identity, kind))
    serverless = kind in (WebIdType.LOCAL_ID_ONLY, WebIdType.DEFAULT_ID_ONLY)
    by_path_only = kind is WebIdType.PATH_ONLY
    assert (found.type, found.marker, found.owner) == (kind, marker, owner)
    assert found.guids == (() if by_path_only else identity.guids[1:] if serverless else identity.guids)
    assert found.point_id == (None if by_path_only else identity.point_id)
    assert found.path == (path[2:].upper() if by_path_only or kind is WebIdType.FULL else None)


@pytest.mark.parametrize("text", ["", "xyz", "I1DP", "I1DPAAAA", "F1Zz", "I1DSFNOEozcPzkigMNOpd1XZegAAAA", "P1DP*"])
def test_what_is_no_web_id_is_refused(text: str) -> None:
    """A text that is cut, too long or of unknown kind is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        decode(text)
