import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.applications import Starlette

from backoffice.admin.places import ordering
from backoffice.database import SessionFactory
from models import Attachment, AuditLog, Comment, Operation, Tag, Ticket, TicketStatus, User
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents")


@pytest.fixture
async def supervisor(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Supervisors")


class TestOrder:
    async def test_both_directions(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await make_tickets(factory, *({"status": status} for status in TicketStatus))
        assert keys_in(await listed(agent.client, sortBy="status", sort="asc")) == keys
        response = await listed(agent.client, sortBy="status", sort="desc")
        assert keys_in(response) == keys[::-1]
        assert response.text.count('aria-sort="descending"') == 1

    async def test_a_click_turns_it_round(self, agent: Browser) -> None:
        links = links_in(await listed(agent.client))
        assert "/admin/ticket/list?sortBy=created_at&sort=asc" in links
        links = links_in(await listed(agent.client, sortBy="created_at", sort="asc"))
        assert "/admin/ticket/list?sortBy=created_at&sort=desc" in links

    def test_it_follows_an_index_to_its_end(self) -> None:
        chains = {
            (Ticket, "status"): ["status", "created_at", "id"],
            (Ticket, "created_at"): ["created_at", "id"],
            (Ticket, "deleted_at"): ["deleted_at", "id"],
            (Operation, "created_at"): ["created_at", "id"],
            (User, "email"): ["email", "id"],
            (Tag, "name"): ["name", "id"],
        }
        for (model, name), names in chains.items():
            columns = [each.element.key for each in ordering(model, name, is_descending=True)]  # type: ignore[attr-defined]
            assert columns == names

    async def test_everything_that_can_be_sorted_has_an_index(self, app: Starlette) -> None:
        for view in app.state.site.views:
            table = view.model.__table__
            indexed = {next(iter(index.columns)).name for index in table.indexes if index.columns}
            unique = {column.name for column in table.columns if column.unique or column.primary_key}
            assert set(view.column_sortable_list) <= indexed | unique, type(view).__name__


class TestNonsense:
    async def test_a_sentence_and_no_rows(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        for query in (
            *("page=abc", "page=0", "page=-1", f"page={10**30}", "page=1e3", "page=²", "page=1000001"),
            *("pageSize=26", "pageSize=all", "pageSize=-25", "pageSize=9999999999"),
            *("sortBy=title", "sortBy=password_hash", "sortBy=created_at;--", "sort=up", "sortBy=tags"),
            *("trash=yes", "trash=all", f"search={'a' * 20_000}"),
        ):
            response = await agent.client.get(f"/admin/ticket/list?{query}")
            assert response.status_code == 400, query
            assert keys_in(response) == [], query
            assert "data-filters" in response.text, query

    async def test_two_mistakes_are_both_named(self, agent: Browser) -> None:
        page = main_of(await listed(agent.client, status="lost", page="first"))
        assert "Status: there is no “lost”." in page
        assert "There is no page “first”." in page

    async def test_a_way_out(self, agent: Browser) -> None:
        for query, way_out in (
            ("status=open&after=x", "?status=open"),
            ("status=open&page=0&sort=asc", "?status=open"),
            ("status=lost&sort=asc", "?sort=asc"),
            ("status=lost&trash=only", "?trash=only"),
            ("status=lost&sort=up", ""),
            ("trash=all", ""),
        ):
            page = await agent.client.get(f"/admin/ticket/list?{query}")
            assert f'<a class="btn btn-plain" href="/admin/ticket/list{way_out}">' in page.text, query

    async def test_a_nul(self, agent: Browser) -> None:
        for query in ("search=%00", "status=%00", "page=%00"):
            assert (await agent.client.get(f"/admin/ticket/list?{query}")).status_code == 400

    async def test_what_it_does_not_know_is_kept_and_ignored(self, agent: Browser) -> None:
        response = await listed(agent.client, utm_source="mail", pageSize=25)
        assert response.status_code == 200

    async def test_no_search_and_no_trash_where_there_is_none(self, browser_of: OpenBrowser) -> None:
        auditor = await browser_of("Auditors")
        assert (await listed(auditor.client, "audit-log", search="x")).status_code == 400
        assert (await listed(auditor.client, "audit-log", trash="only")).status_code == 400

    NAMES = (
        "search",
        "page",
        "pageSize",
        "sortBy",
        "sort",
        "trash",
        "status",
        "assignee",
        "tags",
        "created_at_from",
    )
    NAMES += (
        "created_at_to",
        "is_overdue",
        "priority",
        "creator",
        "user",
        "record_id",
        "operation_id",
        "action",
        "x",
    )
    TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
    VALUES = TEXTS | st.integers().map(str) | st.dates().map(str)
    VALUES |= st.sampled_from(
        ["open", "me", "1", "0", "only", "asc", "desc", "created_at", "status", "2", "-1", "'"]
    )

    @given(pairs=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6))
    @examples(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_no_address_is_our_fault(self, supervisor: Browser, pairs: list[tuple[str, str]]) -> None:
        for page in ("ticket", "comment", "user"):
            response = await supervisor.client.get(f"/admin/{page}/list", params=pairs)
            assert response.status_code in {200, 303, 400}, response.text


def test_every_model_that_is_listed_has_a_total_order() -> None:
    for model in (Attachment, AuditLog, Comment, Operation, Tag, Ticket, User):
        last = ordering(model, "created_at", is_descending=False)[-1]
        assert last.element.key == "id"  # type: ignore[attr-defined]
