"""A real Chromium on the application as it is run. Each test opens the browsers of the people it needs."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Page, StorageState, async_playwright

from tests.browser.served import Served, serve
from tests.browser.steps import sign_in
from tests.browser.watching import Watch
from tests.databases import Database, Server

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"width": 1440, "height": 900}
PATIENCE_MS = 15_000

OpenPage = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_executable(), args=ARGUMENTS)
        yield browser
        await browser.close()


def _executable() -> str | None:
    """A given Chromium, or one on the path; None leaves it to Playwright to find its own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("BACKOFFICE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="package")
def served_database(server: Server, template: str) -> Any:
    name = f"backoffice_test_{uuid4().hex[:12]}"
    server.copy(template, name)
    yield server.database(name)
    server.drop(name)


@pytest.fixture(scope="package")
async def served(
    served_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    async with serve(served_database, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="package")
async def sessions(chromium: Browser, served: Served) -> dict[str, StorageState]:
    """What the browser of one person of each role keeps who has signed in once."""
    sessions = {}
    for role in ("agent", "supervisor", "auditor", "administrator"):
        member = await served.make_member(role, full_name=f"Sam {role.title()}")
        context = await chromium.new_context(base_url=served.url)
        await sign_in(await context.new_page(), member.email)
        sessions[role] = await context.storage_state()
        await context.close()
    return sessions


@pytest.fixture
async def open_page(
    chromium: Browser, served: Served, sessions: dict[str, StorageState]
) -> AsyncIterator[OpenPage]:
    """Open the browser of somebody of a role (or of nobody), watched until the test ends."""
    watch = Watch(urlsplit(served.url).netloc)
    contexts: list[BrowserContext] = []

    async def open_page(role: str | None = None, **options: Any) -> Page:
        context = await chromium.new_context(
            **{
                "base_url": served.url,
                "viewport": DESKTOP,
                "storage_state": sessions[role] if role else None,
                **options,
            }
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        watch.over(context)
        return await context.new_page()

    yield open_page
    for context in contexts:
        await context.close()
    assert not watch.misdeeds
