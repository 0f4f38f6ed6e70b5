from playwright.async_api import Page, expect

from models import TicketPriority, TicketStatus
from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import open_panel, option, pick, row
from tests.factories import make_ticket


async def _herd(served: Served, animal: str) -> None:
    """A closed one, an urgent one, and one that is neither."""
    await served.add(make_ticket, title=f"{animal} settled", status=TicketStatus.CLOSED)
    await served.add(make_ticket, title=f"{animal} in danger", priority=TicketPriority.URGENT)
    await served.add(make_ticket, title=f"{animal} idle")


class TestCounts:
    async def test_come_beside_the_values(self, open_page: OpenPage, served: Served) -> None:
        await _herd(served, "Walrus")
        page = await open_page("agent")
        await page.goto("/admin/ticket/list?search=walrus&status=open")
        await open_panel(page, "Status")
        panel = page.get_by_role("group", name="Status")
        await expect(panel.locator("label").filter(has_text="Closed")).to_contain_text("1")
        await expect(panel.locator("label").filter(has_text="Open")).to_contain_text("2")
        await page.get_by_role("combobox", name="Assignee").click()
        await expect(option(page, "Nobody")).to_contain_text("2")


class TestPeriods:
    async def test_a_period_takes_the_place_of_days(self, open_page: OpenPage, served: Served) -> None:
        page = await open_page("agent")
        await page.goto("/admin/ticket/list?created_at_from=2026-01-01")
        await open_panel(page, "Created")
        await page.get_by_role("radio", name="Last 7 days").check()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?created_at=last-7-days")
        await expect(page.get_by_role("radio", name="Last 7 days")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator(".filter-panel:visible")).to_have_count(0)


class TestAdvanced:
    async def test_conditions_are_put_together_on_the_list(self, open_page: OpenPage, served: Served) -> None:
        await _herd(served, "Narwhal")
        page = await open_page("agent")
        await page.goto("/admin/ticket/list?search=narwhal")
        await page.get_by_role("link", name="Advanced…").click()
        dialog = page.get_by_role("dialog", name="Advanced filter")
        await dialog.get_by_label("The whole filter").select_option("Any")
        await dialog.get_by_label("Condition 1: field").select_option("Status")
        await dialog.get_by_role("checkbox", name="Closed").check()
        await dialog.get_by_role("button", name="Add condition").click()
        await expect(dialog.get_by_label("Condition 2: field")).to_be_focused()
        await dialog.get_by_label("Condition 2: field").select_option("Priority")
        await dialog.get_by_role("checkbox", name="Urgent").check()
        await dialog.get_by_role("button", name="Show tickets").click()
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(row(page, "Narwhal idle")).to_have_count(0)
        chips = page.get_by_role("list", name="Active filters")
        await chips.get_by_role("link", name="Status is Closed or Priority is Urgent").click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?search=narwhal")

    async def test_people_are_looked_up_in_it(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent", full_name="Wanda Weasel")
        await served.add(make_ticket, title="Weasel of Wanda", assignee_id=member.id)
        page = await open_page("agent")
        await page.goto("/admin/ticket/list")
        await page.get_by_role("link", name="Advanced…").click()
        await page.get_by_label("Condition 1: field").select_option("Assignee")
        await expect(page.get_by_role("combobox", name="Condition 1: value")).to_be_visible()
        await pick(page, "Condition 1: value", "Wanda Weasel")
        await page.get_by_role("button", name="Show tickets").click()
        await expect(row(page, "Weasel of Wanda")).to_be_visible()
        await expect(page.locator("tbody tr")).to_have_count(1)

    async def test_without_scripts(self, open_page: OpenPage, served: Served) -> None:
        await _herd(served, "Manatee")
        page: Page = await open_page("agent", java_script_enabled=False)
        await page.goto("/admin/ticket/list?search=manatee")
        await page.get_by_role("link", name="Advanced…").click()
        await page.get_by_label("Condition 1: field").select_option("Status")
        await page.get_by_role("button", name="Update fields").click()
        await page.get_by_label("Condition 1: comparison").select_option("is not")
        await page.get_by_role("checkbox", name="Closed").check()
        await page.get_by_role("button", name="Add condition").click()
        await page.get_by_label("Condition 2: field").select_option("Priority")
        await page.get_by_role("button", name="Update fields").click()
        await page.get_by_role("checkbox", name="Urgent").check()
        await page.get_by_role("button", name="Show tickets").last.click()
        await expect(row(page, "Manatee in danger")).to_be_visible()
        await expect(row(page, "Manatee settled")).to_have_count(0)
        await expect(row(page, "Manatee idle")).to_have_count(0)
