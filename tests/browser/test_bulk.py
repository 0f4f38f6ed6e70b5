import re
from collections.abc import Sequence

from playwright.async_api import Page, expect

from models import Ticket
from tests.browser.conftest import OpenPage
from tests.browser.served import Served
from tests.browser.steps import message, pick, tick
from tests.factories import make_ticket


async def _tickets(served: Served, word: str, count: int) -> Sequence[Ticket]:
    """Tickets of a test's own, oldest first, which `word` finds."""
    return [await served.add(make_ticket, title=f"{word} number {number}") for number in range(count)]


async def _priorities(served: Served, tickets: Sequence[Ticket]) -> list[str]:
    rows = await served.owner.fetch(
        "SELECT priority FROM tickets WHERE id = ANY($1) ORDER BY id", [ticket.id for ticket in tickets]
    )
    return [row["priority"] for row in rows]


async def _set_priority(page: Page, priority: str) -> None:
    await page.get_by_role("button", name="Set priority").click()
    await page.get_by_label("Priority").select_option(priority)
    await page.get_by_role("button", name="Continue").click()


class TestTicking:
    async def test_takes_a_range_with_shift(self, open_page: OpenPage, served: Served) -> None:
        await _tickets(served, "Lynx", 5)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=lynx")
        await tick(page, "Lynx number 3").click()
        await tick(page, "Lynx number 1").click(modifiers=["Shift"])
        await expect(page.get_by_text("3 rows ticked")).to_be_visible()
        for number in range(5):
            await expect(tick(page, f"Lynx number {number}")).to_be_checked(checked=1 <= number <= 3)

    async def test_takes_the_page_and_lets_it_go(self, open_page: OpenPage, served: Served) -> None:
        await _tickets(served, "Ibex", 3)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=ibex")
        await page.get_by_label("Tick all rows on this page").check()
        await expect(page.get_by_text("3 rows ticked")).to_be_visible()
        await page.get_by_role("button", name="Untick all").click()
        await expect(page.locator("[name=pks]:checked")).to_have_count(0)
        await expect(page.get_by_role("button", name="Assign", exact=True)).to_be_hidden()


class TestTickedRows:
    async def test_change_alone_and_change_back(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Stoat", 4)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=stoat&status=open")
        await tick(page, "Stoat number 0").check()
        await tick(page, "Stoat number 2").check()
        await _set_priority(page, "Urgent")
        tally = page.get_by_role("list", name="What will happen")
        await expect(tally).to_contain_text("2 will change")
        await page.get_by_role("button", name="Set priority").click()
        done = message(page, "2 tickets given a new priority.")
        await expect(done).to_be_visible()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?search=stoat&status=open")
        assert await _priorities(served, tickets) == ["urgent", "medium", "urgent", "medium"]
        await done.get_by_role("button", name="Undo").click()
        await expect(message(page, "Undone")).to_be_visible()
        assert await _priorities(served, tickets) == ["medium"] * 4

    async def test_are_counted_before_anything_is_done(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Okapi", 3)
        await served.owner.execute("UPDATE tickets SET priority = 'high' WHERE id = $1", tickets[0].id)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=okapi")
        await page.get_by_label("Tick all rows on this page").check()
        await _set_priority(page, "High")
        tally = page.get_by_role("list", name="What will happen")
        await expect(tally.get_by_role("listitem")).to_have_text(
            [re.compile(r"2\s+will change"), re.compile(r"1\s+already is so")]
        )
        await page.get_by_role("link", name="Cancel").click()
        await expect(page).to_have_url(f"{served.url}/admin/ticket/list?search=okapi")
        assert await _priorities(served, tickets) == ["high", "medium", "medium"]

    async def test_are_assigned_to_whom_was_picked(self, open_page: OpenPage, served: Served) -> None:
        assignee = await served.make_member("agent")
        [ticket] = await _tickets(served, "Tapir", 1)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=tapir")
        await tick(page, "Tapir number 0").check()
        await page.get_by_role("button", name="Assign", exact=True).click()
        await pick(page, "Assignee", assignee.full_name)
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Assign", exact=True).click()
        await expect(message(page, "1 ticket assigned.")).to_be_visible()
        stored = await served.owner.fetchrow(
            "SELECT assignee_id, status FROM tickets WHERE id = $1", ticket.id
        )
        assert tuple(stored or ()) == (assignee.id, "in_progress")


class TestAllThatMatch:
    async def test_change_beyond_the_page(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Quagga", 30)
        [other] = await _tickets(served, "Zebra", 1)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=quagga")
        await expect(page.locator("tbody tr")).to_have_count(25)
        await page.get_by_label("Tick all rows on this page").check()
        await page.get_by_label("All 30 that match").check()
        await expect(page.get_by_text("Every matching row")).to_be_visible()
        await _set_priority(page, "Low")
        await expect(page.get_by_text("all tickets that match “quagga”")).to_be_visible()
        await page.get_by_role("button", name="Set priority").click()
        await expect(message(page, "30 tickets given a new priority.")).to_be_visible()
        assert await _priorities(served, [*tickets, other]) == ["low"] * 30 + ["medium"]

    async def test_but_for_those_that_are_unticked(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Bongo", 27)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=bongo&sortBy=created_at&sort=asc")
        await tick(page, "Bongo number 3").check()
        await page.get_by_label("All 27 that match").check()
        await tick(page, "Bongo number 0").uncheck()
        await expect(page.get_by_text("Every matching row but 1")).to_be_visible()
        await page.get_by_role("link", name="Next").click()
        await tick(page, "Bongo number 26").uncheck()
        await expect(page.get_by_text("Every matching row but 2")).to_be_visible()
        await _set_priority(page, "Low")
        await expect(page.get_by_text("“bongo”, but for 2 of them")).to_be_visible()
        await page.get_by_role("button", name="Set priority").click()
        await expect(message(page, "25 tickets given a new priority.")).to_be_visible()
        assert await _priorities(served, tickets) == ["medium", *["low"] * 25, "medium"]


class TestSeveralPages:
    async def test_are_ticked_together(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Tapir", 27)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=tapir&sortBy=created_at&sort=asc")
        await tick(page, "Tapir number 3").check()
        await page.get_by_role("link", name="Next").click()
        await expect(page.get_by_text("1 row ticked, 1 on other pages")).to_be_visible()
        await tick(page, "Tapir number 25").check()
        await page.get_by_role("link", name="Previous").click()
        await expect(tick(page, "Tapir number 3")).to_be_checked()
        await _set_priority(page, "Low")
        await expect(page.get_by_text("2 ticked tickets")).to_be_visible()
        await page.get_by_role("button", name="Set priority").click()
        await expect(message(page, "2 tickets given a new priority.")).to_be_visible()
        changed = [number for number, one in enumerate(await _priorities(served, tickets)) if one == "low"]
        assert changed == [3, 25]

    async def test_are_forgotten_once_it_is_done(self, open_page: OpenPage, served: Served) -> None:
        await _tickets(served, "Dugong", 2)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=dugong")
        await tick(page, "Dugong number 1").check()
        await _set_priority(page, "Low")
        await page.get_by_role("link", name="Cancel").click()
        await expect(page.get_by_text("1 row ticked")).to_be_visible()
        await _set_priority(page, "Low")
        await page.get_by_role("button", name="Set priority").click()
        await expect(message(page, "1 ticket given a new priority.")).to_be_visible()
        await expect(page.locator("[name=pks]:checked")).to_have_count(0)

    async def test_are_another_matter_in_another_list(self, open_page: OpenPage, served: Served) -> None:
        await _tickets(served, "Gaur", 2)
        page = await open_page("supervisor")
        await page.goto("/admin/ticket/list?search=gaur")
        await tick(page, "Gaur number 1").check()
        await page.goto("/admin/ticket/list?search=gaur&status=open")
        await expect(page.locator("[name=pks]:checked")).to_have_count(0)
        await expect(page.get_by_role("button", name="Assign", exact=True)).to_be_hidden()


class TestTrash:
    async def test_is_left_again_by_restoring(self, open_page: OpenPage, served: Served) -> None:
        [ticket] = await _tickets(served, "Gecko", 1)
        page = await open_page("supervisor")
        await page.goto(f"/admin/ticket/details/{ticket.id}")
        await page.get_by_role("button", name="Move to trash").click()
        await page.get_by_role("button", name="Move to trash").click()
        await expect(message(page, "1 ticket moved to trash.")).to_be_visible()
        await page.goto(f"/admin/ticket/details/{ticket.id}")
        await page.get_by_role("button", name="Restore").click()
        await page.get_by_role("button", name="Restore").click()
        await expect(message(page, "1 ticket restored.")).to_be_visible()
        assert await served.value("SELECT deleted_at FROM tickets WHERE id = $1", ticket.id) is None


class TestDeleteForever:
    async def test_needs_the_word(self, open_page: OpenPage, served: Served) -> None:
        tickets = await _tickets(served, "Dodo", 2)
        ids = [ticket.id for ticket in tickets]
        await served.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = ANY($1)", ids)
        page = await open_page("administrator")
        await page.goto("/admin/ticket/list?search=dodo&trash=only")
        await tick(page, "Dodo number 0").check()
        await page.get_by_role("button", name="Delete forever").click()
        word = page.get_by_label("Type DELETE to go on")
        await word.fill("delete")
        await page.get_by_role("button", name="Delete forever").click()
        await expect(page.get_by_role("alert")).to_contain_text("Type DELETE to confirm.")
        assert await served.value("SELECT count(*) FROM tickets WHERE id = ANY($1)", ids) == 2
        await word.fill("DELETE")
        await page.get_by_role("button", name="Delete forever").click()
        gone = message(page, "1 ticket deleted forever.")
        await expect(gone).to_be_visible()
        await expect(gone.get_by_role("button", name="Undo")).to_have_count(0)
        assert await served.value("SELECT array_agg(id) FROM tickets WHERE id = ANY($1)", ids) == ids[1:]
