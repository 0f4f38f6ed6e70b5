"""Bringing a file in, in a browser: from the sidebar to the undo."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served

FILE = """Number;Subject;Description;State;Requester email
{0}-1;"Kettle; blue";It
whistles;Geparkt;kay{0}@example.com
{0}-2;;No subject;open;kay{0}@example.com
"""


@pytest.mark.parametrize("has_scripts", [True, False])
async def test_a_file_is_tried_imported_and_taken_back(
    open_page: OpenPage, served: Served, has_scripts: bool
) -> None:
    serial = "KS" if has_scripts else "KN"
    page = await open_page("supervisor", java_script_enabled=has_scripts)
    await page.goto("/admin/")
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Import").click()
    await page.get_by_role("link", name="Import a file").click()
    content = FILE.format(serial).replace("It\nwhistles", '"It\nwhistles"').encode("cp1252")
    file = {"name": "kettles.csv", "mimeType": "text/csv", "buffer": content}
    await page.get_by_label("File").set_input_files(file)
    await page.get_by_role("button", name="Upload").click()
    await expect(page.get_by_text("columns separated by a semicolon")).to_be_visible()
    await page.get_by_label("Geparkt").select_option("Waiting on customer")
    await page.get_by_role("button", name="Check every row").click()
    await expect(page.get_by_role("heading", name="Checked: nothing is changed yet")).to_be_visible()
    await expect(page.get_by_text("It has no subject")).to_be_visible()
    await page.get_by_label("leave out the row that is wrong").check()
    await page.get_by_role("button", name="Import 1 row").click()
    await expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    await page.get_by_role("link", name="Kettle; blue").click()
    await expect(page.get_by_text("Waiting on customer").first).to_be_visible()
    await page.go_back()
    await page.get_by_role("link", name="The operation, and its undo").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("2 records put back")).to_be_visible()
    trashed = "SELECT deleted_at IS NOT NULL FROM tickets WHERE ticket_number = $1"
    assert await served.value(trashed, f"{serial}-1")
