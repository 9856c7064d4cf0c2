"""`pibridge sitewise sync`: asset models and assets in SiteWise, made from AF."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from pibridge.cli.choice import chosen
from pibridge.cli.options import CONFIG
from pibridge.config.settings import Configuration
from pibridge.daemon import logs

app = typer.Typer(name="sitewise", help="The model of AWS IoT SiteWise.", no_args_is_help=True)


@app.command("sync")
def sync(  # noqa: PLR0913, PLR0917 - one parameter for each option
    context: typer.Context,
    config: Annotated[str | None, CONFIG] = None,
    sink: Annotated[str | None, typer.Option(help="Name of the sink; needed if several are of type sitewise.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one step a line.")] = False,
) -> None:
    """Make asset models of AF templates, assets of elements, and give their properties the aliases of the sink.

    Prints the plan first. Removes nothing. Exit code 0: all is as wanted, 1: something is not.
    """
    configuration = chosen(context, config)
    logs.configure(configuration.log.model_copy(update={"level": "error"}))
    if not asyncio.run(_sync(configuration, sink, dry_run=dry_run, yes=yes, as_json=as_json)):
        raise typer.Exit(1)


async def _sync(configuration: Configuration, sink: str | None, *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    # Loads aiobotocore, which no other command needs.
    from pibridge.daemon.sitewise_sync import sink_of, sync_of, wanted_of  # noqa: PLC0415

    name, settings = sink_of(configuration, sink)
    wanted = await wanted_of(configuration, settings)
    models = sync_of(configuration, name, settings)
    try:
        plan = await models.plan(wanted)
        for step in plan.steps:
            if as_json:
                said = {key: value for key, value in asdict(step).items() if key != "request"}
                typer.echo(json.dumps(said))
            elif step.action != "unchanged":
                typer.echo(f"{step.action:7} {step.kind} {step.name}" + (f": {step.detail}" if step.detail else ""))
        for problem in plan.problems:
            typer.echo(problem, err=True)
        unchanged = len(plan.steps) - len(plan.to_do)
        typer.echo(f"{len(plan.to_do)} to do, {unchanged} as wanted, {len(plan.problems)} problems", err=True)
        if dry_run or not plan.to_do:
            return not plan.problems
        if not yes:
            typer.confirm("Do it?", abort=True, err=True)
        is_well = not plan.problems
        async for done in models.apply(plan, wanted):
            typer.echo(f"done: {done.step.kind} {done.step.name}", err=True)
            for problem in done.problems:
                is_well = False
                typer.echo(problem, err=True)
        return is_well
    finally:
        await models.close()
