"""WebID 2.0: the names that PI Web API gives to its objects, encoded and decoded."""

import base64
import binascii
import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID


class WebIdType(StrEnum):
    """Which parts of an object's identity a WebID carries."""

    FULL = "Full"
    ID_ONLY = "IDOnly"
    PATH_ONLY = "PathOnly"
    LOCAL_ID_ONLY = "LocalIDOnly"
    DEFAULT_ID_ONLY = "DefaultIDOnly"


_LETTERS: Final = {
    WebIdType.FULL: "F",
    WebIdType.ID_ONLY: "I",
    WebIdType.PATH_ONLY: "P",
    WebIdType.LOCAL_ID_ONLY: "L",
    WebIdType.DEFAULT_ID_ONLY: "D",
}
_TYPES: Final = {letter: kind for kind, letter in _LETTERS.items()}
_SERVERLESS: Final = frozenset({WebIdType.LOCAL_ID_ONLY, WebIdType.DEFAULT_ID_ONLY})

POINT: Final = "DP"
DATA_SERVER: Final = "DS"
ASSET_SERVER: Final = "RS"
DATABASE: Final = "RD"
ELEMENT: Final = "Em"
ELEMENT_TEMPLATE: Final = "ET"
ATTRIBUTE: Final = "Ab"
EVENT_FRAME: Final = "Fm"
ENUMERATION_SET: Final = "MS"
ENUMERATION_VALUE: Final = "MV"

_SERVERS: Final = frozenset({DATA_SERVER, ASSET_SERVER})
_OWNED: Final = frozenset({"Ab", "AT", "MV", "XR", "TR"})
_WITH_OWNER_MARKER: Final = _OWNED | {"MS"}
_MARKERS: Final = _WITH_OWNER_MARKER | frozenset(
    {"DP", "DS", "RS", "RD", "Em", "ET", "Fm", "Xs", "XT", "EC", "AC", "XC", "BC", "Bl", "Ut", "UC", "SI", "SM"}
)
_GUID_CHARACTERS: Final = 22
_POINT_CHARACTERS: Final = 6
_HEAD_CHARACTERS: Final = 4


@dataclass(frozen=True)
class Identity:
    r"""Who an object is. `guids`: server, owner if it has one, object; a point has the server's only, and `point_id`.

    `owner`: the marker of the owner's kind (`E` element, `F` event frame, `R` asset server, `D` data server), empty if
    none. `path`: with its leading `\\`, in the letters of its maker.
    """

    marker: str
    guids: tuple[UUID, ...]
    path: str
    owner: str = ""
    point_id: int | None = None


@dataclass(frozen=True)
class Decoded:
    r"""What a WebID says. `guids` lack the server in Local and Default forms; `path`: upper case, without `\\`."""

    type: WebIdType
    marker: str
    owner: str
    guids: tuple[UUID, ...] = ()
    point_id: int | None = None
    path: str | None = None


@lru_cache(maxsize=8192)
def encode(identity: Identity, kind: WebIdType) -> str:
    """Give the WebID of that type."""
    parts = [_LETTERS[kind], "1", identity.marker, identity.owner]
    if kind is not WebIdType.PATH_ONLY:
        guids = identity.guids[1:] if kind in _SERVERLESS else identity.guids
        parts += [_text(guid.bytes_le) for guid in guids]
        if identity.point_id is not None:
            parts.append(_text(struct.pack("<i", identity.point_id)))
    if kind in (WebIdType.FULL, WebIdType.PATH_ONLY):
        parts.append(_text(identity.path.removeprefix("\\\\").upper().encode()))
    return "".join(parts)


def decode(text: str) -> Decoded:
    """Read a WebID of any type. ValueError if it is none."""
    kind = _TYPES.get(text[:1])
    marker = text[2:_HEAD_CHARACTERS]
    if kind is None or text[1:2] not in ("0", "1") or marker not in _MARKERS:
        raise ValueError("not a WebID")
    rest = text[_HEAD_CHARACTERS:]
    owner = ""
    if marker in _WITH_OWNER_MARKER:
        owner, rest = rest[:1], rest[1:]
    if kind is WebIdType.PATH_ONLY:
        return Decoded(kind, marker, owner, path=_path(rest))
    guids: list[UUID] = []
    for _ in range(_guid_count(marker) - (kind in _SERVERLESS)):
        guids.append(UUID(bytes_le=_bytes(rest[:_GUID_CHARACTERS])))
        rest = rest[_GUID_CHARACTERS:]
    point_id = None
    if marker == POINT:
        try:
            (point_id,) = struct.unpack("<i", _bytes(rest[:_POINT_CHARACTERS]))
        except struct.error as error:
            raise ValueError("not a WebID") from error
        rest = rest[_POINT_CHARACTERS:]
    if kind is not WebIdType.FULL and rest:
        raise ValueError("not a WebID")
    path = _path(rest) if kind is WebIdType.FULL else None
    return Decoded(kind, marker, owner, tuple(guids), point_id, path)


def _guid_count(marker: str) -> int:
    if marker in _SERVERS or marker == POINT:
        return 1
    return 3 if marker in _OWNED else 2


def _path(text: str) -> str:
    path = _bytes(text).decode()
    if not path:
        raise ValueError("a WebID without its path")
    return path


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not a WebID") from error
