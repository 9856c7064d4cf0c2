"""The table of tags: searched, counted and cut into pages when somebody looks. Pure, and takes no notes."""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from pibridge.context.assets import AssetMap
from pibridge.context.meaning import NOT_NUMBERS, Quality, meaning, quality
from pibridge.journal.newest import Snapshot as Newest
from pibridge.model import ticks
from pibridge.model.event import Event
from pibridge.model.tag import Mode, Tag

TagState = Literal["live", "stale", "refused", "waiting", "ended"]
Sort = Literal["name", "oldest", "newest"]

LONGEST_PAGE: Final = 200
STALE_S: Final = 3600.0
_LONGEST_VALUE: Final = 200


class TagsNow(Struct, frozen=True):
    """What is known of the tags at one moment.

    `tags`: number n at place n - 1; `reading`: numbers of those that are read; `refused`: why PI does not read them;
    `now_ticks`: PI's time.
    """

    tags: list[Tag]
    newest: Newest
    reading: AbstractSet[int]
    refused: Mapping[int, str]
    assets: AssetMap
    now_ticks: int


class TagQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tags.

    `q`: words that name, path or asset must have in them, in any case; `*` stands for anything. `state`: `all` are
    those that are read; `bad`: those whose last value is. `stale_s`: from which age of the last value on it is stale.
    """

    q: Annotated[str, Meta(max_length=200)] = ""
    stream: str = ""
    state: Literal["all", "live", "stale", "refused", "waiting", "bad", "ended"] = "all"
    sort: Sort = "name"
    stale_s: Annotated[float, Meta(gt=0)] = STALE_S
    offset: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE)] = 50


class TagRow(Struct, frozen=True, kw_only=True):
    """One tag. `ts`: time of its newest value as text, empty before the first; `age_s`: how old that is by PI's clock.

    `value`: as records have it; `text`: what to show, a state by its name. `reason`: why PI refuses to read it.
    """

    number: int
    name: str
    path: str
    stream: str
    mode: Mode
    unit: str
    asset: str
    state: TagState
    ts: str = ""
    age_s: float | None = None
    value: Any = None
    text: str = ""
    quality: Quality | None = None
    reason: str = ""


class TagPage(Struct, frozen=True, kw_only=True):
    """A page of the table. `total`: tags that are read; `counts`: of those that were searched for, by state and `bad`.

    `matched`: how many rows all pages have.
    """

    total: int
    matched: int
    counts: dict[str, int]
    rows: list[TagRow]


def tag_page(now: TagsNow, query: TagQuery) -> TagPage:
    """Search the tags and give a page of them."""
    counts = dict.fromkeys(("all", "live", "stale", "refused", "waiting", "ended", "bad"), 0)
    found: list[int] = []
    stale_before = now.now_ticks - ticks.from_seconds(query.stale_s)
    wanted = query.state
    newest = now.newest.events
    for number in _searched(now, query):
        event = newest[number] if number < len(newest) else None
        state = _state(now, number, event, stale_before)
        counts[state] += 1
        is_bad = False
        if state != "ended":
            counts["all"] += 1
            if event is not None and not (event.status == 0 and type(event.value) is float):
                is_bad = quality(event, text=now.tags[number - 1].text) == "bad"
                counts["bad"] += is_bad
        if wanted == state or (wanted == "all" and state != "ended") or (wanted == "bad" and is_bad):
            found.append(number)
    found.sort(key=_order(now, query.sort))
    page = found[query.offset : query.offset + query.limit]
    return TagPage(
        total=len(now.reading),
        matched=len(found),
        counts=counts,
        rows=[tag_row(now, number, query.stale_s) for number in page],
    )


def tag_row(now: TagsNow, number: int, stale_s: float = STALE_S) -> TagRow:
    """Give all of one tag. IndexError: there is none with this number."""
    tag = now.tags[number - 1]
    newest = now.newest.events
    event = newest[number] if number < len(newest) else None
    asset = now.assets.of(tag)
    row = TagRow(
        number=number,
        name=tag.name,
        path=tag.path,
        stream=tag.stream,
        mode=tag.mode,
        unit=tag.unit,
        asset=asset.path if asset else "",
        state=_state(now, number, event, now.now_ticks - ticks.from_seconds(stale_s)),
        reason=now.refused.get(number, ""),
    )
    if event is None:
        return row
    said = meaning(event, text=tag.text)
    return replace(
        row,
        ts=ticks.render(event.ticks),
        age_s=round((now.now_ticks - event.ticks) / ticks.PER_SECOND, 1),
        value=said.value[:_LONGEST_VALUE] if isinstance(said.value, str) else said.value,
        text=shown(event, text=tag.text),
        quality=said.quality,
    )


def shown(event: Event, *, text: bool) -> str:
    """Give a value as people read it: a number as it is, a state by its name, an error in its words."""
    said = meaning(event, text=text)
    if said.error:
        return said.error[:_LONGEST_VALUE]
    if said.state is not None:
        return str(said.state["name"])[:_LONGEST_VALUE]
    if said.value is None:
        return str(event.value) if event.value in NOT_NUMBERS else "none"
    return f"{said.value:.10g}" if isinstance(said.value, float) else str(said.value)[:_LONGEST_VALUE]


def _searched(now: TagsNow, query: TagQuery) -> Iterator[int]:
    matches = _matcher(query.q)
    assets = now.assets
    for number, tag in enumerate(now.tags, 1):
        if tag.kind == "frame" or (query.stream and tag.stream != query.stream):
            continue
        if matches is not None:
            asset = tag.asset or assets.of(tag)
            if not matches(f"{tag.name}\n{tag.path}\n{asset.path if asset else ''}".casefold()):
                continue
        yield number


def _matcher(words: str) -> Callable[[str], bool] | None:
    plain = [word for word in words.casefold().split() if "*" not in word]
    patterns = [
        re.compile(".*".join(map(re.escape, word.split("*")))) for word in words.casefold().split() if "*" in word
    ]
    if not plain and not patterns:
        return None
    return lambda text: all(word in text for word in plain) and all(each.search(text) for each in patterns)


def _state(now: TagsNow, number: int, event: Event | None, stale_before: int) -> TagState:
    if number in now.refused:
        return "refused"
    if number not in now.reading:
        return "ended"
    if event is None:
        return "waiting"
    return "stale" if event.ticks < stale_before else "live"


def _order(now: TagsNow, sort: Sort) -> Callable[[int], Any]:
    newest, tags = now.newest.events, now.tags
    if sort == "name":
        return lambda number: tags[number - 1].name.casefold()
    sign = 1 if sort == "oldest" else -1

    def by_time(number: int) -> tuple[bool, int]:
        event = newest[number] if number < len(newest) else None
        return (True, 0) if event is None else (False, sign * event.ticks)

    return by_time
