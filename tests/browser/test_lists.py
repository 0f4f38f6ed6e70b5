import re

from playwright.async_api import Page, expect

from models import TicketPriority, TicketStatus
from tests.browser.conftest import OpenPage
from tests.browser.served import TICKETS, Served
from tests.browser.steps import open_panel, option, row
from tests.factories import make_ticket


async def _open(open_page: OpenPage, address: str = "/admin/ticket/list") -> Page:
    page = await open_page("agent")
    await page.goto(address)
    return page


class TestSearch:
    async def test_starts_with_a_slash(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Marmalade on the scanner")
        page = await _open(open_page)
        await page.keyboard.press("/")
        box = page.get_by_role("searchbox")
        await expect(box).to_be_focused()
        await page.keyboard.type("marmalade")
        await page.keyboard.press("Enter")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(row(page, "Marmalade on the scanner")).to_be_visible()
        await expect(box).to_have_value("marmalade")

    async def test_without_a_match_says_how_to_go_on(self, open_page: OpenPage, served: Served) -> None:
        page = await _open(open_page, "/admin/ticket/list?search=zzzz&pageSize=50")
        await expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
        await page.get_by_role("link", name="Clear search and filters").click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?pageSize=50")


class TestFilters:
    async def test_apply_when_changed_and_keep_the_focus(self, open_page: OpenPage, served: Served) -> None:
        page = await _open(open_page)
        await open_panel(page, "Status")
        await page.get_by_role("checkbox", name="Resolved").check()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?status=resolved")
        await expect(page.get_by_role("checkbox", name="Resolved")).to_be_focused()
        shown = await page.locator("tbody td:nth-child(4)").all_inner_texts()
        assert {text.strip() for text in shown} == {"Resolved"}

    async def test_wait_for_a_day_that_is_typed_out(self, open_page: OpenPage, served: Served) -> None:
        page = await _open(open_page)
        await open_panel(page, "Created")
        await page.get_by_label("Created: from").press_sequentially("10152025", delay=50)
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?created_at_from=2025-10-15")

    async def test_are_taken_off_one_by_one(self, open_page: OpenPage, served: Served) -> None:
        page = await _open(open_page, "/admin/ticket/list?status=open&priority=high&search=the")
        chips = page.get_by_role("list", name="Active filters")
        await expect(chips.get_by_role("listitem")).to_have_count(4)
        await chips.get_by_role("link", name="Priority: High").click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?status=open&search=the")
        await chips.get_by_role("link", name="Clear all").click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list")
        await expect(chips).to_have_count(0)

    async def test_find_what_nobody_has(self, open_page: OpenPage, served: Served) -> None:
        assignee = await served.make_member("agent")
        await served.add(make_ticket, title="Wombat in the warehouse")
        await served.add(make_ticket, title="Wombat in the office", assignee_id=assignee.id)
        page = await _open(open_page, "/admin/ticket/list?search=wombat")
        await page.get_by_role("combobox", name="Assignee").click()
        await option(page, "Nobody").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(row(page, "Wombat in the warehouse")).to_be_visible()
        await page.get_by_role("combobox", name="Assignee").fill(assignee.full_name)
        await option(page, assignee.full_name).click()
        await expect(row(page, "Wombat in the office")).to_be_visible()
        await expect(page.locator("tbody tr")).to_have_count(1)


class TestOrder:
    async def test_follows_the_heads(self, open_page: OpenPage, served: Served) -> None:
        for priority in (TicketPriority.MEDIUM, TicketPriority.URGENT, TicketPriority.LOW):
            await served.add(make_ticket, title="Pangolin", priority=priority)
        page = await _open(open_page, "/admin/ticket/list?search=pangolin")
        head = page.get_by_role("columnheader", name="Priority")
        for sort, order in (
            ("ascending", ["Low", "Medium", "Urgent"]),
            ("descending", ["Urgent", "Medium", "Low"]),
        ):
            await head.get_by_role("link").click()
            await expect(head).to_have_attribute("aria-sort", sort)
            await expect(page.locator("tbody td:nth-child(5)")).to_have_text(
                [re.compile(one) for one in order]
            )


class TestPaging:
    async def test_goes_on_and_back(self, open_page: OpenPage, served: Served) -> None:
        page = await _open(open_page, "/admin/ticket/list?sortBy=created_at&sort=asc")
        bar = page.get_by_role("navigation", name="Pages")
        await expect(bar).to_contain_text("1–25 of")
        first = await page.locator("tbody td.is-main").first.inner_text()
        await bar.get_by_role("link", name="Next").click()
        await expect(bar).to_contain_text("26–50 of")
        await expect(page).to_have_title("Tickets, page 2 · Backoffice")
        await bar.get_by_role("link", name="Previous").click()
        await expect(page.locator("tbody td.is-main").first).to_have_text(first)

    async def test_leads_to_a_page_by_its_number(self, open_page: OpenPage) -> None:
        page = await _open(open_page)
        bar = page.get_by_role("navigation", name="Pages")
        last = bar.get_by_role("listitem").last
        words = await last.inner_text()
        await last.get_by_role("link").click()
        await expect(page).to_have_title(f"Tickets, page {words} · Backoffice")
        await expect(bar.locator('[aria-current="page"]')).to_contain_text(words)
        await expect(bar.get_by_role("link", name="Next")).to_have_count(0)
        await bar.get_by_role("link", name="Page 1", exact=True).click()
        await expect(bar).to_contain_text("1–25 of")

    async def test_a_row_leads_back_to_where_it_was(self, open_page: OpenPage) -> None:
        page = await _open(open_page)
        await page.get_by_role("link", name="Next").click()
        await expect(page).to_have_title("Tickets, page 2 · Backoffice")
        address = page.url
        await page.locator("tbody td.is-main a").nth(3).click()
        await page.get_by_role("link", name="Tickets", exact=True).last.click()
        await expect(page).to_have_url(address)

    async def test_shows_as_many_rows_as_wanted(self, open_page: OpenPage) -> None:
        page = await _open(open_page, "/admin/ticket/list?page=2")
        await page.get_by_role("link", name="100 rows a page").click()
        await expect(page.locator("tbody tr")).to_have_count(min(100, TICKETS))
        await expect(page.get_by_role("navigation", name="Pages")).to_contain_text("1–100 of")


class TestTrash:
    async def test_is_a_tab_of_its_own(self, open_page: OpenPage, served: Served) -> None:
        await served.add(make_ticket, title="Ocelot lives")
        trashed = await served.add(make_ticket, title="Ocelot is gone")
        await served.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", trashed.id)
        page = await _open(open_page, "/admin/ticket/list?search=ocelot")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.get_by_role("link", name="Trash", exact=True).click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?search=ocelot&trash=only")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(row(page, "Ocelot is gone")).to_be_visible()

    async def test_leads_to_a_record_that_says_where_it_is(self, open_page: OpenPage, served: Served) -> None:
        trashed = await served.add(make_ticket, title="Heron", status=TicketStatus.CLOSED)
        await served.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", trashed.id)
        page = await _open(open_page, f"/admin/ticket/details/{trashed.id}")
        await expect(page.get_by_text("This is in the trash.")).to_be_visible()
        await expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)


class TestWidth:
    async def test_shows_all_columns_and_a_readable_subject(
        self, open_page: OpenPage, served: Served
    ) -> None:
        long = "A subject that says at some length what it is that the customer would like to have mended"
        await served.add(make_ticket, title=long, status=TicketStatus.WAITING_ON_CUSTOMER)
        page = await _open(open_page)
        sideways = "element => element.scrollWidth - element.clientWidth"
        assert await page.locator(".table-wrap").evaluate(sideways) == 0
        assert await page.locator("tbody td.is-main").first.evaluate("cell => cell.clientWidth") >= 240
        await expect(page.get_by_role("columnheader")).to_have_count(9)
