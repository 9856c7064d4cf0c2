"""The plant of the benchmarks: its points, and what PI Web API writes of them. Pure."""

import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final
from uuid import UUID

from msgspec import Struct

from pibridge.model import ticks
from pibridge.pi import webid

SERVER: Final = UUID(int=7)
BATCH_TAG: Final = r"\\PISRV1\BENCH.BATCH"
BATCH_ID: Final = "B-1001"
HEARTBEAT: Final = b'{"Links":{},"Items":[]}'
_ROUND_TICKS: Final = ticks.PER_SECOND // 4
_REPEATED_EVERY: Final = 101
_RECORDED_TICKS: Final = ticks.PER_SECOND
_AFTER_TIME: Final = '","Value":'
_AFTER_VALUE: Final = ',"UnitsAbbreviation":"","Good":true,"Questionable":false,"Substituted":false,"Annotated":false}'
_AFTER_BAD_VALUE: Final = _AFTER_VALUE.replace('"Good":true', '"Good":false')
_AFTER_STREAM: Final = "]}"


class Feed(Struct, frozen=True, kw_only=True):
    """What a feeder sends.

    `events` of `tags` in messages of `items` streams with one value each, on every channel its share. One entry in 101
    repeats the tag's value before, as PI does. `mixed`: numbers, texts, digital states and, of one tag in twenty,
    system states; otherwise numbers. `recorded`: values that the archive has of each tag, one a second since
    `recorded_from_ticks`. `initial`: the first message of a channel holds a value of each point.
    """

    tags: int = 100
    items: int = 10
    events: int = 0
    mixed: bool = False
    recorded: int = 0
    recorded_from_ticks: int = 0
    initial: bool = False


def name(number: int) -> str:
    """Give the name of a point; 0 is the tag of batches."""
    return f"BENCH.{number:06d}" if number else "BENCH.BATCH"


def path(number: int) -> str:
    """Give its path."""
    return rf"\\PISRV1\{name(number)}"


def number_of(path_or_name: str) -> int:
    """Give the number of a point."""
    last = path_or_name.rpartition(".")[2]
    return int(last) if last.isdigit() else 0


@cache
def web_id(number: int) -> str:
    """Give its WebID, which holds its number."""
    return webid.id_only_point(SERVER, number)


def number_of_web_id(text: str) -> int:
    """Give the number of the point with this WebID."""
    return webid.decode(text).point_id or 0


def _kind(number: int, *, mixed: bool) -> str:
    """Give the type of a point; of `Blob` are those that have only system states."""
    place = number % 20 if mixed else 1
    types = ((0, "Blob"), (10, "Float64"), (14, "Int32"), (16, "String"), (19, "Digital"))
    return next(kind for last, kind in types if place <= last)


def is_withheld(number: int, *, mixed: bool) -> bool:
    """Tell whether all values of a point are bad, which the filter of the benchmarks keeps back."""
    return _kind(number, mixed=mixed) == "Blob"


def point(number: int, *, mixed: bool = False) -> dict[str, object]:
    """Give what PI tells of a point."""
    return {
        "WebId": web_id(number),
        "Id": number,
        "Name": name(number),
        "Path": path(number),
        "PointType": _kind(number, mixed=mixed) if number else "String",
        "EngineeringUnits": "bar" if number else "",
    }


def _head(number: int) -> str:
    return (
        f'{{"WebId":"{web_id(number)}","Name":"{name(number)}","Path":{json.dumps(path(number))},"Links":{{}},'
        f'"UnitsAbbreviation":"","Items":['
    )


def _value(number: int, count: int, chance: float, *, mixed: bool) -> str:
    """Give one value in JSON with all that follows it."""
    match _kind(number, mixed=mixed):
        case "Blob":
            return '{"Name":"No Data","Value":248,"IsSystem":true}' + _AFTER_BAD_VALUE
        case "Int32":
            return f"{count}{_AFTER_VALUE}"
        case "String":
            return f'"Recipe {count}"{_AFTER_VALUE}'
        case "Digital":
            state = "Running" if count % 2 else "Idle"
            return f'{{"Name":"{state}","Value":{count % 2},"IsSystem":false}}{_AFTER_VALUE}'
    return f"{round(500 * chance, 6)}{_AFTER_VALUE}"


def _time(moment_ticks: int) -> str:
    return ticks.render(moment_ticks).rstrip("0Z").rstrip(".") + "Z"


def share(feed: Feed, numbers: Sequence[int]) -> int:
    """Give how many events a channel with these points gets."""
    return feed.events * len(numbers) // feed.tags


def entries(feed: Feed, numbers: Sequence[int], start_ticks: int) -> Iterator[str]:
    """Give a channel's entries, one after the other: the stream with one value."""
    chances = random.Random(numbers[0])  # noqa: S311 - play numbers
    heads = [_head(number) for number in numbers]
    last = [""] * len(numbers)
    for place in range(share(feed, numbers)):
        count, which = divmod(place, len(numbers))
        if not _is_repeated(place, len(numbers)):
            moment = _time(start_ticks + count * _ROUND_TICKS + which)
            value = _value(numbers[which], count, chances.random(), mixed=feed.mixed)
            last[which] = f'{heads[which]}{{"Timestamp":"{moment}{_AFTER_TIME}{value}{_AFTER_STREAM}'
        yield last[which]


def _is_repeated(place: int, tags: int) -> bool:
    return place >= tags and place % _REPEATED_EVERY == _REPEATED_EVERY - 1


def counted(feed: Feed, numbers: Sequence[int]) -> tuple[int, int]:
    """Give how many of a channel's entries are new, and how many of these the filter keeps back."""
    new = [place for place in range(share(feed, numbers)) if not _is_repeated(place, len(numbers))]
    withheld = sum(is_withheld(numbers[place % len(numbers)], mixed=feed.mixed) for place in new) if feed.mixed else 0
    return len(new), withheld


def message(streams: Sequence[str]) -> bytes:
    """Give a channel message of these entries."""
    return f'{{"Links":{{}},"Items":[{",".join(streams)}]}}'.encode()


def messages(feed: Feed, numbers: Sequence[int], start_ticks: int) -> Iterator[bytes]:
    """Give all messages of a channel."""
    waiting: list[str] = []
    for entry in entries(feed, numbers, start_ticks):
        waiting.append(entry)
        if len(waiting) == feed.items:
            yield message(waiting)
            waiting.clear()
    if waiting:
        yield message(waiting)


def present(numbers: Sequence[int], moment_ticks: int) -> bytes:
    """Give a message with one number of each point, of this time and the ticks that follow it."""
    return message(
        [
            f'{_head(number)}{{"Timestamp":"{ticks.render(moment_ticks + place)}{_AFTER_TIME}'
            f"{place}.5{_AFTER_VALUE}{_AFTER_STREAM}"
            for place, number in enumerate(numbers)
        ]
    )


@cache
def _recorded_values(feed: Feed) -> list[str]:
    return [
        f'{{"Timestamp":"{_time(feed.recorded_from_ticks + count * _RECORDED_TICKS)}{_AFTER_TIME}'
        f"{_value(1, count, count % 997 / 997, mixed=False)}"
        for count in range(feed.recorded)
    ]


def recorded(feed: Feed, numbers: Sequence[int], start_ticks: int, end_ticks: int, most: int) -> bytes:
    """Give a page of the archive: values of each point from `start_ticks` to `end_ticks`, up to `most` of each."""
    values = _recorded_values(feed)
    first = max(0, -((feed.recorded_from_ticks - start_ticks) // _RECORDED_TICKS))
    beyond = max(first, (end_ticks - feed.recorded_from_ticks) // _RECORDED_TICKS + 1)
    page = ",".join(values[first : min(beyond, first + most)])
    return message([f"{_head(number)}{page if number else ''}{_AFTER_STREAM}" for number in numbers])


def value_of_each(numbers: Sequence[int], moment_ticks: int) -> bytes:
    """Give the value that each point has: of the tag of batches the batch, of the others none."""
    moment = ticks.render(moment_ticks)
    each = [
        f'{_head(number).partition(""","Items":""")[0]},"Value":{{"Timestamp":"{moment}{_AFTER_TIME}'
        f"{json.dumps(BATCH_ID) if not number else '0.5'}{_AFTER_VALUE}}}"
        for number in numbers
    ]
    return message(each)
