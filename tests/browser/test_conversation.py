import hashlib
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.images import a_picture
from tests.browser.served import LARGEST_UPLOAD, Served
from tests.browser.steps import message
from tests.factories import make_ticket


async def _open_ticket(open_page: OpenPage, served: Served) -> Page:
    ticket = await served.add(make_ticket)
    page = await open_page("agent")
    await page.goto(f"/admin/ticket/details/{ticket.id}")
    return page


class TestReply:
    async def test_goes_to_the_customer(self, open_page: OpenPage, served: Served) -> None:
        page = await _open_ticket(open_page, served)
        await page.get_by_label("Write").fill("It is on its way.")
        await expect(page.get_by_text("The customer reads this.")).to_be_visible()
        await page.get_by_role("button", name="Send reply").click()
        await expect(message(page, "Reply added.")).to_be_visible()
        reply = page.get_by_role("article").filter(has_text="It is on its way.")
        await expect(reply).to_contain_text("Staff")
        await expect(reply).not_to_contain_text("Internal note")

    async def test_stays_inside_as_a_note(self, open_page: OpenPage, served: Served) -> None:
        page = await _open_ticket(open_page, served)
        await page.get_by_text("Internal note", exact=True).click()
        await page.get_by_label("Write").fill("Mind the dog.")
        await expect(page.get_by_text("the customer never does")).to_be_visible()
        await page.get_by_role("button", name="Add note").click()
        await expect(message(page, "Note added.")).to_be_visible()
        await expect(page.get_by_role("article").filter(has_text="Mind the dog.")).to_contain_text(
            "Internal note"
        )

    async def test_without_a_word_is_refused_in_its_place(self, open_page: OpenPage, served: Served) -> None:
        page = await _open_ticket(open_page, served)
        await page.get_by_text("Internal note", exact=True).click()
        await page.get_by_role("button", name="Add note").click()
        await expect(page.get_by_role("alert")).to_contain_text("Write something first.")
        await expect(page.get_by_role("heading", name="Conversation")).to_be_visible()
        await expect(page.get_by_role("button", name="Add note")).to_be_visible()


class TestAttachment:
    async def test_comes_back_as_it_went(self, open_page: OpenPage, served: Served, tmp_path: Path) -> None:
        picture = tmp_path / "Küche – Foto.png"
        picture.write_bytes(a_picture())
        page = await _open_ticket(open_page, served)
        async with page.expect_file_chooser() as choosing:
            await page.get_by_label("File").click()
        await (await choosing.value).set_files(picture)
        await page.get_by_role("button", name="Attach").click()
        await expect(message(page, "is attached")).to_be_visible()
        shown = page.locator(".file img")
        await expect(shown).to_be_visible()
        assert await shown.evaluate("async image => { await image.decode(); return image.naturalWidth; }") > 0
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name=picture.name).click()
        download = await downloading.value
        assert download.suggested_filename == picture.name
        content = (await download.path()).read_bytes()
        assert hashlib.sha256(content).digest() == hashlib.sha256(picture.read_bytes()).digest()

    async def test_that_is_too_large_is_refused_in_words(
        self, open_page: OpenPage, served: Served, tmp_path: Path
    ) -> None:
        large = tmp_path / "large.bin"
        large.write_bytes(bytes(LARGEST_UPLOAD + 1))
        page = await _open_ticket(open_page, served)
        await page.get_by_label("File").set_input_files(large)
        await page.get_by_role("button", name="Attach").click()
        await expect(page.get_by_role("alert")).to_contain_text("larger than")
