from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, open_panel, sign_in
from tests.factories import make_ticket

LIST = "/admin/ticket/list"


async def _newcomer(
    open_page: OpenPage, served: Served, role: str = "agent", *, scripts: bool = True
) -> Page:
    """Somebody who has no views and prefers nothing yet, on the list."""
    member = await served.make_member(role)
    page = await open_page(java_script_enabled=scripts)
    await sign_in(page, member.email)
    await page.goto(LIST)
    return page


async def _save(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Save this view…").click()
    await page.get_by_label("Name of the view").fill(name)
    await page.get_by_role("button", name="Save view").click()
    await expect(message(page, f"The view “{name}” is saved.")).to_be_visible()


def _sidebar(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Main")


def _heads(page: Page) -> Locator:
    return page.locator("thead th:not(.tick)")


def _box(page: Page, name: str) -> Locator:
    return page.locator("[data-chooser]").get_by_role("checkbox", name=name, exact=True)


class TestViews:
    async def test_are_saved_changed_and_opened_again(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Heron in the pond", priority="urgent")
        page = await _newcomer(open_page, served)
        await open_panel(page, "Priority")
        await page.get_by_role("checkbox", name="Urgent").check()
        await expect(page.get_by_role("listitem").filter(has_text="Priority: Urgent")).to_be_visible()
        await _save(page, "Herons")
        await page.get_by_role("searchbox").fill("heron")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Changed", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Update view").click()
        await expect(message(page, "The view “Herons” is updated.")).to_be_visible()
        await page.goto("/admin/")
        await _sidebar(page).get_by_role("link", name="Herons").click()
        await expect(page.get_by_role("searchbox")).to_have_value("heron")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(_sidebar(page).get_by_role("link", name="Herons 1 rows")).to_have_attribute(
            "aria-current", "page"
        )

    async def test_work_without_scripts(self, open_page: OpenPage, served: Served) -> None:
        page = await _newcomer(open_page, served, scripts=False)
        await page.goto(f"{LIST}?status=open")
        await _save(page, "Still open")
        await page.get_by_role("button", name="This view").click()
        await page.get_by_role("button", name="Make it my default").click()
        await page.goto(LIST)
        await expect(page).to_have_url(f"{served.url}{LIST}?status=open&view={page.url.rpartition('=')[2]}")
        await page.get_by_role("button", name="This view").click()
        await page.locator("#view-menu summary", has_text="Delete").click()
        await page.get_by_role("button", name="Delete this view").click()
        await expect(message(page, "The view “Still open” is deleted.")).to_be_visible()
        await expect(page).to_have_url(f"{served.url}{LIST}")


class TestChooser:
    async def test_moves_columns_by_their_arrows(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket)
        page = await _newcomer(open_page, served)
        await page.get_by_role("button", name="Columns").click()
        await _box(page, "Tags").uncheck()
        await _box(page, "Requester").check()
        up = page.get_by_role("button", name="Requester: further left")
        for _ in range(6):
            await up.press("Enter")
        await expect(up).to_be_focused()
        await expect(page.locator("[data-moved]")).to_have_text("Requester: 3 of 12")
        await page.get_by_label("Compact").check()
        await page.locator("[data-chooser]").get_by_role("button", name="Apply").click()
        await expect(_heads(page)).to_have_text(
            ["Number", "Subject", "Requester", "Status", "Priority", "Assignee", "Created", "Updated"]
        )
        await expect(page.locator(".is-compact")).to_be_visible()

    async def test_orders_columns_by_numbers_without_scripts(
        self, open_page: OpenPage, served: Served
    ) -> None:
        await served.add(make_ticket)
        page = await _newcomer(open_page, served, scripts=False)
        await page.get_by_role("button", name="Columns").click()
        for name in ("Tags", "Assignee", "Created", "Updated", "Number"):
            await _box(page, name).uncheck()
        await page.get_by_label("Place of Priority").fill("1")
        await page.locator("[data-chooser]").get_by_role("button", name="Apply").click()
        await expect(_heads(page)).to_have_text(["Priority", "Subject", "Status"])
