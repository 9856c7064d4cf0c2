from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pibridge.pi.webid import WebId, decode, encode, id_only_point, identity, path_only

OWNERS = {"Ab": "EFRDX", "AT": "E", "MS": "RD", "MV": "RD", "XR": "X", "TR": "X"}
GUIDS = {"DP": 1, "DS": 1, "RS": 1, "Em": 2, "RD": 2, "Fm": 2, "MS": 2, "Ab": 3, "AT": 3, "MV": 3, "XR": 3, "TR": 3}
FULL_POINT = "F1DPFNOEozcPzkigMNOpd1XZegjQAAAASElTVE9SSUFOXEJBRTlDRjI0LUM4QjMtNDZDMC1BRDVELUE2NERGMjE3NEVEOQ"


@st.composite
def web_ids(draw: st.DrawFn) -> WebId:
    """Any WebID of the five forms and the common kinds."""
    form = draw(st.sampled_from("FIPLD"))
    marker = draw(st.sampled_from(sorted(GUIDS)))
    owner = draw(st.sampled_from(OWNERS[marker])) if marker in OWNERS else ""
    count = {"F": GUIDS[marker], "I": GUIDS[marker], "P": 0}.get(form, GUIDS[marker] - 1)
    guids = tuple(draw(st.lists(st.uuids(), min_size=count, max_size=count)))
    point_id = draw(st.integers(-(2**31), 2**31 - 1)) if marker == "DP" and form != "P" else None
    path = None
    if form in "FP":
        text = draw(st.text(st.characters(codec="utf-8", exclude_categories=["Ll", "Lo", "Lt", "Cs"]), min_size=1))
        path = "\\\\" + text.replace("\\", "/")
    return WebId(form, marker, owner, guids, point_id, path)


def test_the_id_of_a_point_is_read() -> None:
    """The IDOnly form of a recorded point holds its server and id."""
    assert decode("I1DPrR1NjdPxEUOulNmps6aJqQFAEAAA") == WebId(
        "I", "DP", guids=(UUID("8d4d1dad-f1d3-4311-ae94-d9a9b3a689a9"),), point_id=276
    )


def test_a_full_point_is_read() -> None:
    """The Full form of a recorded point holds server, id and path."""
    assert decode(FULL_POINT) == WebId(
        "F",
        "DP",
        guids=(UUID("a384d314-0f37-48ce-a030-d3a97755d97a"),),
        point_id=141,
        path=r"\\HISTORIAN\BAE9CF24-C8B3-46C0-AD5D-A64DF2174ED9",
    )


def test_a_full_data_server_is_read() -> None:
    """The Full form of a recorded data server holds its id and path."""
    assert decode("F1DSFNOEozcPzkigMNOpd1XZegSElTVE9SSUFO") == WebId(
        "F", "DS", guids=(UUID("a384d314-0f37-48ce-a030-d3a97755d97a"),), path=r"\\HISTORIAN"
    )


def test_an_attribute_names_its_owner() -> None:
    """The IDOnly form of an attribute holds server, element and attribute."""
    web_id = decode("I1AbEDqD5loBNH0erqeqJodtALAaqQoQHk26BGgMQAVXYR0Ag8rvbPp_xUEC80vMunHcq2g")
    assert (web_id.marker, web_id.owner, len(web_id.guids), web_id.path) == ("Ab", "E", 3, None)


@pytest.mark.parametrize(
    ("text", "marker", "owner", "path"),
    [
        ("P1DPUElTUlYxXFNJTlVTT0lE", "DP", "", r"\\PISRV1\SINUSOID"),
        ("P1DSUElTUlYx", "DS", "", r"\\PISRV1"),
        (
            "P1AbEUElTUlYxXE5VR1JFRU5cTlVHUkVFTlxIT1VTVE9OfFJFTElBQklMSVRZ",
            "Ab",
            "E",
            r"\\PISRV1\NuGreen\NuGreen\Houston|Reliability",
        ),
    ],
)
def test_paths_make_the_recorded_ids(text: str, marker: str, owner: str, path: str) -> None:
    """PathOnly ids are those that PI makes, in upper case."""
    assert path_only(marker, path, owner=owner) == text
    assert decode(text).path == path.upper()


def test_a_point_is_named_by_server_and_id() -> None:
    """The IDOnly form can be made from the server's GUID and the point's number."""
    server = UUID("a384d314-0f37-48ce-a030-d3a97755d97a")
    assert id_only_point(server, 141) == "I" + FULL_POINT[1:32]


def test_upper_case_keeps_the_length() -> None:
    """Letters without a single upper-case letter stay, as in .NET."""
    assert decode(path_only("DP", r"\\P\Maße")).path == r"\\P\MAßE"


@given(web_ids())
def test_what_is_encoded_is_decoded(web_id: WebId) -> None:
    """Decoding gives back any WebID that was encoded."""
    assert decode(encode(web_id)) == web_id


@given(web_ids())
def test_all_forms_with_ids_have_one_identity(web_id: WebId) -> None:
    """The identity of a Full id is the IDOnly form; other forms stand for themselves."""
    text = encode(web_id)
    if web_id.form == "F":
        expected = encode(WebId("I", web_id.marker, web_id.owner, web_id.guids, web_id.point_id))
        assert identity(text) == expected == identity(expected)
    else:
        assert identity(text) == text


@given(st.text())
def test_nonsense_is_its_own_identity_or_a_value_error(text: str) -> None:
    """Text that is no WebID never breaks anything but decoding, and that with ValueError."""
    assert identity(text) == text or text.startswith("F1")
    try:
        decode(text)
    except ValueError:
        return
    assert text[1] == "1"


@pytest.mark.parametrize("text", ["", "P0abc", "X1DPabc", "I1DPshort", "I1Ab", FULL_POINT[:20], "I" + FULL_POINT[1:]])
def test_what_is_no_web_id_is_refused(text: str) -> None:
    """Cut, old and foreign ids raise ValueError."""
    with pytest.raises(ValueError, match=r"WebID|codec"):
        decode(text)
