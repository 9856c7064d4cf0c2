"""The daemon as a Greengrass component: configured by deployments, and its state told to the nucleus."""

import asyncio
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, Final

import structlog

from pibridge.config.greengrass_source import GreengrassSource
from pibridge.config.loaded import Loaded
from pibridge.config.settings import LogSettings
from pibridge.config.watch import Watch
from pibridge.daemon import logs
from pibridge.daemon.run import run
from pibridge.daemon.tasks import cancel
from pibridge.errors import PIBridgeError, UnavailableError
from pibridge.greengrass.component import own_component
from pibridge.greengrass.deployment import Deployment, State
from pibridge.pi.aside import aside

_AGAIN_S: Final = 5.0


async def run_component(environment: Mapping[str, str], stop: asyncio.Event, hang_up: asyncio.Event) -> None:
    """Run until `stop` is set, as `run` does, with what is deployed. Raises PIBridgeError, after the nucleus knows it.

    While the nucleus, or the place that `config_from` names, does not answer, it waits: a nucleus starts a component
    that ends only a few times.
    """
    deployment = Deployment(own_component("--greengrass", environment, "use --config FILE"))
    deployment.is_busy = stop.is_set
    watch = Watch(GreengrassSource(deployment))
    logs.configure(LogSettings())
    telling: list[asyncio.Task[None]] = []
    try:
        loaded = await _unless(stop, _loaded(watch))
        if loaded is None:
            return
        logs.configure(loaded.configuration.log)

        def started(_: object) -> None:
            telling.append(asyncio.create_task(_tell(deployment, State.RUNNING)))

        await run(loaded, stop, started, watch=watch, hang_up=hang_up)
    except PIBridgeError:
        await _tell(deployment, State.ERRORED)
        raise
    finally:
        await cancel(*telling)
        deployment.close()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Loaded]) -> Loaded | None:
    """Do the work to its end, and give what it gives; None if `stop` is set before."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel(working, stopping)


async def _loaded(watch: Watch) -> Loaded:
    """Give the configuration as soon as it can be had. Raises PIBridgeError: it never can, as it is."""
    trouble = ""
    while True:
        try:
            return await aside(watch.load)
        except UnavailableError as error:
            if trouble != str(error):
                trouble = str(error)
                structlog.get_logger().warning("configuration cannot be read yet, tried again", error=trouble)
        await asyncio.sleep(_AGAIN_S)


async def _tell(deployment: Deployment, state: State) -> None:
    try:
        await aside(partial(deployment.report, state))
    except PIBridgeError as error:
        structlog.get_logger().warning("the nucleus does not know our state", state=state, error=str(error))
