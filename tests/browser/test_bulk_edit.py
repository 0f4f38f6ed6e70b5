from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, pick, tick
from tests.factories import make_tag, make_ticket


class TestEditFields:
    async def test_sets_what_was_filled_in_and_nothing_else(
        self, open_page: OpenPage, served: Served
    ) -> None:
        tag = await served.add(make_tag, name="capybara")
        tickets = [await served.add(make_ticket, title=f"Capybara {number}") for number in range(2)]
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=capybara")
        for number in range(2):
            await tick(page, f"Capybara {number}").check()
        await page.get_by_role("button", name="Edit fields").click()
        # Its box follows; what was searched for and not picked changes nothing.
        await page.get_by_label("Priority", exact=True).select_option("urgent")
        await expect(page.get_by_label("Change Priority")).to_be_checked()
        await page.get_by_role("combobox", name="Assignee").fill("sam")
        await expect(page.get_by_label("Change Assignee")).not_to_be_checked()
        await page.get_by_role("combobox", name="Assignee").fill("")
        await pick(page, "Tags", tag.name)
        await expect(page.get_by_label("Change Tags")).to_be_checked()
        await page.get_by_role("button", name="Continue").click()
        sample = page.get_by_role("table", name="What changes")
        await expect(sample.get_by_role("row")).to_have_count(3)
        await expect(sample.get_by_role("row").last).to_contain_text("Capybara 1")
        await page.get_by_role("button", name="Edit fields").click()
        await expect(message(page, "2 tickets edited.")).to_be_visible()
        rows = await served.owner.fetch(
            "SELECT priority, assignee_id, (SELECT count(*) FROM ticket_tags WHERE ticket_id = id) AS tags"
            " FROM tickets WHERE id = ANY($1)",
            [ticket.id for ticket in tickets],
        )
        assert [tuple(row) for row in rows] == [("urgent", None, 1)] * 2

    async def test_works_without_scripts(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Kinkajou 0")
        page = await open_page("supervisor", java_script_enabled=False)
        await page.goto("/admin/ticket/list?search=kinkajou")
        await tick(page, "Kinkajou 0").check()
        await page.get_by_role("button", name="Edit fields").click()
        await page.get_by_label("Status", exact=True).select_option("closed")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("alert")).to_contain_text("Choose at least one field to change.")
        await page.get_by_label("Change Status").check()
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Edit fields").click()
        await expect(message(page, "1 ticket edited.")).to_be_visible()
