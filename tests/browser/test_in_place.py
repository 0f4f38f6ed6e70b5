from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, row, tick
from tests.factories import make_ticket


class TestInPlace:
    async def test_changes_the_row_and_leaves_what_is_ticked(
        self, open_page: OpenPage, served: Served
    ) -> None:
        ticket = await served.add(make_ticket, title="Aardwolf by the door")
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=aardwolf")
        await tick(page, "Aardwolf").check()
        edit = row(page, "Aardwolf").get_by_role("button", name="Edit Status of")
        await edit.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Status")).to_be_focused()
        await dialog.get_by_label("Status").select_option("resolved")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(message(page, "Saved ")).to_be_visible()
        await expect(dialog).to_be_hidden()
        await expect(row(page, "Aardwolf")).to_contain_text("Resolved")
        await expect(edit).to_be_focused()
        await expect(tick(page, "Aardwolf")).to_be_checked()
        await message(page, "Saved ").get_by_role("button", name="Undo").click()
        await expect(row(page, "Aardwolf")).to_contain_text("Open")
        status = "SELECT status FROM tickets WHERE id = $1"
        assert await served.owner.fetchval(status, ticket.id) == "open"

    async def test_escape_changes_nothing(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Quokka on the roof")
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=quokka")
        edit = row(page, "Quokka").get_by_role("button", name="Edit Priority of")
        await row(page, "Quokka").hover()
        await edit.click()
        await page.get_by_role("dialog").get_by_label("Priority").select_option("urgent")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(row(page, "Quokka")).to_contain_text("Medium")
        await expect(edit).to_be_focused()

    async def test_offers_the_fields_of_a_card(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Tapir in the cellar")
        page = await open_page("supervisor", viewport={"width": 390, "height": 844})
        await page.goto("/admin/ticket/list?search=tapir")
        edit = row(page, "Tapir").get_by_role("button", name="Edit Tapir in the cellar")
        await edit.click()
        dialog = page.get_by_role("dialog")
        fields = dialog.get_by_role("button")
        await expect(fields).to_have_text(["Status Open", "Priority Medium", "Assignee none", "Tags none"])
        await fields.filter(has_text="Status").click()
        await dialog.get_by_label("Status").select_option("resolved")
        await dialog.get_by_role("button", name="Save").click()
        await expect(message(page, "Saved ")).to_be_visible()
        await expect(row(page, "Tapir")).to_contain_text("Resolved")
        await expect(edit).to_be_focused()
