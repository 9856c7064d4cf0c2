"""What PI said of a value, in words. Pure."""

from typing import Final

from pibridge.context.meaning import NOT_NUMBERS, meaning
from pibridge.model.event import ANNOTATED, BAD, DELETE, END, ERROR, QUESTIONABLE, START, SUBSTITUTED, UPDATE, Event
from pibridge.model.tag import Tag

_MARKS: Final = {
    QUESTIONABLE: "PI marks it questionable",
    SUBSTITUTED: "PI marks it substituted: it was edited, or written by hand",
    ANNOTATED: "PI has an annotation of it",
}


def quality_in_words(event: Event, tag: Tag) -> str:
    """Say how good a value is, and why. Empty: it is an event frame."""
    if tag.kind == "frame":
        return ""
    said = meaning(event, text=tag.text)
    because = []
    if said.error:
        is_text = isinstance(event.value, str) and not event.status & ERROR
        because.append(
            f"a text on a tag of numbers: {said.error}" if is_text else f"an error in its place: {said.error}"
        )
    elif said.state is not None and said.state.get("system"):
        because.append(f"a system state, no measurement: {said.state['name']} ({said.state['code']})")
    elif said.state is not None:
        because.append(f"the state {said.state['name']} ({said.state['code']})")
    elif event.value in NOT_NUMBERS and not tag.text:
        because.append(f"no number: {event.value}")
    if event.status & BAD and not because:
        because.append("PI marks it bad")
    because += [words for bit, words in _MARKS.items() if event.status & bit]
    return f"{said.quality}: {'; '.join(because)}" if because else said.quality


def change_in_words(event: Event) -> str:
    """Say whether it is a value, or a change of one that was told before."""
    if event.status & DELETE:
        return "deleted in PI"
    if event.status & UPDATE:
        return "edited in PI"
    if event.status & START:
        return "open when it was first seen"
    return "ended" if event.status & END else "new"
