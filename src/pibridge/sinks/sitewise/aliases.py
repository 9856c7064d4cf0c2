"""Which property of SiteWise takes the values of a tag. Pure."""

import re
from typing import Final

from msgspec import Struct

from pibridge.context.record import Context
from pibridge.context.topics import NOTHING, PLACEHOLDER, placeholders
from pibridge.model.tag import Asset, Tag

MOST_CHARACTERS: Final = 2048
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Alias(Struct, frozen=True):
    """The alias of a property. `problem`: why a tag has none."""

    text: str
    problem: str = ""


class AliasTemplate:
    """A text with `{site}`, `{stream}`, `{tag}`, `{asset.path}`, `{attribute}`: an alias for each tag.

    SiteWise takes any characters but control characters, which are written as `%0A`. An alias is of one tag only: what
    another tag has already, and what a tag cannot fill, is a problem.
    """

    def __init__(self, template: str, site: str) -> None:
        self._template = template
        self._site = site
        self._known: dict[int, tuple[Context, Alias]] = {}
        self._paths: dict[str, str] = {}

    def of(self, context: Context) -> Alias:
        """Give the alias of all records with this context."""
        known = self._known.get(id(context))
        if known is None or known[0] is not context:
            known = self._known[id(context)] = context, self.for_tag(context.tag, context.asset)
        return known[1]

    def for_tag(self, tag: Tag, asset: Asset | None) -> Alias:
        """Give the alias of a tag on an asset."""
        values = placeholders(self._site, tag, asset)
        missing = [name for name in PLACEHOLDER.findall(self._template) if not values[name]]
        if missing:
            return Alias(
                "", f"it has no {' and no '.join(missing)} for the alias {self._template}; write one with {{tag}}"
            )
        text = PLACEHOLDER.sub(lambda match: _safe(values[match[1]]), self._template)
        if len(text) > MOST_CHARACTERS:
            return Alias("", f"its alias would have {len(text)} characters; SiteWise takes {MOST_CHARACTERS}")
        owner = self._paths.setdefault(text, tag.path)
        if owner.upper() != tag.path.upper():
            return Alias("", f"its alias {text} is that of {owner} already; write a template that tells them apart")
        return Alias(text)

    @property
    def sample(self) -> str:
        """An alias that no tag has."""
        return PLACEHOLDER.sub(lambda match: self._site if match[1] == "site" else NOTHING, self._template)

    @property
    def beginning(self) -> str:
        """What all aliases begin with."""
        return self._template.replace("{site}", self._site).partition("{")[0]


def _safe(value: str) -> str:
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", value)
