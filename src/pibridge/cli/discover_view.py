"""What `pibridge discover` shows, and what it asks."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pibridge.config.written import ElementChoice, FramesChoice, frames_of
from pibridge.pi.discovery import RECENT_DAYS, Assets, Discovery, Points, Template

Ask = Callable[[str], str]
"""Puts a question and gives the answer."""
Tell = Callable[[str], None]

T = TypeVar("T")


def shown(found: Discovery) -> Iterator[str]:
    """Give the findings as lines for people."""
    for points in found.points:
        yield f"data server {points.server}{_connection(points)}: {points.problem or f'{points.count} points'}"
        for source, count in points.sources.items():
            yield f"  point source {source or '(none)'}: {count}"
        if points.storage:
            yield f"  left out: {points.storage} storage points of a batch database"
    for assets in found.assets:
        yield f"AF server {assets.server}{_connection(assets)}{f': {assets.problem}' if assets.problem else ''}"
        for database in assets.databases:
            yield f"  database {database.path}"
            for template in database.element_templates:
                yield f"    element template {_described(template)}: {template.count} elements"
            for template in database.frame_templates:
                recent = "frames not counted" if template.count is None else f"{template.count} frames"
                yield f"    event frame template {_described(template)}: {recent} in {RECENT_DAYS} days"
            if database.problem:
                yield f"    {database.problem}"


def asked(found: Discovery, ask: Ask, tell: Tell) -> tuple[list[str], list[ElementChoice], list[FramesChoice]]:
    """Ask what to read: patterns of points, element templates, event frame templates."""
    patterns = [each for each in ask(r"Points, such as \\PISRV1\U*, separated by spaces; none").split() if each]
    elements = [
        (f"{each.name} in {database.path}: {each.count} elements", ElementChoice(database.path, each.name))
        for database in found.databases
        for each in database.element_templates
        if each.count is None or each.count.number
    ]
    frames = [
        (f"{each.name} in {database.path}", frames_of(database, each))
        for database in found.databases
        for each in database.frame_templates
    ]
    return (
        patterns,
        _picked("Element templates", elements, ask, tell),
        _picked("Event frame templates", frames, ask, tell),
    )


def _picked(title: str, choices: Sequence[tuple[str, T]], ask: Ask, tell: Tell) -> list[T]:
    """Show a numbered list until numbers of it, or none, are given."""
    if not choices:
        return []
    for number, (text, _) in enumerate(choices, start=1):
        tell(f"{number:4} {text}")
    while True:
        numbers = ask(f"{title}: numbers, separated by spaces; none").replace(",", " ").split()
        if all(each.isdecimal() and 1 <= int(each) <= len(choices) for each in numbers):
            return [choices[int(each) - 1][1] for each in numbers]
        tell(f"numbers from 1 to {len(choices)}, please")


def _connection(server: Points | Assets) -> str:
    return {True: " (connected)", False: " (not connected)", None: ""}[server.is_connected]


def _described(template: Template) -> str:
    return f"{template.name} (derived from {template.base})" if template.base else template.name
