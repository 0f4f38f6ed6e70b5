from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page, StorageState

from tests.browser.conftest import OpenPage
from tests.browser.exhibits import PAGES
from tests.browser.making import Exhibits, make_exhibits
from tests.browser.served import Served

PHONE = {"width": 390, "height": 844}
GRAVE = {"serious", "critical"}
ALL: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
#: What another colour scheme can spoil.
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}


@pytest.fixture(scope="package")
async def exhibits(chromium: Any, served: Served, sessions: dict[str, StorageState]) -> Exhibits:
    context = await chromium.new_context(base_url=served.url, storage_state=sessions["supervisor"])
    exhibits = await make_exhibits(served, await context.new_page())
    await context.close()
    return exhibits


class TestEveryPage:
    @pytest.mark.parametrize("name", PAGES)
    async def test_fits_and_is_accessible(self, open_page: OpenPage, exhibits: Exhibits, name: str) -> None:
        role, arrive = PAGES[name]
        page = await open_page(role)
        await arrive(page, exhibits)
        await page.evaluate(AXE_SCRIPT)
        found = await _grave(page, ALL, "wide") + await _grave_when_dark(page, "wide")
        await page.set_viewport_size(PHONE)
        found += await _grave(page, ALL, "narrow") + await _grave_when_dark(page, "narrow")
        found += [f"too small to touch: {each}" for each in await page.evaluate(_SMALL)]
        found += [f"too wide by {each} px" for each in await page.evaluate(_OVERFLOW)]
        assert not found, "\n".join(found)


async def _grave(page: Page, options: dict[str, Any], width: str) -> list[str]:
    result = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{width}: {violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


async def _grave_when_dark(page: Page, width: str) -> list[str]:
    await page.emulate_media(color_scheme="dark")
    found = await _grave(page, COLOURS, f"{width}, dark")
    await page.emulate_media(color_scheme="light")
    return found


_OVERFLOW = "[document.documentElement.scrollWidth - window.innerWidth].filter((more) => more > 0)"

# What a finger must hit: at least 40 px high, with the label that belongs to it. Links within a text may be
# as high as their line.
_SMALL = """
() => {
  const small = [];
  for (const each of document.querySelectorAll("button, select, summary, input, textarea, a.btn, nav a")) {
    const target = each.matches("[type=checkbox], [type=radio]") ? each.closest("label") ?? each : each;
    const box = target.getBoundingClientRect();
    const isShown = each.checkVisibility({ visibilityProperty: true }) && box.width > 1 && box.height > 1;
    const words = `${Math.round(box.height)} px: ${each.outerHTML.slice(0, 140)}`;
    if (isShown && box.height < 39.5) small.push(words);
  }
  return small;
}"""
