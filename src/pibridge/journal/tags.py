"""What the numbers in events mean: descriptions of tags, and since which position each is valid."""

from collections.abc import Iterable, Sequence
from typing import Final

import apsw
from msgspec import Struct, msgpack

from pibridge.model.tag import Tag

_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(Tag).decode


class Description(Struct, frozen=True):
    """One version of a tag, valid from position `since` on."""

    number: int
    since: int
    tag: Tag


class TagBook:
    """All descriptions, in memory. Numbers start at 1 and have no holes."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._latest: list[Tag] = []
        self._since: list[int] = []
        self._earlier: dict[int, list[Description]] = {}

    def __len__(self) -> int:
        return len(self._latest)

    def number(self, key: str) -> int | None:
        """Give the number of the tag with this key."""
        return self._numbers.get(key)

    def tag(self, number: int, seq: int) -> Tag:
        """Give the description that is valid at position `seq`. KeyError: no such tag."""
        if not 1 <= number <= len(self._latest):
            raise KeyError(number)
        if seq < self._since[number - 1] and number in self._earlier:
            earlier = self._earlier[number]
            valid = [item.tag for item in earlier if item.since <= seq]
            return valid[-1] if valid else earlier[0].tag
        return self._latest[number - 1]

    def latest(self, number: int) -> Tag | None:
        """Give the newest description."""
        return self._latest[number - 1] if 1 <= number <= len(self._latest) else None

    def all_latest(self) -> list[Tag]:
        """Give the newest description of each tag: number n at place n - 1. A list of its own."""
        return self._latest.copy()

    def add(self, description: Description) -> None:
        """Take a version in; of one tag they come in order, new tags in order of their numbers."""
        index = description.number - 1
        if index == len(self._latest):
            self._numbers[description.tag.key] = description.number
            self._latest.append(description.tag)
            self._since.append(description.since)
            return
        earlier = self._earlier.setdefault(description.number, [])
        earlier.append(Description(description.number, self._since[index], self._latest[index]))
        self._latest[index] = description.tag
        self._since[index] = description.since

    def changes(self, tags: Iterable[Tag]) -> tuple[list[int], list[tuple[int, Tag]]]:
        """Give the number of each tag, and the (number, description) pairs that are new or not as known."""
        numbers: list[int] = []
        changed: dict[int, Tag] = {}
        new: dict[str, int] = {}
        for tag in tags:
            key = tag.key
            number = self._numbers.get(key) or new.get(key)
            if number is None:
                number = new[key] = len(self._latest) + len(new) + 1
                changed[number] = tag
            elif changed.get(number, self.latest(number)) != tag:
                changed[number] = tag
            numbers.append(number)
        return numbers, list(changed.items())


def insert(db: apsw.Connection, descriptions: Sequence[Description]) -> None:
    """Store versions. One that replaces another of the same position wins."""
    db.executemany(
        "INSERT OR REPLACE INTO tag (number, since, description) VALUES (?, ?, ?)",
        ((item.number, item.since, _encode(item.tag)) for item in descriptions),
    )


def load(db: apsw.Connection) -> TagBook:
    """Read all descriptions."""
    book = TagBook()
    for number, since, description in db.execute("SELECT number, since, description FROM tag ORDER BY number, since"):
        book.add(Description(number, since, _decode(description)))
    return book


def version(db: apsw.Connection) -> tuple[int, int]:
    """Give how many descriptions there are, and since when the last one is valid."""
    row = db.execute("SELECT count(*), max(since) FROM tag").fetchone()
    return (int(row[0]), int(row[1] or 0)) if row else (0, 0)


def join(db: apsw.Connection, numbers: Sequence[int], ticks: int) -> None:
    """Note since when tags are owed; the earliest time counts."""
    db.executemany(
        """INSERT INTO joined (tag, ticks) VALUES (?, ?)
           ON CONFLICT (tag) DO UPDATE SET ticks = min(ticks, excluded.ticks)""",
        ((number, ticks) for number in numbers),
    )


def part(db: apsw.Connection, numbers: Sequence[int]) -> None:
    """Note that tags are owed no longer: neither from some time on, nor from a gap on that has no end."""
    db.executemany("DELETE FROM joined WHERE tag = ?", ((number,) for number in numbers))
    db.executemany("DELETE FROM gap WHERE tag = ? AND end_ticks IS NULL", ((number,) for number in numbers))


def load_joined(db: apsw.Connection) -> dict[int, int]:
    """Give since when tags are owed."""
    return dict(db.execute("SELECT tag, ticks FROM joined"))
