from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import save
from tests.factories import make_ticket

STORY = "It began on a Monday. " + "We waited for the technician, and he did not come. " * 8 + "Please help."


async def _edit(page: Page, ticket: int, label: str, text: str) -> None:
    await page.goto(f"/admin/ticket/edit/{ticket}")
    await page.get_by_label(label).fill(text)
    await save(page)
    await page.goto(f"/admin/ticket/details/{ticket}")


class TestHistory:
    async def test_shows_what_became_of_a_long_text_without_scripts(
        self, open_page: OpenPage, served: Served
    ) -> None:
        ticket = await served.add(make_ticket, description=STORY)
        page = await open_page("supervisor", java_script_enabled=False)
        await _edit(page, ticket.id, "Description", STORY.replace("Monday", "Tuesday"))
        newest = page.locator(".events > li").first
        await expect(newest).to_contain_text("Sam Supervisor edited this ticket")
        await expect(newest.locator("del")).to_contain_text("Monday.")
        await expect(newest.locator("ins")).to_contain_text("Tuesday.")
        rest = newest.get_by_text("Please help.")
        await expect(rest).to_be_hidden()
        await newest.get_by_text("words …").click()
        await expect(rest).to_be_visible()

    async def test_leads_to_the_operation_and_to_the_record_as_of_then(
        self, open_page: OpenPage, served: Served
    ) -> None:
        ticket = await served.add(make_ticket, title="As it was")
        page = await open_page("supervisor")
        await _edit(page, ticket.id, "Subject", "As it is")
        await page.get_by_role("link", name="edited this ticket").click()
        await expect(page.get_by_role("button", name="Undo")).to_be_visible()
        await page.goto(f"/admin/ticket/details/{ticket.id}")
        await page.get_by_role("link", name="As of then").last.click()
        await expect(page.get_by_text("As it was").first).to_be_visible()

    async def test_says_below_each_fact_who_set_it(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket)
        page = await open_page("supervisor")
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        await page.get_by_label("Priority").select_option("Urgent")
        await save(page)
        priority = page.locator(".facts > div").filter(has_text="Priority")
        await expect(priority).to_contain_text("Last set by Sam Supervisor")
        await priority.get_by_role("link", name="Sam Supervisor").click()
        await expect(page.get_by_role("heading", name="Edited tickets")).to_be_visible()
