from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, tick
from tests.factories import make_ticket


async def _list(open_page: OpenPage, served: Served, word: str) -> Page:
    """A list of two tickets, `… first` above `… second`, as a supervisor sees it."""
    for place in ("second", "first"):
        await served.add(make_ticket, title=f"{word} {place}")
    page = await open_page("supervisor")
    await page.goto(f"/admin/ticket/list?search={word}")
    return page


class TestHelp:
    async def test_opens_closes_and_switches_keys_off(self, open_page: OpenPage, served: Served) -> None:
        page = await _list(open_page, served, "badger")
        help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
        await page.keyboard.press("?")
        await expect(help_).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(help_).to_be_hidden()
        await page.keyboard.press("?")
        await help_.get_by_label("Shortcuts are on").uncheck()
        await page.keyboard.press("Escape")
        await page.reload()
        await page.keyboard.press("n")
        await page.keyboard.press("?")
        await expect(help_).to_be_hidden()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Tickets")

    async def test_is_on_the_page_too(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/")
        await page.get_by_role("button", name="Keyboard shortcuts").click()
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


class TestRows:
    async def test_are_walked_ticked_and_opened(self, open_page: OpenPage, served: Served) -> None:
        page = await _list(open_page, served, "marten")
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        await expect(tick(page, "marten second")).to_be_checked()
        await page.keyboard.press("k")
        await page.keyboard.press("x")
        await expect(page.get_by_text("2 rows ticked")).to_be_visible()
        await page.keyboard.press("x")
        await expect(tick(page, "marten first")).not_to_be_checked()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("marten first")


class TestRecords:
    async def test_are_made_edited_and_sent(self, open_page: OpenPage, served: Served) -> None:
        page = await _list(open_page, served, "polecat")
        await page.keyboard.press("n")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New ticket")
        await page.go_back()
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Edit", exact=True).wait_for()
        await page.keyboard.press("e")
        subject = page.get_by_label("Subject")
        await subject.fill("")
        await subject.press_sequentially("jxne?/k")
        await expect(subject).to_have_value("jxne?/k")
        await subject.press("Control+Enter")
        await expect(message(page, "Saved")).to_be_visible()

    async def test_are_reached_past_the_menu(self, open_page: OpenPage) -> None:
        page = await open_page("agent")
        await page.goto("/admin/ticket/list")
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()


class TestFocus:
    async def test_shows_on_whatever_it_reaches(self, open_page: OpenPage, served: Served) -> None:
        page = await _list(open_page, served, "weasel")
        unseen = []
        for _ in range(45):
            await page.keyboard.press("Tab")
            unseen += await page.evaluate(_WITHOUT_A_MARK)
        assert not unseen, "\n".join(unseen)


# Of the element in focus, and what it lies in, one must look other than without the focus.
_WITHOUT_A_MARK = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return [];
  const chain = [element, element.parentElement, element.parentElement?.parentElement].filter(Boolean);
  const marked = chain.some((each) => {
    const style = getComputedStyle(each);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return ring || style.boxShadow !== "none";
  });
  return marked ? [] : [element.outerHTML.slice(0, 160)];
}"""
