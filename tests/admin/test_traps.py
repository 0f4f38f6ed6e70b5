"""Where SQLAdmin bites: a test for each of its traps, which are closed here or in what we put in its place.

Some have more tests elsewhere: routes, bulk actions, forms, lists and sessions, each in its own file.
"""

import inspect
import re
from datetime import UTC, datetime

import pytest
from sqladmin import action
from sqladmin.contrib.rbac import PermissionMatrixField, build_permission_rows
from starlette.requests import Request
from starlette.responses import Response

from admin_views.tags import TagAdmin
from backoffice.admin.view import View
from backoffice.database import transaction
from backoffice.errors import ConfigurationError
from models import Tag, Ticket, TicketStatus
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.factories import arranging, make_comment, make_tag, make_ticket, make_user


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    visitor = await desk.visitor("administrator")
    await visitor.token()
    return visitor


@pytest.fixture
async def ticket(desk: Desk) -> Ticket:
    async with transaction(desk.factory, arranging()) as session:
        return await make_ticket(session)


class TestChangingByGet:
    async def test_an_action_of_sqladmins_is_refused_at_the_start(self, desk: Desk) -> None:
        """`@action` routes answer GET, and so change data without a token."""

        class Acting(View, model=Tag):
            can_create = can_edit = False

            @action(name="wipe")
            async def wipe(self, request: Request) -> Response:
                raise AssertionError

        with pytest.raises(ConfigurationError, match="declare a BulkAction"):
            desk.app.state.site.add_view(Acting)
        del desk.app.state.site.admin.router.routes[-1]

    async def test_signing_out_is_no_link(self, administrator: Visitor) -> None:
        """SQLAdmin signs out by GET, and has no CSRF token anywhere."""
        assert (await administrator.get("/admin/logout")).status_code == 404
        page = await administrator.get("/admin/")
        assert re.search(
            r'<form method="post" action="/admin/logout">\s*<input type="hidden" name="csrf_token"', page.text
        )


class TestReadingFiles:
    @pytest.mark.parametrize("title", [".env", "pyproject.toml", "/etc/passwd"])
    async def test_no_text_is_taken_for_a_path(self, desk: Desk, administrator: Visitor, title: str) -> None:
        """Any mapped text column was served as a file below the working directory."""
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, title=title)
        for way in ("download", "preview"):
            answer = await administrator.get(f"/admin/ticket/{ticket.id}/title/{way}/")
            assert answer.status_code == 404
            assert "root:" not in answer.text


class TestSelections:
    async def test_the_list_runs_no_script_of_sqladmins(self, administrator: Visitor, ticket: Ticket) -> None:
        """Its script adds rows to the URL of its delete at each opening: unselected ones go too."""
        page = await administrator.get("/admin/ticket/list")
        scripts = re.findall(r'<script type="module" src="([^"?]+)', page.text)
        assert scripts
        assert all(script.startswith("/admin/static/") for script in scripts)
        assert f'name="pks" value="{ticket.id}"' in page.text
        assert "pks=" not in page.text

    async def test_many_are_deleted_together_or_not_at_all(self, desk: Desk, administrator: Visitor) -> None:
        """It deletes one row a transaction, stops half-way, and splits keys on commas."""
        async with transaction(desk.factory, arranging()) as session:
            tags = [await make_tag(session) for _ in range(3)]
        keys = [tag.id for tag in tags]
        await desk.owner.execute(
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF old.id = TG_ARGV[0]::bigint THEN RAISE EXCEPTION 'secret insides'; END IF;"
            " RETURN old; END $$"
        )
        await desk.owner.execute(
            f"CREATE TRIGGER stop BEFORE DELETE ON tags FOR EACH ROW EXECUTE FUNCTION stop({keys[2]})"
        )
        before = await desk.watermark()
        form = {"pks": [str(key) for key in keys], "confirm": "1"}
        answer = await administrator.post("/admin/tag/bulk/delete", form)
        await desk.owner.execute("DROP TRIGGER stop ON tags")
        assert answer.status_code == 500
        assert "secret insides" not in answer.text
        assert await desk.watermark() == before

    async def test_more_than_a_thousand_fields(self, administrator: Visitor) -> None:
        """Starlette takes 1,000 form fields unless it is told otherwise."""
        form = {"pks": [str(key) for key in range(1, 2_500)], "status": "open"}
        answer = await administrator.post("/admin/ticket/bulk/set-status", form)
        assert answer.status_code == 200
        assert "2,499 ticked tickets" in main_of(answer)


class TestSaving:
    async def test_a_state_is_kept_by_an_unrelated_save(self, desk: Desk, administrator: Visitor) -> None:
        """Enums stored by value were shown unselected, and a save made OPEN of CLOSED."""
        async with transaction(desk.factory, arranging()) as session:
            closed = await make_ticket(session, status=TicketStatus.CLOSED)
        form = await open_form(administrator.client, f"/admin/ticket/edit/{closed.id}")
        assert (await form.send(title="Another")).status_code == 303
        assert (
            await desk.owner.fetchval("SELECT status::text FROM tickets WHERE id = $1", closed.id) == "closed"
        )

    @pytest.mark.parametrize("page", ["ticket", "comment", "tag", "user", "group", "attachment"])
    async def test_nothing_changed_is_nothing_written(
        self, desk: Desk, administrator: Visitor, page: str
    ) -> None:
        """A save without a change was an UPDATE: microseconds dropped, enums made strings."""
        key = await self._newest(desk, page)
        form = await open_form(administrator.client, f"/admin/{page}/edit/{key}")
        before = await desk.watermark()
        assert (await form.send()).status_code == 303
        assert await desk.watermark() == before
        assert "Nothing changed" in main_of(await administrator.get("/admin/"))

    async def _newest(self, desk: Desk, page: str) -> int:
        from tests.admin.records import upload

        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, description="Two\nlines ", tags=[await make_tag(session)])
            await make_comment(session, ticket=ticket)
        await upload(desk, ticket.id)
        return int(await desk.owner.fetchval(f"SELECT max(id) FROM {page}s"))

    async def test_a_stale_form_does_not_win(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        """The row is read again at POST: the last one to save won, whatever was changed meanwhile."""
        form = await open_form(administrator.client, f"/admin/ticket/edit/{ticket.id}")
        await desk.owner.execute("UPDATE tickets SET title = 'Theirs' WHERE id = $1", ticket.id)
        before = await desk.watermark()
        answer = await form.send(title="Mine")
        assert answer.status_code == 409
        assert "Theirs" in main_of(answer)
        assert "Mine" in main_of(answer)
        assert await desk.watermark() == before

    async def test_what_was_not_offered_is_not_taken(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        """Ajax look-ups are filtered, but the POST took any key."""
        async with transaction(desk.factory, arranging()) as session:
            customer = await make_user(session)
        form = await open_form(administrator.client, f"/admin/ticket/edit/{ticket.id}")
        answer = await form.send(assignee=str(customer.id))
        assert answer.status_code == 400
        assert "assignee-error" in answer.text

    async def test_history_comes_with_the_change_or_not_at_all(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        """Its audit is written after the commit, from what the form held: passwords included, deletes not."""
        form = await open_form(administrator.client, f"/admin/ticket/edit/{ticket.id}")
        assert (await form.send(title="Once")).status_code == 303
        rows = await desk.owner.fetch(
            "SELECT xmin::text FROM tickets WHERE id = $1 UNION ALL"
            " (SELECT xmin::text FROM audit_logs WHERE record_id = $1 ORDER BY id DESC LIMIT 1) UNION ALL"
            " (SELECT xmin::text FROM operations ORDER BY created_at DESC LIMIT 1)",
            ticket.id,
        )
        assert len({row["xmin"] for row in rows}) == 1

    async def test_forms_do_not_grow(self, administrator: Visitor) -> None:
        """Validators were added to the same list for every form that was built."""
        await administrator.get("/admin/")
        pages = [await administrator.get("/admin/ticket/create") for _ in range(5)]
        assert len({re.sub(r'"[\w-]{43}"', "", page.text) for page in pages}) == 1


class TestTelling:
    async def test_an_error_tells_nothing(self, administrator: Visitor) -> None:
        """`str(exception)` was shown: SQL, parameters, and whatever a crafted `?error=` said."""
        for url in ("/admin/ticket/list", "/admin/login", "/admin/ticket/create"):
            page = await administrator.get(url, params={"error": "Send your password to evil.example"})
            assert "evil.example" not in re.sub(
                r'(href|action|value|formaction|id|aria-labelledby|data-[\w-]+)="[^"]*"', "", page.text
            )

    @pytest.mark.parametrize("search", ["%00", "%00%00", "a%00b"])
    async def test_odd_addresses_are_no_500(self, administrator: Visitor, search: str) -> None:
        """NUL in a search, garbage in a key or a filter: each was a 500."""
        for url in (
            f"/admin/ticket/list?search={search}",
            f"/admin/ticket/details/{search}",
            f"/admin/ticket/ajax/lookup?name=tags&term={search}",
            f"/admin/ticket/list?status=open&status={search}&status=closed",
        ):
            assert (await administrator.get(url)).status_code == 400

    async def test_no_field_for_a_secret(self, administrator: Visitor) -> None:
        """A form held all columns by default, `password_hash` included."""
        for url in ("/admin/user/create", f"/admin/user/edit/{administrator.id}"):
            names = {name for name, _ in (await open_form(administrator.client, url)).pairs}
            assert names.isdisjoint({"password_hash", "last_login", "created_at", "updated_at", "id"})


class TestCost:
    async def test_a_count_stops_and_an_order_is_total(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        """COUNT wrapped the whole ordered select; without a tie-break pages overlap."""
        await desk.owner.execute(
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'One of many', '', creator_id FROM tickets, generate_series(1, 30) WHERE id = $1",
            ticket.id,
        )
        with statements_of(desk.app) as sent:
            await administrator.get("/admin/ticket/list?sortBy=status")
        [page] = [statement for statement in sent if "page_keys" in statement]
        [count] = re.findall(r"SELECT count\(\*\) AS \w+\s+FROM \((.*?)\) AS", page, re.DOTALL)
        assert "LIMIT" in count
        assert "ORDER BY" not in count
        assert "title" not in count
        assert re.search(r"ORDER BY tickets\.status ASC, .*tickets\.id ASC\s*LIMIT", page)

    async def test_a_form_does_not_hold_a_table(self, desk: Desk, administrator: Visitor) -> None:
        """A relation without a look-up put its whole table into each form."""
        before = len((await administrator.get("/admin/ticket/create")).text)
        await desk.owner.execute(
            "INSERT INTO users (email, full_name) SELECT gen_random_uuid() || '@example.com', 'Many'"
            " FROM generate_series(1, 500)"
        )
        await desk.owner.execute(
            "INSERT INTO tags (name) SELECT left(gen_random_uuid()::text, 30) FROM generate_series(1, 500)"
        )
        assert abs(len((await administrator.get("/admin/ticket/create")).text) - before) < 50

    async def test_an_export_keeps_to_the_list_and_has_no_formulas(
        self, desk: Desk, administrator: Visitor
    ) -> None:
        """Its own ignored search and filters, loaded all rows, and did not escape formulas."""
        async with transaction(desk.factory, arranging()) as session:
            await make_ticket(session, title="=1+1 narwhal")
        export = await administrator.get("/admin/ticket/export/csv?search=narwhal")
        _, *lines = export.text.splitlines()
        assert [line.split(",")[1] for line in lines] == ["'=1+1 narwhal"]


class TestSeeing:
    async def test_a_parent_in_the_trash_is_named(
        self, desk: Desk, administrator: Visitor, ticket: Ticket
    ) -> None:
        """Criteria that hide the trash reach relations too: a trashed parent showed as blank."""
        async with transaction(desk.factory, arranging()) as session:
            found = await session.get_one(Ticket, ticket.id)
            comment = await make_comment(session, ticket=found)
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket.id)
        page = main_of(await administrator.get(f"/admin/comment/details/{comment.id}"))
        assert ticket.ticket_number in page

    async def test_moments_are_those_of_who_looks(self, desk: Desk) -> None:
        """Times were shown in UTC, or as raw values, to everybody."""
        visitor = await desk.newcomer("agent", time_zone="Asia/Tokyo")
        moment = datetime(2026, 5, 31, 20, 30, tzinfo=UTC)
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, created_at=moment)
        page = main_of(await visitor.get(f"/admin/ticket/details/{ticket.id}"))
        assert "1 Jun 2026, 05:30" in page

    async def test_pages_name_themselves(self, administrator: Visitor, ticket: Ticket, desk: Desk) -> None:
        """One constant title, inputs without labels, errors at no field, an error page without a way on."""
        titles = set()
        for url in ("/admin/", "/admin/ticket/list", f"/admin/ticket/details/{ticket.id}", "/admin/nonsense"):
            page = (await administrator.get(url)).text
            titles.add(re.findall(r"<title>(.*?)</title>", page)[0])
            assert '<html lang="en"' in page
            assert "/admin/ticket/list" in page
        assert len(titles) == 4
        login = (await (await desk.browser()).get("/admin/login")).text
        for field in ("username", "password"):
            assert f'<label class="form-label" for="{field}">' in login
        form = await open_form(administrator.client, "/admin/tag/create")
        refused = (await form.send(name="")).text
        (field,) = re.findall(r'<input[^>]* name="name"[^>]*>', refused)
        assert 'aria-describedby="name-error"' in field

    async def test_nothing_is_nested_below_a_records_page(
        self, administrator: Visitor, ticket: Ticket
    ) -> None:
        """Its `{pk:path}` swallowed whatever stood below `/details/` and `/edit/`."""
        for page in ("details", "edit"):
            assert (await administrator.get(f"/admin/ticket/{page}/{ticket.id}/reply")).status_code == 404


class TestWhatWeRelyOn:
    """Private names and shapes of SQLAdmin's: an upgrade that moves one says so here."""

    def test_of_views(self) -> None:
        view = TagAdmin()
        assert view._column_labels["color"] == "Colour"
        assert list(view._sort_fields) == ["name", "created_at"]
        assert isinstance(view._custom_actions_in_list, dict)

    async def test_of_sites(self, desk: Desk) -> None:
        site = desk.app.state.site
        assert site.view("tag")._admin_ref is site

    def test_of_permissions(self) -> None:
        assert "rows" in inspect.signature(PermissionMatrixField.__init__).parameters
        assert list(inspect.signature(build_permission_rows).parameters)[:1] == ["admin"]

    async def test_of_the_matrix(self, desk: Desk) -> None:
        boxes = {choice.value for row in build_permission_rows(desk.app.state.site) for choice in row.choices}
        assert {"ticket:list", "ticket:action:purge", "operation:action:undo", "tag:delete"} <= boxes
