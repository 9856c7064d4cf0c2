"""Can the tags of a stream be read, each, and in the way that the stream is configured."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pibridge.daemon.finding import Finding, first_of
from pibridge.errors import PIBridgeError
from pibridge.intake.settings import StreamSettings
from pibridge.model.tag import Mode, Tag
from pibridge.pi.client import PiClient
from pibridge.pi.recorded import values
from pibridge.pi.selected import Selection
from pibridge.pi.trial import refusal, refusal_of_updates

_AT_ONCE: Final = 1000
_MOST_REFUSED: Final = 200
"""Finding one that is refused takes up to some dozen requests; after so many the rest is not looked at."""


class Kind(NamedTuple):
    """Tags that PI reads in the same way. `reference`: what computes them, empty for points and their attributes."""

    reference: str
    is_text: bool

    def __str__(self) -> str:
        return (
            f"{'text ' * self.is_text}tags that PI computes ({self.reference})"
            if self.reference
            else ("text tags" if self.is_text else "tags")
        )


def selection_findings(about: str, selection: Selection, readers: Mapping[str, str]) -> Iterator[Finding]:
    """Tell what was not found, and what another stream reads. `readers`: stream by `Tag.key`."""
    problems = [Finding("doubt", about, f"{each.path}: {each.reason}", each.hint) for each in selection.problems]
    yield from first_of(problems, about, "that are left out")
    shared = defaultdict(list)
    for tag in selection.tags:
        if tag.key in readers:
            shared[readers[tag.key]].append(tag.name)
    for reader, names in sorted(shared.items()):
        yield Finding("doubt", about, f"{len(names)} of its tags are read by streams.{reader}, such as {names[0]}")


async def reading_findings(
    client: PiClient, about: str, stream: StreamSettings, selection: Selection, readable: list[Tag]
) -> AsyncIterator[Finding]:
    """Read each tag's present value, and one tag of each kind as the stream does. Fills `readable`.

    Raises UnavailableError and UnauthorizedError (401): PI fails as a whole.
    """
    refused: list[Finding] = []
    looked_at = 0
    for start in range(0, len(selection.tags), _AT_ONCE):
        some = selection.tags[start : start + _AT_ONCE]
        refused += await _present(client, about, some, readable)
        looked_at = start + len(some)
        if len(refused) >= _MOST_REFUSED:
            break
    for finding in first_of(refused, about, "that PI does not read"):
        yield finding
    if looked_at < len(selection.tags):
        yield Finding("doubt", about, f"{len(selection.tags) - looked_at} of its tags were not looked at any more")
    if not readable:
        yield Finding("wrong", about, "PI reads none of its tags", "ask for read access of this account to them")
        return
    for kind, tags in _kinds(readable, selection.computed).items():
        async for finding in _kind(client, about, stream, kind, tags):
            yield finding


async def _present(client: PiClient, about: str, tags: Sequence[Tag], readable: list[Tag]) -> list[Finding]:
    refused = []
    outcomes = await values(client, [tag.web_id for tag in tags])
    for tag in tags:
        outcome = outcomes[tag.web_id]
        said = str(outcome.args[0]) if isinstance(outcome, PIBridgeError) else outcome.error()
        if said:
            hint = "it exists, but its value is refused: check the point or attribute, and the right to read its data"
            refused.append(Finding("doubt", about, f"{tag.path}: {said}", hint))
        else:
            readable.append(tag)
    return refused


def _kinds(tags: Sequence[Tag], computed: Mapping[str, str]) -> dict[Kind, list[Tag]]:
    kinds = defaultdict(list)
    for tag in tags:
        if not tag.static:
            kinds[Kind(computed.get(tag.key, ""), tag.text)].append(tag)
    return kinds


async def _kind(
    client: PiClient, about: str, stream: StreamSettings, kind: Kind, tags: Sequence[Tag]
) -> AsyncIterator[Finding]:
    web_id, count = tags[0].web_id, f"{len(tags)} {kind}, such as {tags[0].name}"
    mode = stream.mode or Mode.REALTIME
    if refused := await refusal(client, web_id, mode):
        found = f"{count}: mode {mode} is refused: {refused.args[0]}"
        if mode is Mode.REALTIME:
            found = f"{count}: their past is refused, so gaps in them are never filled: {refused.args[0]}"
        hint = "read them with mode: realtime, via: poll, or select the points that they come from"
        yield Finding("doubt" if mode is Mode.REALTIME else "wrong", about, found, hint)
    elif kind.reference:
        yield Finding(
            "doubt",
            about,
            f"{count}: what PI gives as recorded is computed when it is asked for; edits and late values are not told",
            "select the points that they come from, where every value counts",
        )
    if stream.via == "updates" and kind.reference and (refused := await refusal_of_updates(client, web_id)):
        hint = "read them with via: poll, in a stream of their own"
        yield Finding("wrong", about, f"{count}: Stream Updates are refused: {refused.args[0]}", hint)
    if kind.is_text and mode is Mode.INTERPOLATED:
        found = f"{count}: there is nothing between two texts, PI repeats the earlier one"
        yield Finding("doubt", about, found, "mode: realtime or recorded tells each text once")
