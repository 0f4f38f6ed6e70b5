import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import asyncpg
import pytest
from httpx import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backoffice.database import SessionFactory, transaction
from models import Ticket
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.page_forms import History, PageForm, errors_in, history_from_now, open_form
from tests.factories import arranging, make_comment, make_group, make_staff, make_tag, make_ticket, make_user


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session, title="Printer jams", description="At every page.")


@pytest.fixture
async def form(agent: Browser, ticket: Ticket) -> PageForm:
    return await open_form(agent.client, f"/admin/ticket/edit/{ticket.id}")


@pytest.fixture
async def history(owner: asyncpg.Connection, form: PageForm) -> AsyncIterator[History]:
    return await history_from_now(owner)


CANNOT_BE_CHOSEN = "This cannot be chosen, or no longer: look it up again."


class TestPicking:
    async def test_takes_only_what_the_picker_offers(
        self, form: PageForm, history: History, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            customer = await make_user(session, full_name="Cleo Customer")
            former = await make_staff(session, full_name="Fred Former", is_active=False)
        await history.entries()
        for person in (customer, former):
            answer = await form.send(assignee=str(person.id))
            assert (answer.status_code, errors_in(answer)) == (400, {"assignee": CANNOT_BE_CHOSEN})
            assert person.full_name not in answer.text
        assert await history.entries() == []

    async def test_leaves_alone_what_could_not_be_picked_anew(
        self, agent: Browser, form: PageForm, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("UPDATE users SET is_active = false, full_name = 'Gone' WHERE not is_staff")
        history = await history_from_now(owner)
        form = await open_form(agent.client, form.action)
        assert (await form.send(title="Printer burns")).status_code == 303
        assert [list(changes) for _, _, changes in await history.entries()] == [["title"]]

    async def test_knows_a_parent_in_the_trash(
        self, agent: Browser, factory: SessionFactory, ticket: Ticket, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket)
            other = await make_ticket(session)
        await owner.execute("UPDATE tickets SET deleted_at = now()")
        form = await open_form(agent.client, f"/admin/comment/edit/{comment.id}")
        assert form["ticket"] == str(ticket.id)
        assert (await form.send(content="Typed")).status_code == 303
        answer = await (await open_form(agent.client, form.action)).send(ticket=str(other.id))
        assert errors_in(answer) == {"ticket": CANNOT_BE_CHOSEN}

    async def test_of_garbage(self, form: PageForm, history: History) -> None:
        for key in ("abc", "0", "-1", "9" * 19, "9" * 30, "9" * 5000, "1.0", "१", "1;2"):
            answer = await form.send(assignee=key, tags=[key])
            assert errors_in(answer) == {"assignee": CANNOT_BE_CHOSEN, "tags": CANNOT_BE_CHOSEN}
        assert await history.entries() == []

    async def test_of_the_same_twice_is_once(
        self, form: PageForm, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session)
        await form.send(tags=[str(tag.id), f"0{tag.id}", str(tag.id), ""])
        assert await owner.fetchval("SELECT count(*) FROM ticket_tags") == 1


class TestTampering:
    async def test_with_a_field_left_out(self, form: PageForm, history: History) -> None:
        for name in ("title", "description", "status", "creator", "assignee"):
            answer = await form.send(**{name: None, "priority": "urgent"})
            assert (answer.status_code, list(errors_in(answer))) == (400, [name])
            assert "did not arrive" in errors_in(answer)[name]
        assert await history.entries() == []

    async def test_with_the_version(self, form: PageForm, history: History) -> None:
        for version in (None, "", "abc", "-1", "1.5", "9" * 30, "4294967296", "१"):
            answer = await form.send(version=version, title="Printer burns")
            assert answer.status_code == 400
            assert "Reload the page and try again." in answer.text
        assert await history.entries() == []

    async def test_with_the_base(self, form: PageForm, history: History) -> None:
        for base in (None, "", "{", "[]", "null", "{}", "[" * 10_000, '{"title": "x"}', '{"title": NaN}'):
            answer = await form.send(base=base, title="Printer burns")
            assert answer.status_code == 400
            assert "Reload the page and try again." in answer.text
        assert await history.entries() == []

    async def test_with_a_term_of_the_base(self, form: PageForm, history: History) -> None:
        shown = json.loads(form["base"])
        for change in ({"title": None}, {"title": ["x"]}, {"tags": "1"}, {"tags": [1]}, {"tags": [["1"]]}):
            answer = await form.send(base=json.dumps({**shown, **change}), title="Printer burns")
            assert answer.status_code == 400
        assert await history.entries() == []

    async def test_with_an_ancestor_that_is_none(
        self, agent: Browser, form: PageForm, history: History
    ) -> None:
        for ancestor in (None, "", "[]", '{"title": 1}'):
            answer = await form.send(resolve="1", ancestor=ancestor, title="Printer burns")
            assert answer.status_code == 400
        assert await history.entries() == []

    async def test_with_a_file_where_a_text_belongs(self, form: PageForm, history: History) -> None:
        for name in ("title", "base", "version", "status", "assignee", "tags", "_save"):
            parts = [(known, (None, value)) for known, value in form.filled(priority="low") if known != name]
            answer = await form.client.post(form.action, files=[*parts, (name, ("a.txt", b"text"))])
            assert answer.status_code == (303 if name in ("tags", "_save") else 400), name
            form.pairs = (await open_form(form.client, form.action)).pairs


class TestRefusals:
    async def test_by_a_rule_are_said_at_the_field(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        admin = await browser_of("Administrators")
        async with transaction(factory, arranging()) as session:
            person = await make_staff(session)
        history = await history_from_now(owner)
        form = await open_form(admin.client, f"/admin/user/edit/{person.id}")
        answer = await form.send(full_name="Otto", password="crimson")
        assert (answer.status_code, list(errors_in(answer))) == (400, ["password"])
        assert 'value="Otto"' in answer.text
        assert "crimson" not in answer.text
        assert await history.entries() == []

    async def test_by_the_database_are_said_at_the_field(
        self, browser_of: OpenBrowser, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        admin = await browser_of("Administrators")
        async with transaction(factory, arranging()) as session:
            person, other = await make_user(session), await make_user(session)
            group = await make_group(session, name="Night shift")
        history = await history_from_now(owner)
        form = await open_form(admin.client, f"/admin/user/edit/{person.id}")
        answer = await form.send(full_name="Otto", email=f" {other.email.upper()}", groups=[str(group.id)])
        assert (answer.status_code, errors_in(answer)) == (400, {"email": "Another user has this already."})
        assert 'value="Otto"' in answer.text
        assert ">Night shift</option>" in answer.text
        assert "uq_users_email" not in answer.text
        assert await history.entries() == []

    async def test_that_name_no_field_are_said_above_the_form(
        self, browser_of: OpenBrowser, owner: asyncpg.Connection
    ) -> None:
        admin = await browser_of("Administrators")
        form = await open_form(admin.client, f"/admin/user/edit/{admin.user.id}")
        answer = await form.send(is_staff=None, full_name="Otto")
        assert answer.status_code == 409
        assert 'value="Otto"' in answer.text
        assert await owner.fetchval("SELECT is_staff FROM users WHERE id = $1", admin.user.id)

    async def test_of_a_new_password_are_no_undo(
        self, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        admin = await browser_of("Administrators")
        async with transaction(factory, arranging()) as session:
            person = await make_staff(session)
        form = await open_form(admin.client, f"/admin/user/edit/{person.id}")
        await form.send(full_name="Otto", password="crimson lantern 77")
        page = await admin.client.get("/admin/")
        assert "Saved Otto." in page.text
        assert "/undo" not in page.text


LIST = "/admin/ticket/list?status=open&search=caf%C3%A9&page=3"
ELSEWHERE = [
    "https://example.com/admin/ticket/list",
    "//example.com/admin/",
    "/\\example.com/admin/",
    "/elsewhere",
    "javascript:alert(1)",
    "/admin/\r\nSet-Cookie: x=1",
    "http://[",
]


class TestWaysOn:
    async def save(self, client: AsyncClient, url: str, origin: str, **changes: str) -> str:
        form = await open_form(client, f"{url}?from={quote(origin, safe='')}")
        answer = await form.send(**changes)
        assert answer.status_code == 303
        location: str = answer.headers["location"]
        return location

    async def test_lead_to_the_record_and_from_there_to_the_list(
        self, form: PageForm, ticket: Ticket
    ) -> None:
        location = await self.save(form.client, form.action, LIST, title="Printer burns")
        assert location == f"/admin/ticket/details/{ticket.id}?from={quote(LIST, safe='')}"

    async def test_lead_back_to_another_record(
        self, form: PageForm, factory: SessionFactory, ticket: Ticket
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket)
        page = f"/admin/ticket/details/{ticket.id}"
        url = f"/admin/comment/edit/{comment.id}"
        assert await self.save(form.client, url, page, content="Typed") == page

    async def test_lead_nowhere_else(self, form: PageForm, ticket: Ticket) -> None:
        for origin in ELSEWHERE:
            location = await self.save(form.client, form.action, origin, title=f"From {origin[:5]}")
            assert location == f"/admin/ticket/details/{ticket.id}"
            page = await form.client.get(f"{form.action}?from={quote(origin, safe='')}")
            assert f'href="/admin/ticket/details/{ticket.id}" data-leave' in page.text

    async def test_can_be_chosen(self, form: PageForm, ticket: Ticket) -> None:
        origin = f"?from={quote(LIST, safe='')}"
        for button, page in (("continue", f"edit/{ticket.id}"), ("another", "create")):
            location = await self.save(form.client, form.action, LIST, title=button, _save=button)
            assert location == f"/admin/ticket/{page}{origin}"


NAMES = ["title", "description", "status", "priority", "creator", "assignee", "tags", "base", "version"]
FURTHER = ["resolve", "ancestor", "choose-title", "_save"]
ODD = ["", "\x00", "x" * 100_001, "💥" * 501, "open", "1", "-1", "9" * 40]
SENT = st.dictionaries(
    st.sampled_from([*NAMES, *FURTHER]), st.text(max_size=40) | st.sampled_from(ODD) | st.none()
)
TYPED = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
# A database a test is enough: what one example leaves is what the next one finds.
ON_ONE_DATABASE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestBadInput:
    @settings(ON_ONE_DATABASE, max_examples=80)
    @given(sent=SENT)
    async def test_is_never_an_error_of_ours(
        self, form: PageForm, owner: asyncpg.Connection, sent: dict[str, str | None]
    ) -> None:
        before = await _stored(owner)
        for action in (form.action, "/admin/ticket/create"):
            form.pairs = (await open_form(form.client, form.action)).pairs
            answer = await PageForm(form.client, action, form.pairs).send(**sent)
            assert answer.status_code in (303, 400, 409)
            if answer.status_code != 303:
                assert await _stored(owner) == before
                assert "sqlalchemy" not in answer.text.lower()
            before = await _stored(owner)

    @settings(ON_ONE_DATABASE, max_examples=30)
    @given(title=TYPED, status=st.sampled_from(["open", "closed"]))
    async def test_is_stored_as_it_was_typed_where_it_is_good(
        self, form: PageForm, owner: asyncpg.Connection, title: str, status: str
    ) -> None:
        form.pairs = (await open_form(form.client, form.action)).pairs
        expected = title.replace("\r", "").replace("\n", "").strip()
        answer = await form.send(title=title, status=status)
        assert answer.status_code == (303 if expected and "\x00" not in title else 400)
        if answer.status_code == 303:
            assert tuple(await owner.fetchrow("SELECT title, status FROM tickets")) == (expected, status)


async def _stored(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    return [
        await owner.fetch("SELECT xmin, * FROM tickets ORDER BY id"),
        await owner.fetch("SELECT * FROM ticket_tags"),
        await owner.fetch("SELECT count(*) FROM audit_logs"),
    ]
