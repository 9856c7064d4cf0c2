"""The end of delivery: sinks take what is there, but not for longer than a deadline."""

import asyncio


class Stop:
    """Not set: deliver for ever. Set: deliver what is in the journal, and begin nothing new after the deadline."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._deadline = 0.0

    def set(self, drain_s: float) -> None:
        """Begin to stop; the deadline is in `drain_s` seconds."""
        self._deadline = asyncio.get_running_loop().time() + drain_s
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether the stop has begun."""
        return self._event.is_set()

    def is_over(self) -> bool:
        """Tell whether nothing new may begin."""
        return self._event.is_set() and asyncio.get_running_loop().time() >= self._deadline

    async def wait(self) -> None:
        """Wait until the stop has begun."""
        await self._event.wait()
