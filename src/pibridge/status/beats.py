"""What open pages are told while they are open: server-sent events, the same to all, every two seconds."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web

MOST_PAGES: Final = 16
PATIENCE_S: Final = 10.0
"""How long a page may leave what it was sent unread before it is dropped."""
RETRY_MS: Final = 3000
LONGEST_S: Final = 600.0
"""Then a page has to come again, and show again that it may."""


class Beats:
    """The pages that are open. A page that is busy misses beats; the next one tells all again."""

    def __init__(self, most: int = MOST_PAGES, patience_s: float = PATIENCE_S, longest_s: float = LONGEST_S) -> None:
        self.pages = 0
        self._most = most
        self._patience_s = patience_s
        self._longest_s = longest_s
        self._last = b""
        self._beat = asyncio.Event()
        self._is_over = False

    def tell(self, beat: bytes) -> None:
        """Tell all pages: one JSON text without line breaks."""
        self._last = b"data: " + beat + b"\n\n"
        self._wake()

    def close(self) -> None:
        """Let all pages go."""
        self._is_over = True
        self._wake()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Tell one page until it leaves, does not read, has been told for long, or all is over."""
        if self.pages >= self._most:
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, text="too many pages are open\n", headers={"Retry-After": "30"}
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        self.pages += 1
        try:
            await response.prepare(request)
            await self._write(response, f"retry: {RETRY_MS}\n\n".encode() + self._last)
            loop = asyncio.get_running_loop()
            until_s = loop.time() + self._longest_s
            while not self._is_over and loop.time() < until_s:
                await self._beat.wait()
                if not self._is_over:
                    await self._write(response, self._last)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the page has left
        finally:
            self.pages -= 1
        return response

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._patience_s):
            await response.write(data)

    def _wake(self) -> None:
        self._beat.set()
        self._beat = asyncio.Event()
