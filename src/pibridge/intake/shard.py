"""Which core of a fleet reads what: rendezvous hashing, a function of names alone. Pure."""

from hashlib import blake2b
from typing import Final

from pibridge.intake.settings import ShardSettings
from pibridge.model.tag import Tag
from pibridge.pi.select_settings import EventFrames
from pibridge.pi.webid import identity

_WEIGHT_BYTES: Final = 8


def owner(name: str, of: int) -> int:
    """Give which of so many shards has this name: the one that weighs most with it.

    Another shard more takes about its share of the names from all others, and no name goes elsewhere.
    """
    return max(range(of), key=lambda index: _weight(index, name))


def has_tag(shard: ShardSettings | None, tag: Tag) -> bool:
    """Tell whether the shard reads this tag: by the WebID in its IDOnly form, which all cores see alike."""
    return shard is None or _has(shard, identity(tag.web_id))


def has_frames(shard: ShardSettings | None, stream: str, frames: EventFrames) -> bool:
    """Tell whether the shard reads this stream of event frames: by its name and database, known without PI."""
    return shard is None or _has(shard, f"{stream}:{frames.database.upper()}")


def _has(shard: ShardSettings, name: str) -> bool:
    """Tell whether the shard is the owner: few weights tell that it is not."""
    own = _weight(shard.index, name)
    return all(_weight(index, name) <= own for index in range(shard.of))


def _weight(index: int, name: str) -> tuple[bytes, int]:
    return blake2b(f"{index}:{name}".encode(), digest_size=_WEIGHT_BYTES).digest(), index
