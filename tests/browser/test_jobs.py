"""A job's page in a browser: it goes on by itself, and is seen by being looked at."""

from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from backoffice.database import transaction
from models import JobState
from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.factories import arranging, make_job


async def add_job(served: Served, state: JobState) -> UUID:
    """A job of the supervisor's that is 40 % done."""
    asked = await served.value("SELECT id FROM users WHERE full_name = 'Sam Supervisor'")
    async with transaction(served.factory, arranging()) as session:
        job = await make_job(session, user_id=asked, state=state, rows_total=1_000, rows_done=400)
        return job.id


async def rings(page: Page) -> int:
    label = await page.locator(".bell").get_attribute("aria-label") or ""
    return int(next((word for word in label.split() if word.isdigit()), "0"))


@pytest.fixture(autouse=True)
async def _seen_before(served: Served) -> None:
    await served.owner.execute("UPDATE jobs SET seen_at = now() WHERE ended_at IS NOT NULL")


class TestPage:
    async def test_goes_on_by_itself_and_keeps_the_focus(self, served: Served, open_page: OpenPage) -> None:
        job, page = await add_job(served, JobState.RUNNING), await open_page("supervisor")
        await page.goto(f"/admin/job/details/{job}")
        await page.get_by_role("button", name="Cancel").focus()
        await served.owner.execute("UPDATE jobs SET rows_done = 730 WHERE id = $1", job)
        await expect(page.get_by_text("730 of 1,000 rows")).to_be_visible()
        await expect(page.locator("[data-live-status]")).to_have_text("70 % done")
        await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        ended = "UPDATE jobs SET rows_done = 1000, state = 'done', ended_at = now() WHERE id = $1"
        await served.owner.execute(ended, job)
        await expect(page.get_by_role("heading", name="Done")).to_be_visible()
        await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)

    async def test_is_seen_by_being_looked_at(self, served: Served, open_page: OpenPage) -> None:
        job, page = await add_job(served, JobState.DONE), await open_page("supervisor")
        await page.goto("/admin/account")
        assert await rings(page) == 1
        await page.goto(f"/admin/job/details/{job}")
        await expect(page.locator(".bell-count")).to_have_count(0)
        assert await served.value("SELECT seen_at IS NOT NULL FROM jobs WHERE id = $1", job)

    async def test_without_scripts_there_are_buttons(self, served: Served, open_page: OpenPage) -> None:
        job = await add_job(served, JobState.RUNNING)
        page = await open_page("supervisor", java_script_enabled=False)
        await page.goto(f"/admin/job/details/{job}")
        ended = "UPDATE jobs SET rows_done = 1000, state = 'done', ended_at = now() WHERE id = $1"
        await served.owner.execute(ended, job)
        await page.get_by_role("link", name="Refresh").click()
        await expect(page.get_by_role("heading", name="Done")).to_be_visible()
        await page.get_by_role("button", name="Mark as seen").click()
        await expect(page.get_by_role("button", name="Mark as seen")).to_have_count(0)
        assert await rings(page) == 0

    async def test_approved_by_somebody_else_it_goes_on(self, served: Served, open_page: OpenPage) -> None:
        job = await add_job(served, JobState.WAITING)
        page, other = await open_page("supervisor"), await open_page("administrator")
        await page.goto(f"/admin/job/details/{job}")
        await expect(page.get_by_text("Somebody else has to approve it")).to_be_visible()
        await other.goto(f"/admin/job/details/{job}")
        await other.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("heading", name="Queued")).to_be_visible()
