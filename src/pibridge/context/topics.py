"""Where messages go: the topic of a record, by a template. Pure."""

import re
from typing import Final

from pibridge.context.record import Context
from pibridge.model.tag import Asset, Tag

NOTHING: Final = "_"
"""Stands for what a record does not have, such as the asset of a plain point: a topic has no empty levels."""

PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_UNSAFE: Final = re.compile(r"[%+#\x00-\x1f\x7f-\x9f]")
_ESCAPED: Final = re.compile(r"%(?=2F)")


def placeholders(site: str, tag: Tag, asset: Asset | None) -> dict[str, str]:
    """Give what the placeholders of templates stand for, empty where there is nothing."""
    return {
        "site": site,
        "stream": tag.stream,
        "tag": tag.name,
        "asset.path": asset.path if asset else "",
        "attribute": asset.attribute if asset else "",
    }


class TopicTemplate:
    """A text with `{site}`, `{stream}`, `{tag}`, `{asset.path}`, `{attribute}`; a `/` in these makes levels.

    What has a meaning in MQTT topics (`+`, `#`, a `$` at the beginning) and control characters are written as `%2B`.
    """

    def __init__(self, template: str, site: str) -> None:
        self._template = template
        self._site = site
        self._known: dict[tuple[str, str, str], tuple[Context, str]] = {}

    def of(self, context: Context) -> str:
        """Give the topic of all records with this context."""
        tag = context.tag
        # By what stays when a reload describes the tag anew, so that what was known before is forgotten.
        who = tag.stream, tag.path, context.lane
        known = self._known.get(who)
        if known is None or known[0] is not context:
            known = self._known[who] = context, self._made(context)
        return known[1]

    def _made(self, context: Context) -> str:
        values = placeholders(self._site, context.tag, context.asset)
        topic = PLACEHOLDER.sub(lambda match: _safe(values[match[1]]), self._template)
        return f"%24{topic[1:]}" if topic.startswith("$") and not self._template.startswith("$") else topic


def _safe(value: str) -> str:
    # A name with a slash comes as %2F already.
    parts = _ESCAPED.split(value.strip("/"))
    text = "%".join(_UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", part) for part in parts)
    return text or NOTHING
