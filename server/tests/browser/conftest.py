"""A server with the real model, the example page, and browsers that hear a chosen clip.

A test of another page needs `server` and `open_page`; `screenshot` keeps what it looks like. These tests
run in a process without asynchronous ones (`make browser`): Playwright brings an event loop of its own.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright
from support.browser import DESKTOP, PATIENCE_MS, SCREENSHOTS, SPOKEN, OpenPage, launch, microphone
from support.clips import AUDIO
from support.example_backend import ExampleBackend
from support.running_server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("browser") / "data")
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def example(server: Server) -> Iterator[ExampleBackend]:
    backend = ExampleBackend("fastapi", server)
    backend.start()
    yield backend
    backend.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser_hearing(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Browser]]:
    """A browser whose microphone plays a clip of `tests/audio`; one for each clip."""
    folder = tmp_path_factory.mktemp("clips")
    running: dict[str, Browser] = {}

    def browser(clip: str) -> Browser:
        if clip not in running:
            running[clip] = launch(playwright, *microphone(AUDIO / clip, folder))
        return running[clip]

    yield browser
    for one in running.values():
        one.close()


@pytest.fixture
def open_page(browser_hearing: Callable[[str], Browser]) -> Iterator[OpenPage]:
    """Opens pages, and fails the test if any of them throws what nobody catches."""
    thrown: list[str] = []
    with ExitStack() as contexts:

        def open_page(
            url: str,
            *,
            clip: str = SPOKEN,
            allowed: bool = True,
            viewport: ViewportSize = DESKTOP,
            dark: bool = False,
        ) -> Page:
            scheme = "dark" if dark else "light"
            context = browser_hearing(clip).new_context(
                viewport=viewport,
                color_scheme=scheme,
                reduced_motion="reduce",  # What fades in is hard to read at first, which axe-core notices.
                permissions=["microphone"] if allowed else [],
            )
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            context.on("weberror", lambda error: thrown.append(str(error.error)))
            page = context.new_page()
            page.goto(url)
            return page

        yield open_page
    assert thrown == []


@pytest.fixture
def screenshot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keeps a picture of a page; in `docs/screenshots` with `VOCAFUSE_TEST_SCREENSHOTS=1`."""
    folder = SCREENSHOTS if os.environ.get("VOCAFUSE_TEST_SCREENSHOTS") else tmp_path

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return keep
