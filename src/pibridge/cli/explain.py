"""`pibridge explain`: what became of one value."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import msgspec
import typer

from pibridge.cli.choice import chosen
from pibridge.cli.explain_view import explanation_text
from pibridge.cli.moments import moment as moment_of
from pibridge.cli.options import CONFIG
from pibridge.config.loaded import Loaded
from pibridge.daemon import logs
from pibridge.daemon.known import Numbers
from pibridge.daemon.orders import KNOWN, asked
from pibridge.errors import UnauthorizedError, UnavailableError
from pibridge.inspection.explain import Known
from pibridge.inspection.explain import explain as explained
from pibridge.inspection.explanation import Explanation
from pibridge.inspection.pi_answer import PiAnswer, pi_answer
from pibridge.journal.reader import JournalReader
from pibridge.model import ticks
from pibridge.pi.client import PiClient


def explain(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be chosen
    context: typer.Context,
    tag: Annotated[str, typer.Argument(help="Name or PI path of a tag; of event frames, the stream.")],
    at: Annotated[str, typer.Option(help="The event's time: 2026-03-01T12:00:00.123Z. Else the nearest are told.")],
    config: Annotated[str | None, CONFIG] = None,
    ask_pi: Annotated[bool, typer.Option("--ask-pi", help="Ask PI, too, what its archive has at that time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell where a value came from, its context, and what each sink did with it; or why it is not there."""
    moment = moment_of("--at", at, ticks.from_seconds(time.time()))
    loaded = Loaded.of(chosen(context, config))
    logs.configure(loaded.configuration.log.model_copy(update={"level": "error"}))

    def ask(numbers: Sequence[int]) -> Known | None:
        done = asyncio.run(asked(loaded.configuration.journal, KNOWN, Numbers(tuple(numbers))))
        return None if done is None else msgspec.convert(done, Known, strict=False)

    with closing(JournalReader.open(loaded.configuration.journal.path)) as reader:
        found = explained(loaded, reader, tag, moment, ask)
    answers = asyncio.run(_ask_pi(loaded, found, moment)) if ask_pi else {}
    if as_json:
        said = msgspec.to_builtins(answers)
        typer.echo(msgspec.json.encode({**msgspec.structs.asdict(found), **({"pi": said} if ask_pi else {})}))
    else:
        typer.echo(explanation_text(found, answers), nl=False)


async def _ask_pi(loaded: Loaded, found: Explanation, moment: int) -> dict[str, PiAnswer]:
    """Give what PI says, by path; if it cannot be asked, why."""
    asked = {tag.path: tag.web_id for tag in found.tags if tag.web_id}
    try:
        async with PiClient(loaded.configuration.pi) as client:
            return {path: await pi_answer(client, web_id, moment) for path, web_id in asked.items()}
    except (UnavailableError, UnauthorizedError) as error:
        return dict.fromkeys(asked, PiAnswer([], error=str(error)))
