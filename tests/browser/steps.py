"""What people do on these pages, in a few words each."""

from playwright.async_api import Locator, Page, expect

from tests.browser.served import PASSWORD


async def sign_in(page: Page, email: str, password: str = PASSWORD, url: str = "/admin/login") -> None:
    await page.goto(url)
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_load_state()


async def pick(page: Page, label: str, term: str) -> None:
    """Search in the picker of that label, and take what is found first."""
    box = page.get_by_role("combobox", name=label)
    await box.fill(term)
    await expect(option(page, term)).to_be_visible()
    await box.press("Enter")


async def open_panel(page: Page, label: str) -> None:
    """Unfold the filter of that label."""
    await page.locator("[data-panel] > summary").filter(has_text=label).click()


def option(page: Page, text: str) -> Locator:
    return page.get_by_role("option", name=text).first


async def save(page: Page) -> None:
    await page.locator("main [data-submit]").first.click()
    await page.wait_for_load_state()


def row(page: Page, title: str) -> Locator:
    return page.locator("tbody tr").filter(has_text=title)


def tick(page: Page, title: str) -> Locator:
    return row(page, title).get_by_role("checkbox")


def message(page: Page, text: str) -> Locator:
    """What the desk says on top of the page after a change."""
    return page.locator("[data-flash]").filter(has_text=text)
