from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, open_panel, save, sign_in, tick
from tests.factories import make_tag, make_ticket


class TestWithoutScripts:
    async def test_one_signs_in_and_out(self, open_page: OpenPage, served: Served) -> None:
        member = await served.make_member("agent")
        page = await open_page(java_script_enabled=False)
        await sign_in(page, member.email)
        await expect(page.get_by_role("heading", name="Home")).to_be_visible()
        await page.get_by_role("button", name=f"Account of {member.full_name}").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    async def test_a_list_is_searched_and_filtered(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Newt in the pond")
        await served.add(make_ticket, title="Newt in the river", priority="urgent")
        page = await open_page("agent", java_script_enabled=False)
        await page.goto("/admin/ticket/list")
        await page.get_by_role("searchbox").fill("newt")
        await open_panel(page, "Priority")
        await page.get_by_role("checkbox", name="Urgent", exact=True).check()
        await page.get_by_role("button", name="Apply").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(page.locator("tbody")).to_contain_text("Newt in the river")

    async def test_a_record_is_edited_and_keeps_what_was_picked(
        self, open_page: OpenPage, served: Served
    ) -> None:
        tag = await served.add(make_tag)
        assignee = await served.make_member("agent")
        ticket = await served.add(make_ticket, assignee_id=assignee.id, tags=[tag])
        page = await open_page("agent", java_script_enabled=False)
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        await page.get_by_label("Subject").fill("Edited by hand alone")
        await save(page)
        await expect(message(page, "Saved")).to_be_visible()
        stored = await served.owner.fetchrow(
            "SELECT title, creator_id, assignee_id FROM tickets WHERE id = $1", ticket.id
        )
        assert tuple(stored or ()) == ("Edited by hand alone", ticket.creator_id, assignee.id)
        assert await served.value("SELECT tag_id FROM ticket_tags WHERE ticket_id = $1", ticket.id) == tag.id

    async def test_ticked_rows_are_changed(self, open_page: OpenPage, served: Served) -> None:
        tickets = [await served.add(make_ticket, title=f"Toad {number}") for number in range(2)]
        page = await open_page("supervisor", java_script_enabled=False)
        await page.goto("/admin/ticket/list?search=toad")
        await tick(page, "Toad 0").check()
        await page.get_by_role("button", name="Set status").click()
        await page.get_by_label("Status").select_option("Closed")
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Set status").click()
        await expect(message(page, "1 ticket given a new status.")).to_be_visible()
        for ticket, status in zip(tickets, ("closed", "open"), strict=True):
            assert await served.value("SELECT status FROM tickets WHERE id = $1", ticket.id) == status
