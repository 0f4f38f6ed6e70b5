"""Taking a list away as a file, in a browser."""

import pytest
from anyio import Path as AsyncPath
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.factories import make_ticket


@pytest.mark.parametrize("has_scripts", [True, False])
async def test_the_menu_gives_the_list_as_it_is_shown(
    open_page: OpenPage, served: Served, has_scripts: bool
) -> None:
    await served.add(make_ticket, title="Pelican by the kettle", priority="urgent")
    await served.add(make_ticket, title="Pelican elsewhere")
    page = await open_page("supervisor", java_script_enabled=has_scripts)
    await page.goto("/admin/ticket/list?search=pelican&priority=urgent")
    await page.get_by_role("button", name="Export").click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    file = await download.value
    assert file.suggested_filename.startswith("tickets-")
    assert file.suggested_filename.endswith(".csv")
    text = await AsyncPath(await file.path()).read_text("utf-8-sig")
    titles = [title for title in ("Pelican by the kettle", "Pelican elsewhere") if title in text]
    assert titles == ["Pelican by the kettle"]
    await expect(page.get_by_role("heading", name="Tickets")).to_be_visible()


async def test_what_is_refused_is_a_page(open_page: OpenPage) -> None:
    page = await open_page("supervisor")
    await page.goto("/admin/ticket/export/pdf")
    await expect(page.locator(".error-code")).to_have_text("404")
    await expect(page.get_by_text("exported as csv, xlsx or jsonl")).to_be_visible()


async def test_who_may_not_has_no_menu(open_page: OpenPage) -> None:
    page = await open_page("agent")
    await page.goto("/admin/ticket/list")
    await expect(page.get_by_role("heading", name="Tickets")).to_be_visible()
    await expect(page.get_by_role("button", name="Export")).to_have_count(0)
