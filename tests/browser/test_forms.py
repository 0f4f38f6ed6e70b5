import re

from playwright.async_api import Dialog, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, option, pick, row, save
from tests.factories import make_tag, make_ticket, make_user


class TestCreate:
    async def test_makes_a_ticket_of_what_was_typed_and_picked(
        self, open_page: OpenPage, served: Served
    ) -> None:
        customer = await served.add(make_user, full_name="Quentin Marsh")
        tags = [await served.add(make_tag), await served.add(make_tag)]
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        await page.get_by_label("Subject").fill("The shutter does not come up")
        await page.get_by_label("Description").fill("Not since this morning.")
        await pick(page, "Requester", "Quentin")
        for tag in tags:
            await pick(page, "Tags", tag.name)
        await page.get_by_label("Priority").select_option("High")
        await save(page)
        await expect(message(page, "Created")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("The shutter does not come up")
        facts = page.get_by_role("region", name="Facts")
        for words in (customer.full_name, "High", *(tag.name for tag in tags)):
            await expect(facts).to_contain_text(words)

    async def test_keeps_what_was_typed_and_leads_to_what_is_wrong(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        await page.get_by_label("Description").fill("A long story.")
        await save(page)
        summary = page.get_by_role("alert")
        await expect(summary).to_be_focused()
        await expect(summary).to_contain_text("2 fields need another look")
        await expect(page).to_have_title("Error: New ticket · Backoffice")
        await expect(page.get_by_label("Description")).to_have_value("A long story.")
        await summary.get_by_role("link", name="Subject").click()
        subject = page.get_by_role("textbox", name="Subject")
        await expect(subject).to_be_focused()
        await expect(subject).to_have_attribute("aria-invalid", "true")

    async def test_leads_from_what_is_wrong_to_a_picker(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        await save(page)
        await page.get_by_role("alert").get_by_role("link", name="Requester").click()
        await expect(page.get_by_role("combobox", name="Requester")).to_be_focused()


class TestPicker:
    async def test_is_walked_by_arrows_and_left_by_escape(self, open_page: OpenPage, served: Served) -> None:
        for name in ("Zelda Arrow", "Zelda Bow"):
            await served.add(make_user, full_name=name)
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        box = page.get_by_role("combobox", name="Requester")
        await box.fill("Zelda")
        await expect(option(page, "Zelda Bow")).to_be_visible()
        await box.press("ArrowDown")
        await expect(box).to_have_attribute("aria-activedescendant", "creator-list-1")
        await box.press("Enter")
        await expect(box).to_have_value(re.compile("^Zelda Bow"))
        await box.fill("Zelda A")
        await expect(option(page, "Zelda Arrow")).to_be_visible()
        await box.press("Escape")
        await expect(page.get_by_role("listbox", name="Suggestions")).to_have_count(0)
        await expect(box).to_have_value(re.compile("^Zelda Bow"))

    async def test_takes_the_first_result_for_whoever_is_quicker(
        self, open_page: OpenPage, served: Served
    ) -> None:
        await served.add(make_user, full_name="Yolanda Quick")
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        box = page.get_by_role("combobox", name="Requester")
        await box.fill("Yolanda Q")
        await box.press("Enter")
        await expect(box).to_have_value(re.compile("^Yolanda Quick"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("New ticket")
        await expect(page.get_by_role("alert")).to_have_count(0)

    async def test_is_emptied(self, open_page: OpenPage, served: Served) -> None:
        assignee = await served.make_member("agent")
        ticket = await served.add(make_ticket, assignee_id=assignee.id)
        page = await open_page("agent")
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        box = page.get_by_role("combobox", name="Assignee")
        await expect(box).to_have_value(assignee.full_name)
        await page.locator(".field", has=box).get_by_role("button", name="Clear").click()
        await expect(box).to_be_focused()
        await save(page)
        await expect(message(page, "Saved")).to_be_visible()
        assert await served.value("SELECT assignee_id FROM tickets WHERE id = $1", ticket.id) is None

    async def test_says_that_it_found_nothing(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/ticket/create")
        await page.get_by_role("combobox", name="Tags").fill("no such tag")
        await expect(page.locator(".combo-note")).to_have_text("Nothing found.")
        await expect(page.get_by_role("status").filter(has_text="Nothing found.")).to_be_attached()


class TestEdit:
    async def test_leads_back_to_the_list_as_it_was(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket, title="Kettle leaks at the seam")
        page = await open_page("agent")
        address = f"{served.url}/admin/ticket/list?status=open&search=kettle&pageSize=50"
        await page.goto(address)
        await row(page, ticket.title).get_by_role("link", name=ticket.title).click()
        await page.get_by_role("link", name="Edit", exact=True).click()
        await page.get_by_label("Subject").fill("Kettle leaks at the lid")
        await save(page)
        await expect(message(page, "Saved")).to_be_visible()
        await page.get_by_role("main").get_by_role("link", name="Tickets", exact=True).click()
        await expect(page).to_have_url(address)
        await expect(row(page, "Kettle leaks at the lid")).to_be_visible()

    async def test_says_that_nothing_changed(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket)
        page = await open_page("agent")
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        await save(page)
        await expect(message(page, "Nothing changed.")).to_be_visible()
        assert await served.value("SELECT updated_at = created_at FROM tickets WHERE id = $1", ticket.id)

    async def test_is_undone(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket, title="Door squeaks")
        page = await open_page("agent")
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        await page.get_by_label("Subject").fill("Something else")
        await save(page)
        await message(page, "Saved").get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Door squeaks")


class TestUnsavedChanges:
    async def test_are_asked_about_before_they_are_lost(self, open_page: OpenPage, served: Served) -> None:
        page = await self._form(open_page, served)
        asked = _note_dialogs(page)
        await page.get_by_label("Subject").fill("Changed")
        await expect(page.get_by_text("Not saved yet")).to_be_visible()
        await page.get_by_role("link", name="Home").click()
        await expect(page.get_by_label("Subject")).to_have_value("Changed")
        assert asked == ["beforeunload"]

    async def test_are_not_asked_about_when_saved(self, open_page: OpenPage, served: Served) -> None:
        page = await self._form(open_page, served)
        asked = _note_dialogs(page)
        await page.get_by_label("Subject").fill("Changed")
        await save(page)
        await expect(message(page, "Saved")).to_be_visible()
        assert not asked

    async def test_are_not_asked_about_when_taken_back(self, open_page: OpenPage, served: Served) -> None:
        page = await self._form(open_page, served)
        asked = _note_dialogs(page)
        subject = page.get_by_label("Subject")
        title = await subject.input_value()
        await subject.fill("Changed")
        await subject.fill(title)
        await page.get_by_role("link", name="Home").click()
        await expect(page).to_have_url(f"{served.url}/admin/")
        assert not asked

    async def _form(self, open_page: OpenPage, served: Served) -> Page:
        ticket = await served.add(make_ticket)
        page = await open_page("agent")
        await page.goto(f"/admin/ticket/edit/{ticket.id}")
        return page


def _note_dialogs(page: Page) -> list[str]:
    """What was asked of the person, who stays each time."""
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    return asked


class TestConflict:
    async def test_is_settled_field_by_field(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket, title="Before", description="Before, at length")
        first, second = await open_page("agent"), await open_page("supervisor")
        for page in (first, second):
            await page.goto(f"/admin/ticket/edit/{ticket.id}")
        await first.get_by_label("Subject").fill("Theirs")
        await first.get_by_label("Description").fill("Theirs, at length")
        await save(first)
        await second.get_by_label("Subject").fill("Mine")
        await second.get_by_label("Description").fill("Mine, at length")
        await second.get_by_label("Priority").select_option("Urgent")
        await save(second)
        await expect(second.get_by_text("Not saved yet")).to_be_visible()
        await expect(second.get_by_text("Sam Agent").first).to_be_visible()
        await second.get_by_role("group", name="Subject").get_by_label("Theirs").check()
        await second.get_by_role("group", name="Description").get_by_label("Yours").check()
        await save(second)
        await expect(message(second, "Saved")).to_be_visible()
        stored = await served.owner.fetchrow(
            "SELECT title, description, priority FROM tickets WHERE id = $1", ticket.id
        )
        assert tuple(stored or ()) == ("Theirs", "Mine, at length", "urgent")
