r"""WebIDs 2.0: how PI Web API names its objects. Pure text.

A WebID is `form version marker [owner] payload`: `I1DP…` is the IDOnly form of a point. GUIDs are base64 of 16 bytes
in .NET order (22 characters), a point's id is base64 of an int32 (6), a path is base64 of its upper-case text.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Final
from uuid import UUID

from msgspec import Struct

_VERSION: Final = "1"
_FORMS: Final = frozenset("FIPLD")
_GUID_CHARACTERS: Final = 22
_POINT_ID_CHARACTERS: Final = 6
_MARKER: Final = re.compile("[A-Za-z]{2}")
_OWNED: Final = frozenset({"Ab", "AT", "MS", "MV", "XR", "TR"})
_GUIDS: Final = {"DP": 1, "DS": 1, "RS": 1, "Ab": 3, "AT": 3, "XR": 3, "MV": 3, "TR": 3}
_GUIDS_OF_OTHERS: Final = 2


class WebId(Struct, frozen=True):
    r"""What a WebID says.

    `form`: F full, I ids only, P path only, L ids on the local server, D ids on the default server. `marker`: the kind
    of object, `DP` a point, `Ab` an attribute, `Em` an element. `owner`: of what kind its owner is, `E` an element;
    empty for kinds without. `guids`: server, owner, object, as many as the kind and form have. `path`: upper case, with
    `\\`.
    """

    form: str
    marker: str
    owner: str = ""
    guids: tuple[UUID, ...] = ()
    point_id: int | None = None
    path: str | None = None


def decode(text: str) -> WebId:
    """Take a WebID apart. ValueError: it is none, or of the old version 1.0."""
    form, marker, owner, start = _head(text)
    guids: list[UUID] = []
    point_id = None
    path = None
    if form != "P":
        count = _guid_count(form, marker, len(text) - start)
        for _ in range(count):
            guids.append(UUID(bytes_le=_bytes(text[start : start + _GUID_CHARACTERS], 16)))
            start += _GUID_CHARACTERS
        if marker == "DP":
            point_id = int.from_bytes(_bytes(text[start : start + _POINT_ID_CHARACTERS], 4), "little", signed=True)
            start += _POINT_ID_CHARACTERS
    if form in "FP":
        path = "\\\\" + _bytes(text[start:]).decode()
    elif start != len(text):
        raise ValueError(f"{text!r} is no WebID: it goes on after its ids")
    return WebId(form, marker, owner, tuple(guids), point_id, path)


def encode(web_id: WebId) -> str:
    """Put a WebID together."""
    parts = [web_id.form, _VERSION, web_id.marker, web_id.owner]
    parts += [_text(guid.bytes_le) for guid in web_id.guids]
    if web_id.point_id is not None:
        parts.append(_text(web_id.point_id.to_bytes(4, "little", signed=True)))
    if web_id.path is not None:
        parts.append(_text(_upper(web_id.path.removeprefix("\\\\")).encode()))
    return "".join(parts)


def id_only_point(server: UUID, point_id: int) -> str:
    """Give the IDOnly form of a point."""
    return encode(WebId("I", "DP", guids=(server,), point_id=point_id))


def path_only(marker: str, path: str, *, owner: str = "") -> str:
    r"""Give the PathOnly form: `path_only("DP", r"\\PISRV1\SINUSOID")`, `path_only("Ab", …, owner="E")`."""
    return encode(WebId("P", marker, owner, path=path))


def identity(text: str) -> str:
    """Give the same text for the same object, whether its WebID is Full or IDOnly: the IDOnly form.

    A WebID that holds no ids, or none that we understand, is its own identity.
    """
    try:
        form, marker, _, start = _head(text)
    except ValueError:
        return text
    if form != "F":
        return text
    end = start + _GUID_CHARACTERS * _GUIDS.get(marker, _GUIDS_OF_OTHERS)
    if marker == "DP":
        end += _POINT_ID_CHARACTERS
    return "I" + text[1:end] if end <= len(text) else text


def _head(text: str) -> tuple[str, str, str, int]:
    """Give form, marker, owner, and where the payload starts."""
    form, version, marker = text[:1], text[1:2], text[2:4]
    if form not in _FORMS or version != _VERSION or not _MARKER.fullmatch(marker):
        raise ValueError(f"{text!r} is no WebID 2.0")
    if marker not in _OWNED:
        return form, marker, "", 4
    if len(text) < 5:  # noqa: PLR2004 - form, version, marker, owner
        raise ValueError(f"{text!r} is no WebID: it ends before its owner")
    return form, marker, text[4], 5


def _guid_count(form: str, marker: str, characters: int) -> int:
    if form in "FI":
        return _GUIDS.get(marker, _GUIDS_OF_OTHERS)
    # How many ids the local and default forms keep is told by their length alone.
    return (characters - (_POINT_ID_CHARACTERS if marker == "DP" else 0)) // _GUID_CHARACTERS


def _bytes(text: str, length: int | None = None) -> bytes:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise ValueError(f"{text!r} is no part of a WebID") from error
    if length is not None and len(data) != length:
        raise ValueError(f"{text!r} is no part of a WebID: too short")
    return data


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _upper(text: str) -> str:
    # .NET maps one character to one character: `ß` stays, where Python writes `SS`.
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in text)
