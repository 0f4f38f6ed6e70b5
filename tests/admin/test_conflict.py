import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import asyncpg
import pytest
from httpx import Response

from backoffice.database import SessionFactory, transaction
from models import Ticket
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.page_forms import History, PageForm, errors_in, form_in, history_from_now, open_form
from tests.factories import arranging, make_staff, make_tag, make_ticket


@pytest.fixture
async def ana(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


@pytest.fixture
async def ben(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ben Brown")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session, title="Printer jams", description="At every page.")


@pytest.fixture
async def history(
    owner: asyncpg.Connection, ana: Browser, ben: Browser, ticket: Ticket
) -> AsyncIterator[History]:
    return await history_from_now(owner)


def edit(ticket: Ticket) -> str:
    return f"/admin/ticket/edit/{ticket.id}"


async def opened_by_both(ana: Browser, ben: Browser, ticket: Ticket) -> tuple[PageForm, PageForm]:
    return await open_form(ana.client, edit(ticket)), await open_form(ben.client, edit(ticket))


def sides_in(answer: Response) -> dict[str, list[str]]:
    """By field: mine, theirs and what it was, as the conflict page shows them."""
    sides = {}
    for part in re.findall(r"<fieldset.*?</fieldset>", answer.text, re.DOTALL):
        name = re.findall(r'name="choose-(\w+)"', part)[0]
        values = re.findall(r'class="side-value[^>]*>(.*?)</span>', part, re.DOTALL)
        base = re.findall(r"<del[^>]*>(.*?)</del>", part, re.DOTALL)
        sides[name] = [unescape(value) for value in values + base]
    return sides


class TestStaleSave:
    async def test_shows_both_sides_and_writes_nothing(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        await history.entries()
        answer = await mine.send(title="Printer sings")
        assert answer.status_code == 409
        assert sides_in(answer) == {"title": ["Printer sings", "Printer burns", "Printer jams"]}
        assert await history.entries() == []

    async def test_says_who_changed_it(
        self, ana: Browser, ben: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        await owner.execute("UPDATE tickets SET priority = 'urgent'")
        answer = await mine.send(title="Printer sings", description="Mine alone.")
        assert answer.text.count("Ben Brown") == 1
        assert answer.text.count("backoffice_owner") == 1
        assert "system:test" not in answer.text
        assert sides_in(answer).keys() == {"title", "description", "priority"}

    async def test_suggests_the_side_that_changed_alone(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(status="resolved", title="Printer burns")
        settled = form_in(ana.client, await mine.send(priority="urgent", title="Printer sings"))
        assert [settled.all(f"choose-{name}") for name in ("status", "priority", "title")] == [
            ["theirs"],
            ["mine"],
            [],
        ]

    async def test_reads_relations_and_states_in_words(
        self, ana: Browser, ben: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(assignee=str(ben.user.id), status="waiting_on_customer")
        sides = sides_in(await mine.send(assignee=str(ana.user.id), status="in_progress"))
        assert sides["assignee"] == ["Ana Agent", "Ben Brown", "empty"]
        assert sides["status"] == ["In progress", "Waiting on customer", "Open"]

    async def test_of_the_same_change_is_none(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        await history.entries()
        assert (await mine.send(title="Printer burns")).status_code == 303
        assert await history.entries() == []

    async def test_without_a_change_of_mine_is_none(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns", status="closed")
        await history.entries()
        assert (await mine.send()).status_code == 303
        assert await history.entries() == []

    async def test_says_first_what_is_wrong(self, ana: Browser, ben: Browser, ticket: Ticket) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        refused = await mine.send(title="", priority="high")
        assert (refused.status_code, errors_in(refused)) == (400, {"title": "This is required."})
        answer = await form_in(ana.client, refused).send(title="Printer sings")
        assert sides_in(answer)["title"] == ["Printer sings", "Printer burns", "Printer jams"]


class TestSettling:
    async def test_takes_either_side_of_each_field(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History, owner: asyncpg.Connection
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns", description="Theirs.", status="resolved")
        conflict = form_in(ana.client, await mine.send(title="Printer sings", description="Mine.\nReally."))
        await history.entries()
        answer = await conflict.send(**{"choose-title": "theirs", "choose-description": "mine"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/ticket/details/{ticket.id}")
        changes = {"description": ("Theirs.", "Mine.\nReally.")}
        assert await history.entries() == [("tickets", "UPDATE", changes)]
        stored = await owner.fetchrow("SELECT title, status FROM tickets")
        assert tuple(stored) == ("Printer burns", "resolved")

    async def test_with_all_of_theirs_writes_nothing(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        conflict = form_in(ana.client, await mine.send(title="Printer sings"))
        await history.entries()
        assert (await conflict.send(**{"choose-title": "theirs"})).status_code == 303
        assert "Nothing changed." in (await ana.client.get("/admin/")).text
        assert await history.entries() == []

    @pytest.mark.parametrize("choice", [None, "", "both"])
    async def test_asks_again_for_what_was_not_chosen(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History, choice: str | None
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns", description="Theirs.")
        conflict = form_in(ana.client, await mine.send(title="Printer sings", description="Mine."))
        await history.entries()
        answer = await conflict.send(**{"choose-title": choice, "choose-description": "theirs"})
        assert answer.status_code == 400
        assert "Choose yours or theirs for every field." in answer.text
        assert sides_in(answer) == {
            "title": ["Printer sings", "Printer burns", "Printer jams"],
            "description": ["Mine.", "Theirs.", "At every page."],
        }
        assert await history.entries() == []
        again = form_in(ana.client, answer)
        assert again["choose-description"] == "theirs"
        await again.send(**{"choose-title": "mine"})
        assert await history.entries() == [
            ("tickets", "UPDATE", {"title": ("Printer burns", "Printer sings")})
        ]

    async def test_can_be_overtaken_again(
        self, ana: Browser, ben: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(title="Printer burns")
        conflict = form_in(ana.client, await mine.send(title="Printer sings", priority="high"))
        await (await open_form(ben.client, edit(ticket))).send(title="Printer melts")
        answer = await conflict.send(**{"choose-title": "mine", "choose-priority": "mine"})
        assert answer.status_code == 409
        assert sides_in(answer)["title"] == ["Printer sings", "Printer melts", "Printer burns"]
        await form_in(ana.client, answer).send(**{"choose-title": "mine"})
        assert tuple(await owner.fetchrow("SELECT title, priority FROM tickets")) == ("Printer sings", "high")

    async def test_keeps_texts_of_any_length_and_script(
        self, ana: Browser, ben: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        long = [sign * 99_999 + "\n" for sign in "火水木"]
        await owner.execute("UPDATE tickets SET description = $1", long[0])
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(description=long[1])
        conflict = form_in(ana.client, await mine.send(description=long[2]))
        answer = await conflict.send(**{"choose-description": "mine"})
        assert answer.status_code == 303
        assert await owner.fetchval("SELECT description FROM tickets") == long[2]

    async def test_remembers_the_way_back(self, ana: Browser, ben: Browser, ticket: Ticket) -> None:
        url = f"{edit(ticket)}?from=%2Fadmin%2Fticket%2Flist%3Fstatus%3Dopen"
        mine, theirs = await open_form(ana.client, url), await open_form(ben.client, edit(ticket))
        await theirs.send(title="Printer burns")
        conflict = form_in(ana.client, await mine.send(title="Printer sings", _save="continue"))
        answer = await conflict.send(**{"choose-title": "mine"})
        assert answer.headers["location"] == url


class TestMerging:
    async def test_of_tags_takes_both(
        self, ana: Browser, ben: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            one, two, three, four = [await make_tag(session) for _ in range(4)]
            ticket = await make_ticket(session, tags=[one, two])
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(tags=[str(two.id), str(three.id)], title="Theirs")
        assert (await mine.send(tags=[str(one.id), str(four.id)])).status_code == 303
        rows = await owner.fetch("SELECT tag_id FROM ticket_tags")
        assert {row["tag_id"] for row in rows} == {three.id, four.id}

    async def test_of_tags_goes_on_through_a_conflict(
        self, ana: Browser, ben: Browser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            one, two, three = [await make_tag(session) for _ in range(3)]
            ticket = await make_ticket(session, tags=[one])
        mine, theirs = await opened_by_both(ana, ben, ticket)
        await theirs.send(tags=[str(one.id), str(two.id)], title="Theirs")
        conflict = form_in(ana.client, await mine.send(tags=[str(three.id)], title="Mine"))
        await conflict.send(**{"choose-title": "theirs"})
        rows = await owner.fetch("SELECT tag_id FROM ticket_tags")
        assert {row["tag_id"] for row in rows} == {two.id, three.id}

    async def test_of_grants_takes_both(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        first, second = await browser_of("Administrators"), await browser_of("Administrators")
        group_id = await owner.fetchval("SELECT id FROM groups WHERE name = 'Agents'")
        url = f"/admin/group/edit/{group_id}"
        mine, theirs = await open_form(first.client, url), await open_form(second.client, url)
        before = set(mine.all("permissions"))
        await theirs.send(permissions=[*before, "tag:create"])
        assert (
            await mine.send(permissions=sorted({*before, "tag:edit"} - {"user:create"}))
        ).status_code == 303
        after = set((await open_form(first.client, url)).all("permissions"))
        assert after == (before | {"tag:create", "tag:edit"}) - {"user:create"}


class TestRace:
    async def test_only_one_of_many_wins(
        self, ana: Browser, ben: Browser, ticket: Ticket, history: History
    ) -> None:
        forms = [await open_form(one.client, edit(ticket)) for one in (ana, ben) for _ in range(4)]
        answers = await asyncio.gather(*(form.send(title=f"Title {n}") for n, form in enumerate(forms)))
        assert sorted(answer.status_code for answer in answers) == [303] + [409] * 7
        assert all("title" in sides_in(answer) for answer in answers if answer.status_code == 409)
        [(_, _, changes)] = await history.entries()
        assert changes["title"][0] == "Printer jams"

    async def test_with_a_writer_who_has_not_committed_waits(
        self, ana: Browser, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        mine = await open_form(ana.client, edit(ticket))
        async with owner.transaction():
            await owner.execute("UPDATE tickets SET title = 'Printer burns'")
            saving = asyncio.create_task(mine.send(title="Printer sings"))
            await asyncio.sleep(0.3)
            assert not saving.done()
        assert sides_in(await saving)["title"] == ["Printer sings", "Printer burns", "Printer jams"]


class TestSecrets:
    async def test_are_not_kept_in_the_page(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        first, second = await browser_of("Administrators"), await browser_of("Administrators")
        async with transaction(factory, arranging()) as session:
            person = await make_staff(session)
        url = f"/admin/user/edit/{person.id}"
        mine, theirs = await open_form(first.client, url), await open_form(second.client, url)
        await theirs.send(full_name="Otto Theirs")
        answer = await mine.send(full_name="Otto Mine", password="crimson lantern 77")
        assert answer.status_code == 409
        assert "crimson lantern 77" not in answer.text
        assert "A password or a file is not kept here." in answer.text
        assert sides_in(answer).keys() == {"full_name"}
        assert (await form_in(first.client, answer).send(**{"choose-full_name": "mine"})).status_code == 303
