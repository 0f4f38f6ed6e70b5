from typing import Any

import pytest
from playwright.async_api import Page, expect

from models import Theme
from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, sign_in

#: The lightness of what lies behind a page, from 0 to 255.
_LIGHTNESS = """() => {
  const colour = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return Math.max(...colour.slice(0, 3));
}"""


async def _is_dark(page: Page) -> bool:
    return bool(await page.evaluate(_LIGHTNESS) < 80)


class TestColourScheme:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("scripts", [True, False])
    async def test_is_the_systems_from_the_first_moment(
        self, open_page: OpenPage, scheme: str, scripts: bool
    ) -> None:
        page = await open_page("agent", color_scheme=scheme, java_script_enabled=scripts)
        await page.goto("/admin/ticket/list")
        assert await _is_dark(page) is (scheme == "dark")

    async def test_of_the_sign_in_is_the_systems_too(self, open_page: OpenPage) -> None:
        page = await open_page(color_scheme="dark")
        await page.goto("/admin/login")
        assert await _is_dark(page)

    @pytest.mark.parametrize(("theme", "label"), [(Theme.DARK, "Dark"), (Theme.LIGHT, "Light")])
    async def test_is_the_persons_who_chose_one(
        self, open_page: OpenPage, served: Served, theme: Theme, label: str
    ) -> None:
        member = await served.make_member("agent")
        other: Any = {Theme.DARK: "light", Theme.LIGHT: "dark"}[theme]
        page = await open_page(color_scheme=other)
        await sign_in(page, member.email)
        await page.goto("/admin/account")
        await page.get_by_label("Appearance").select_option(label)
        await page.get_by_role("button", name="Save preferences").click()
        await expect(message(page, "Your preferences are saved.")).to_be_visible()
        assert await _is_dark(page) is (theme is Theme.DARK)


class TestPassword:
    async def test_is_changed_and_other_browsers_are_signed_out(
        self, open_page: OpenPage, served: Served
    ) -> None:
        member = await served.make_member("agent")
        page, elsewhere = await open_page(), await open_page()
        for each in (page, elsewhere):
            await sign_in(each, member.email)
        await page.goto("/admin/account")
        await page.get_by_label("Current password").fill("violet harbour 42")
        await page.locator("[name=new_password]").fill("a longer one than before")
        await page.get_by_label("New password again").fill("a longer one than before")
        await page.get_by_role("button", name="Change password").click()
        await expect(message(page, "Your password is changed.")).to_be_visible()
        await elsewhere.goto("/admin/ticket/list")
        await expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
