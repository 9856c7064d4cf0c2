"""A real browser: Chromium without a window, driven by its own driver, with a network that ends at this machine."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from waiting import eventually

if TYPE_CHECKING:
    from selenium.webdriver.remote.webelement import WebElement

_T = TypeVar("_T")
_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --disable-dev-shm-usage"
)


def require_chromium() -> tuple[str, str]:
    """Give browser and driver; skip where there are none. With PIBRIDGE_CHROMIUM=required that is a failure."""
    found = [
        next((path for name in names if (path := shutil.which(name))), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    ]
    if found[0] and found[1]:
        return found[0], found[1]
    reason = "no browser here: install chromium chromium-driver"
    if os.environ.get("PIBRIDGE_CHROMIUM") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Browser:
    """One window. Its driver blocks, so it works in a thread: the page is served by this one."""

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome
        self.hosts: set[str] = set()
        self.complaints: list[str] = []

    async def do(self, work: Callable[[Chrome], _T]) -> _T:
        """Do something with the driver."""
        return await asyncio.to_thread(work, self._chrome)

    async def open(self, url: str) -> None:
        """Open a page."""
        await self.do(lambda chrome: chrome.get(url))

    async def run(self, script: str, *arguments: object) -> Any:
        """Give what a script returns."""
        return await self.do(lambda chrome: chrome.execute_script(script, *arguments))

    async def text(self, selector: str) -> str:
        """Give the text of an element, as it can be read now; empty if there is none."""
        found: str = await self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
        return found

    async def says(self, selector: str, text: str, within_s: float = 30.0) -> None:
        """Wait until an element says this."""

        async def does() -> bool:
            return text in await self.text(selector)

        await eventually(does, within_s)

    async def type(self, selector: str, keys: str) -> None:
        """Type into an element."""
        await self.do(lambda chrome: chrome.find_element(By.CSS_SELECTOR, selector).send_keys(keys))

    async def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""

        def pressing(chrome: Chrome) -> None:
            for key in keys:
                active: WebElement = chrome.switch_to.active_element
                active.send_keys(key)

        await self.do(pressing)

    async def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Have a screen of this size and these colours."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        await self.do(lambda chrome: chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics))
        await self.do(lambda chrome: chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme))

    async def listen(self) -> None:
        """Note with whom it spoke, and what it complained of, since the last time."""
        for entry in await self.do(lambda chrome: chrome.get_log("performance")):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urlsplit(message["params"]["request"]["url"])
                if url.scheme in {"http", "https", "ws", "wss", "ftp"}:  # others stay within the browser
                    self.hosts.add(url.netloc)
        for entry in await self.do(lambda chrome: chrome.get_log("browser")):  # type: ignore[no-untyped-call]
            self.complaints.append(entry["message"])


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Open a browser with an empty profile."""
    program, driver = require_chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = program
        for argument in (*_ARGUMENTS.split(), f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        chrome = await asyncio.to_thread(Chrome, options=options, service=Service(driver))
        try:
            yield Browser(chrome)
        finally:
            await asyncio.to_thread(chrome.quit)
