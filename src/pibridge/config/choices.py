"""From what is named on the command line to what a configuration reads, checked against what there is. Pure."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from pibridge.config.written import ElementChoice, FramesChoice, frames_of
from pibridge.errors import ConfigurationError
from pibridge.pi.discovery import Database, Discovery
from pibridge.pi.select_settings import check_af_path, check_point_path


def points_chosen(found: Discovery, patterns: Sequence[str]) -> list[str]:
    r"""Give the patterns as `\\SERVER\NAME`; the server may be left out if there is one. Raises ConfigurationError."""
    servers = [each.server for each in found.points]
    chosen = []
    for pattern in patterns:
        if pattern.startswith("\\\\"):
            path = pattern
        elif len(servers) == 1:
            path = rf"\\{servers[0]}\{pattern}"
        else:
            raise ConfigurationError(
                [rf"--points {pattern}: of which server? write \\SERVER\{pattern}{_there(servers)}"]
            )
        try:
            chosen.append(check_point_path(path))
        except ValueError as error:
            raise ConfigurationError([f"--points {pattern}: {error}"]) from error
    return chosen


def elements_chosen(found: Discovery, paths: Sequence[str], templates: Sequence[str]) -> list[ElementChoice]:
    """Give each template below each path; without paths, in each database that has it. Raises ConfigurationError."""
    for path in paths:
        try:
            check_af_path(path)
        except ValueError as error:
            raise ConfigurationError([f"--element {path}: {error}"]) from error
    if not templates:
        return [ElementChoice(path) for path in paths]
    chosen = []
    for template in templates:
        having = {
            database.path.casefold(): each.name
            for database in found.databases
            for each in database.element_templates
            if each.name.casefold() == template.casefold()
        }
        if not having:
            known = {each.name for database in found.databases for each in database.element_templates}
            raise ConfigurationError(
                [f"--template {template}: no database has such an element template{_there(known)}"]
            )
        where = paths or [each.path for each in found.databases if each.path.casefold() in having]
        chosen += [ElementChoice(path, next(iter(having.values()))) for path in where]
    return chosen


def frames_chosen(found: Discovery, texts: Sequence[str]) -> list[FramesChoice]:
    r"""Give the frames for texts like `\\AF1\Plant:Batch`. Raises ConfigurationError: there is no such thing."""
    return [_frames(found, text) for text in texts]


def site_of(url: str) -> str:
    """Make a name of the site from the address of its PI."""
    host = urlsplit(url).hostname or ""
    first = host.partition(".")[0]
    return first if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,62}", first) else "plant"


def _frames(found: Discovery, text: str) -> FramesChoice:
    path, _, wanted = text.partition(":")
    database = next((each for each in found.databases if _is_named(each, path)), None)
    if database is None:
        there = _there([each.path for each in found.databases])
        raise ConfigurationError([f"--frames {text}: there is no database {path}{there}"])
    if not wanted:
        return FramesChoice(database.path)
    template = next((each for each in database.frame_templates if each.name.casefold() == wanted.casefold()), None)
    if template is None:
        there = _there([each.name for each in database.frame_templates])
        raise ConfigurationError([f"--frames {text}: {database.path} has no event frame template {wanted}{there}"])
    return frames_of(database, template)


def _is_named(database: Database, path: str) -> bool:
    own = database.path.casefold()
    return path.casefold() in {own, own.rpartition("\\")[2]}


def _there(names: Sequence[str] | set[str]) -> str:
    return f"; there are {', '.join(sorted(names))}" if names else "; there are none"
