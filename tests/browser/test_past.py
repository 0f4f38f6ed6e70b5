"""Looking back by the buttons and by the calendar, and taking back one field of three."""

from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, save
from tests.factories import make_ticket


async def test_a_field_is_restored_from_the_timeline(open_page: OpenPage, served: Served) -> None:
    ticket = await served.add(make_ticket, title="The first words")
    page = await open_page("agent")
    await page.goto(f"/admin/ticket/edit/{ticket.id}")
    await page.get_by_label("Subject").fill("The second words")
    await page.get_by_label("Description").fill("Another description")
    await save(page)
    await page.goto(f"/admin/ticket/details/{ticket.id}")
    await page.get_by_role("link", name="As of then").last.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("The first words")
    await page.get_by_role("checkbox", name="Restore Description").uncheck()
    await page.get_by_role("button", name="Restore what is ticked").click()
    await expect(page.get_by_text("The second words").last).to_be_visible()
    await page.get_by_role("button", name="Restore", exact=True).click()
    await expect(message(page, "Restored Subject")).to_be_visible()
    stored = await served.owner.fetchrow("SELECT title, description FROM tickets WHERE id = $1", ticket.id)
    assert tuple(stored) == ("The first words", "Another description")
    await message(page, "Restored Subject").get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("The second words")


async def test_steps_and_the_calendar_lead_to_the_same(open_page: OpenPage, served: Served) -> None:
    ticket = await served.add(make_ticket, title="Once")
    await served.owner.execute("UPDATE tickets SET title = 'Twice' WHERE id = $1", ticket.id)
    page = await open_page("auditor")
    await page.goto(f"/admin/ticket/past/{ticket.id}")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_contain_text("Twice")
    await page.get_by_role("link", name="Previous change").click()
    await expect(heading).to_contain_text("Once")
    await page.get_by_role("link", name="Next change").click()
    await expect(heading).to_contain_text("Twice")
    await page.get_by_label("As of").fill("2020-01-01T10:00:00")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("did not exist yet")).to_be_visible()
    await page.get_by_role("link", name="Latest").click()
    await expect(heading).to_contain_text("Twice")


async def test_works_without_scripts(open_page: OpenPage, served: Served) -> None:
    ticket = await served.add(make_ticket, title="Before")
    await served.owner.execute("DELETE FROM tickets WHERE id = $1", ticket.id)
    page = await open_page("administrator", java_script_enabled=False)
    await page.goto(f"/admin/ticket/past/{ticket.id}")
    for _ in range(2):
        await page.get_by_role("button", name="Bring back").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Before")
    assert await served.value("SELECT title FROM tickets WHERE id = $1", ticket.id) == "Before"
