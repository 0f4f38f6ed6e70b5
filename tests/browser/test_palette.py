from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.factories import make_ticket


def _palette(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Search and go to")


def _chosen(page: Page) -> Locator:
    return _palette(page).get_by_role("option", selected=True)


class TestPalette:
    async def test_finds_opens_and_remembers(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket, title="Curlew in the reeds")
        page = await open_page("agent")
        await page.goto("/admin/")
        await page.keyboard.press("Control+k")
        box = _palette(page).get_by_role("combobox")
        await expect(box).to_be_focused()
        await box.press_sequentially("curl")
        await expect(_chosen(page)).to_contain_text("Curlew in the reeds")
        await expect(box).to_have_attribute("aria-activedescendant", "palette-option-0")
        await expect(_palette(page).get_by_role("status")).to_have_text("1 result")
        await box.press("Enter")
        await expect(page).to_have_url(f"{served.url}/admin/ticket/details/{ticket.id}")
        await page.goto("/admin/tag/list")
        await page.get_by_role("link", name="Go to").click()
        await expect(_chosen(page)).to_contain_text("Curlew in the reeds")
        await expect(_palette(page).get_by_role("option", name="Home")).to_be_visible()
        await box.press("ArrowDown")
        await expect(_chosen(page)).to_contain_text("Home")
        await box.press("Escape")
        await expect(_palette(page)).to_be_hidden()
        await expect(page.get_by_role("link", name="Go to")).to_be_focused()

    async def test_takes_what_comes_first_of_whoever_is_quicker(
        self, open_page: OpenPage, served: Served
    ) -> None:
        page = await open_page("supervisor")
        await page.goto("/admin/")
        await page.keyboard.press("Control+k")
        await page.keyboard.type("new tag")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New tag")

    async def test_does_what_can_be_done_with_the_record(self, open_page: OpenPage, served: Served) -> None:
        ticket = await served.add(make_ticket, title="Dunlin")
        page = await open_page("agent")
        await page.goto(f"/admin/ticket/details/{ticket.id}")
        await page.keyboard.press("Control+k")
        await expect(_chosen(page)).to_have_text("Edit")
        await page.keyboard.type("trash")
        await expect(_chosen(page)).to_have_text("Move to trash")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("list", name="What will happen")).to_be_visible()

    async def test_says_when_nothing_is_found_and_stays_as_high(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/")
        await page.keyboard.press("Control+k")
        await expect(_chosen(page)).to_be_visible()
        before = await _palette(page).bounding_box()
        await page.keyboard.type("zzzz")
        await expect(_palette(page).get_by_role("status")).to_have_text("Nothing found.")
        assert await _palette(page).bounding_box() == before

    async def test_rests_with_the_other_shortcuts(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/")
        await page.keyboard.press("?")
        await page.get_by_label("Shortcuts are on").uncheck()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await expect(_palette(page)).to_be_hidden()
        await page.get_by_role("link", name="Go to").click()
        await expect(_palette(page)).to_be_visible()

    async def test_is_a_page_without_scripts(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Godwit")
        page = await open_page("agent", java_script_enabled=False)
        await page.goto("/admin/")
        await page.get_by_role("link", name="Go to").click()
        await page.get_by_role("searchbox", name="Records and pages").fill("godw")
        await page.get_by_role("button", name="Search").click()
        await page.get_by_role("link", name="Godwit").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Godwit")
