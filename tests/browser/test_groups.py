from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, save
from tests.factories import make_group


class TestPermissionMatrix:
    async def test_is_kept_as_it_was_ticked(self, open_page: OpenPage, served: Served) -> None:
        group = await served.add(make_group, grants=[("ticket", "list"), ("tag", "delete")])
        page = await open_page("administrator")
        await page.goto(f"/admin/group/edit/{group.id}")
        await expect(page.get_by_label("List Tickets")).to_be_checked()
        await page.get_by_label("Details Tickets").check()
        await page.get_by_label("Assign Tickets").check()
        await page.get_by_label("Delete Tags").uncheck()
        await save(page)
        await expect(message(page, "Saved")).to_be_visible()
        rows = await served.owner.fetch(
            "SELECT identity, action FROM group_accesses WHERE group_id = $1", group.id
        )
        assert {(row["identity"], row["action"]) for row in rows} == {
            ("ticket", "list"),
            ("ticket", "details"),
            ("ticket", "action:assign"),
        }

    async def test_is_read_by_an_auditor_alone(self, open_page: OpenPage, served: Served) -> None:
        group = await served.add(make_group)
        page = await open_page("auditor")
        await page.goto(f"/admin/group/edit/{group.id}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
