"""A group of tags sampled at even instants: each instant once it is past, those that were missed by history."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from pibridge.errors import PIBridgeError, RejectedError, UnauthorizedError
from pibridge.intake.arrivals import Arrived, event_of
from pibridge.intake.instants import latest
from pibridge.intake.reception import Reception
from pibridge.model import ticks
from pibridge.pi.interpolated import interpolated
from pibridge.pi.outcomes import Outcomes
from pibridge.pi.wire import TimedValue

_CLOCK_S = 1.0
"""How well PI's clock is known: an instant is not past before that."""

_LONGEST_SLEEP_S = 1.0
"""PI's clock may be set while we wait."""

_MOST_AT_ONCE = 10
"""How many instants that are past are sampled live; of more, all but the last are left to history."""


class Sampling:
    """Samples at multiples of `spacing_ticks` on PI's clock, `delay_s` after each.

    `set_aside` gets the tags that PI refuses to sample, and why.
    """

    def __init__(
        self,
        reception: Reception,
        spacing_ticks: int,
        delay_s: float,
        set_aside: Callable[[Mapping[int, PIBridgeError]], None],
    ) -> None:
        self.reception = reception
        self._spacing_ticks = spacing_ticks
        self._wait_ticks = ticks.from_seconds(max(delay_s, _CLOCK_S))
        self._set_aside = set_aside
        self._numbers = dict(zip(reception.web_ids, reception.numbers, strict=True))
        self._failing: set[int] = set()
        self._log = structlog.get_logger(stream=reception.stream, tags=len(reception.numbers))

    async def run(self) -> RejectedError | UnauthorizedError:
        """Keep sampling, until PI refuses all of the tags; give why."""
        return await self.reception.keep(self._session)

    async def _session(self) -> None:
        """Sample until PI is gone. Raises what went wrong if not even the first instant could be sampled."""
        async with self.reception.session():
            self._failing.clear()
            instants, outcomes = await self._ask_first()
            await self.reception.begin(instants[0] - 1)
            await self._take(instants, outcomes)
            while True:
                following = await self._following(instants[-1] + self._spacing_ticks)
                outcomes = await interpolated(self.reception.client, list(self._numbers), following)
                # The answer tells PI's time anew: by that, they may have been asked for too early.
                if self._is_past(following[-1]):
                    instants = following
                    await self._take(instants, outcomes)

    async def _ask_first(self) -> tuple[range, Outcomes[list[TimedValue]]]:
        """Sample the last instant that is past by PI's clock, which may be known only from the first answer."""
        is_clock_known = False
        while True:
            instants = range(instant := self._due(), instant + 1)
            outcomes = await interpolated(self.reception.client, list(self._numbers), instants)
            is_latest = (self._due() - instant) // self._spacing_ticks < _MOST_AT_ONCE
            if self._is_past(instant) and (is_latest or is_clock_known):
                return instants, outcomes
            is_clock_known = True

    async def _following(self, instant: int) -> range:
        """Wait for an instant; give it and those that are past by now, but if they are many, only the last."""
        await self._wait_for(instant)
        last = self._due()
        if (last - instant) // self._spacing_ticks >= _MOST_AT_ONCE:
            await self.reception.leave(list(self._numbers.values()), instant, last - 1, "sampling fell behind")
            instant = last
        return range(instant, last + 1, self._spacing_ticks)

    def _due(self) -> int:
        """Give the last instant that is past."""
        return latest(self.reception.client.server_ticks() - self._wait_ticks, self._spacing_ticks)

    def _left_ticks(self, instant: int) -> int:
        """Give how long it takes until an instant is past."""
        return instant + self._wait_ticks - self.reception.client.server_ticks()

    def _is_past(self, instant: int) -> bool:
        """Tell whether an instant is past, as well as PI's clock is known."""
        return self._left_ticks(instant) <= ticks.from_seconds(_CLOCK_S)

    async def _wait_for(self, instant: int) -> None:
        while (left := self._left_ticks(instant)) > 0:  # noqa: ASYNC110 - a clock sets no event
            await asyncio.sleep(min(left / ticks.PER_SECOND, _LONGEST_SLEEP_S))

    async def _take(self, instants: Sequence[int], outcomes: Outcomes[list[TimedValue]]) -> None:
        """Write down what PI made of the instants. Tags that it failed to sample owe them, until it does again."""
        sampled: dict[int, list[TimedValue]] = {}
        failed: dict[int, str] = {}
        refused: dict[int, PIBridgeError] = {}
        for web_id, outcome in outcomes.items():
            number = self._numbers[web_id]
            if isinstance(outcome, RejectedError | UnauthorizedError):
                refused[number] = outcome
            elif isinstance(outcome, PIBridgeError):
                failed[number] = str(outcome)
            elif problem := next(filter(None, (value.error() for value in outcome)), ""):
                failed[number] = problem
            else:
                sampled[number] = outcome
        caught_up = self._failing & sampled.keys()
        if caught_up:
            await self.reception.caught_up(sorted(caught_up), instants[0] - 1)
        new = failed.keys() - self._failing
        if new:
            problem = next(failed[number] for number in new)
            self._log.warning(
                "PI fails to sample tags; what is missing is owed",
                failed=len(new),
                error=problem,
                hint="check the tag in PI",
            )
            await self.reception.miss(sorted(new), problem)
        self._failing = (self._failing - caught_up) | new
        told_until = {number: self._told_until(number) for number in sampled}
        events = [
            event_of(number, values[place], instant)
            for place, instant in enumerate(instants)
            for number, values in sampled.items()
            if instant > told_until[number]
        ]
        await self.reception.write(Arrived(events, [], []))
        if refused:
            self._numbers = {web_id: number for web_id, number in self._numbers.items() if number not in refused}
            self._set_aside(refused)

    def _told_until(self, number: int) -> int:
        """Give the last instant that is in the journal, or else since when the tag is owed."""
        last = self.reception.journal.last(number)
        return last.ticks if last is not None else self.reception.journal.joined(number) or 0
