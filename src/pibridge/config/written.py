"""A configuration written for what was chosen: commented, and ready to run. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from pibridge.pi.discovery import Database, Template

_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_BATCH: Final = re.compile(r"batch|procedure|charge|campaign", re.IGNORECASE)
_UNIT_PROCEDURE: Final = re.compile(r"unit.?procedure", re.IGNORECASE)
_NAME_LENGTH: Final = 40

_HEAD: Final = """\
# PI Bridge, as `pibridge discover` wrote it. docs/configuration.md has every key.
#   pibridge check --config FILE    names what is wrong, and what to do
#   pibridge tags  --config FILE    shows what the streams select
#   pibridge run   --config FILE    runs it
version: 1
"""
_SINKS: Final = """\
sinks:
  local:                            # files below ./out, to look at
    type: file
    path: ./out
  # lake:                           # objects in S3; credentials come from where AWS tools look
  #   type: s3
  #   bucket: YOUR-BUCKET
  #   region: eu-west-1
  # cloud:                          # messages to AWS IoT Core
  #   type: iot_core
  #   endpoint: XXXX-ats.iot.eu-west-1.amazonaws.com
  #   cert_file: ./certificate.pem
  #   key_file: ./private.key
  #   filter: {quality: [good]}
"""


@dataclass(frozen=True)
class ElementChoice:
    """An element or a database with all below it; `template`: only elements of it."""

    path: str
    template: str | None = None


@dataclass(frozen=True)
class FramesChoice:
    """Event frames of a database; `template`: only those of it. `on_elements`: whether they reference elements."""

    database: str
    template: str | None = None
    on_elements: bool = True

    @property
    def tells_batches(self) -> bool:
        """Whether they look like the batches that run on elements."""
        return self.on_elements and self.template is not None and bool(_BATCH.search(self.template))


def frames_of(database: Database, template: Template) -> FramesChoice:
    """Choose the event frames of a template."""
    return FramesChoice(database.path, template.name, on_elements=template.on_elements is not False)


@dataclass(frozen=True)
class Chosen:
    """What the configuration shall read. `pi`: that part of its tree, secrets as references."""

    site: str
    pi: dict[str, Any]
    points: Sequence[str] = ()
    elements: Sequence[ElementChoice] = ()
    frames: Sequence[FramesChoice] = ()


def written(chosen: Chosen) -> str:
    """Give the text of the configuration, YAML."""
    parts = [f"{_HEAD}site: {_quoted(chosen.site)}                  # stamped on every record\n", _pi(chosen.pi)]
    parts.append("streams:\n" + "".join(_streams(chosen)))
    if any(frames.tells_batches for frames in chosen.frames):
        parts.append("context:\n  batches:\n" + "".join(_batches(chosen.frames)))
    return "\n".join([*parts, _SINKS])


def name_for(text: str, taken: set[str]) -> str:
    """Make a name that the configuration takes of any text, another one if it is taken, and take it."""
    plain = _NO_NAME.sub("-", text.lower()).strip("-")[:_NAME_LENGTH].strip("-") or "stream"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name)
    return name


def _pi(tree: dict[str, Any]) -> str:
    text: str = yaml.safe_dump({"pi": tree}, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _streams(chosen: Chosen) -> Iterator[str]:
    taken: set[str] = set()
    for pattern in chosen.points:
        server, _, name = pattern.removeprefix("\\\\").partition("\\")
        yield _stream(name_for(name.strip("*?") or server, taken), [f"points: [{_quoted(pattern)}]"])
    for element in chosen.elements:
        lines = [f"element: {_quoted(element.path)}          # with all elements below it"]
        if element.template:
            lines.append(f"template: {_quoted(element.template)}               # and those derived from it")
        lines.append("attributes: ['*']               # names and wildcards")
        own = element.template or element.path.rpartition("\\")[2]
        yield _stream(name_for(own, taken), lines)
    for frames in chosen.frames:
        own = frames.template or frames.database.rpartition("\\")[2]
        yield _stream(name_for(f"{own} frames", taken), [f"event_frames: {_source(frames)}"], backfill=False)


def _stream(name: str, select: Sequence[str], *, backfill: bool = True) -> str:
    lines = [f"  {name}:", "    select:", *(f"      {line}" for line in select)]
    if backfill:
        lines.append("    # backfill: 7d                # at the first start, read this much history too")
    return "\n".join(lines) + "\n"


def _batches(choices: Sequence[FramesChoice]) -> Iterator[str]:
    taken: set[str] = set()
    for frames in choices:
        if not frames.tells_batches or not frames.template:
            continue
        database = frames.database.rpartition("\\")[2]
        batch_id = "attribute:BatchID" if _UNIT_PROCEDURE.search(frames.template) else "name"
        lines = [
            f"    {name_for(frames.template, taken)}:",
            f"      assets: {_quoted(f'{database}/**')}            # which assets it speaks for",
            f"      event_frames: {_source(frames)}",
            f"      id: {batch_id}                      # name (of the frame), attribute:NAME, or root",
            "      # valid: '^B-\\d+$'           # a batch id that does not match is no valid batch",
        ]
        yield "\n".join(lines) + "\n"


def _source(frames: FramesChoice) -> str:
    template = f", template: {_quoted(frames.template)}" if frames.template else ""
    return f"{{database: {_quoted(frames.database)}{template}}}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
