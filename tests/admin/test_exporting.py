"""Lists as files: what is in them, who may take them, and what is known of it afterwards."""

import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from io import StringIO
from typing import Any, ClassVar

import asyncpg
import pytest

from admin_views.proof import VerificationAdmin
from admin_views.users import UserAdmin
from backoffice.admin.export_formats import WorkbookFormat
from backoffice.database import transaction
from backoffice.errors import ConfigurationError
from tests.admin.desk import Desk, Visitor
from tests.admin.exports import cells_in, column_in, csv_in, exported, objects_in, received
from tests.admin.lists import keys_in, links_in, listed, main_of
from tests.databases import Database
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket

#: More than three batches.
MANY = 3_500
#: The transaction from which an export is being sent.
READING = (
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'backoffice'"
    " AND state LIKE 'idle in transaction%'"
)


#: What means something to a spreadsheet, to CSV or to SQL, and nothing at all.
ODD = [
    *(f"{sign}1" for sign in "=+-@\t\r\n＝＋－＠"),
    *('"quoted"', '="a"', "=a,b", "a,b", "a\r\nb", "a\nb", "a\rb", "'x", '"', '""', ",", "-"),
    *("", " ", " lead", "trail ", "a;b", "\\.", "\\n", "%s :x $1 {0}", "E'\\x'", "نص 😀", "\u2028"),
]


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    return await desk.visitor("supervisor")


@pytest.fixture
async def superuser(desk_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(desk_database.superuser_url)
    yield connection
    await connection.close()


async def tickets(desk: Desk, *rows: dict[str, Any]) -> list[int]:
    async with transaction(desk.factory, arranging()) as session:
        return [(await make_ticket(session, **row)).id for row in rows]


async def many_tickets(desk: Desk, word: str) -> None:
    await desk.owner.execute(
        "INSERT INTO tickets (title, description, creator_id)"
        " SELECT $1 || ' ' || number, '', (SELECT min(id) FROM users) FROM generate_series(1, $2) AS number",
        *(word, MANY),
    )


def written(heading: Sequence[str], rows: Sequence[Iterable[Any]]) -> bytes:
    """The file, by Python's own writer."""
    text = StringIO(newline="")
    csv.writer(text).writerows([heading, *([_in_words(value) for value in row] for row in rows)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _in_words(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case bool():
            return "yes" if value else "no"
        case str() if value.startswith(tuple("=+-@\t\r\n＝＋－＠")):
            return f"'{value}"
        case _:
            return value


async def exports_on_record(desk: Desk) -> int:
    return int(await desk.owner.fetchval("SELECT count(*) FROM audit_logs WHERE action = 'EXPORT'"))


class TestRows:
    async def test_are_those_of_the_list_in_its_order(self, desk: Desk, supervisor: Visitor) -> None:
        word = "zebra"
        rows = [{"title": f"{word} {number}", "priority": "high"} for number in range(30)]
        await tickets(desk, *rows, {"title": f"{word} of another kind", "priority": "low"})
        for order in ({}, {"sortBy": "priority", "sort": "asc"}, {"sortBy": "status", "sort": "desc"}):
            query = {"search": word, "priority": "high", **order}
            pages = [await listed(supervisor.client, **query, page=page) for page in (1, 2)]
            numbers = "SELECT ticket_number FROM tickets WHERE id = $1"
            keys = [key for page in pages for key in keys_in(page)]
            shown = [await desk.owner.fetchval(numbers, key) for key in dict.fromkeys(keys)]
            assert len(shown) == 30
            assert column_in(await exported(supervisor, **query), "Number") == shown
            # A place in the list is none in the file.
            assert column_in(await exported(supervisor, **query, page=2, pageSize=25), "Number") == shown

    async def test_are_of_the_trash_where_that_is_shown(self, desk: Desk, supervisor: Visitor) -> None:
        _, gone = await tickets(desk, {"title": "heron stays"}, {"title": "heron goes"})
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", gone)
        assert column_in(await exported(supervisor, search="heron"), "Subject") == ["heron stays"]
        trash = await exported(supervisor, search="heron", trash="only")
        assert column_in(trash, "Subject") == ["heron goes"]
        assert column_in(trash, "Moved to trash")[0].endswith("+00:00")

    async def test_name_what_is_in_the_trash(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session, title="Bin")
            await make_comment(session, ticket=ticket, content="wombat")
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket.id)
        named = column_in(await exported(supervisor, "csv", "comment", search="wombat"), "Ticket")
        assert named == [f"{ticket.ticket_number} Bin"]

    async def test_are_only_those_that_one_may_know_of(self, desk: Desk) -> None:
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Own exporters') RETURNING id")
        for action in ("list", "export"):
            await desk.owner.execute(
                "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'operation', $2)",
                *(group, action),
            )
        somebody = await desk.browser(user := await desk.make_member("Own exporters"))
        await somebody.sign_in(user.email)
        assert len(csv_in(await exported(await desk.visitor("auditor"), "csv", "operation"))) > 1
        assert csv_in(await exported(somebody, "csv", "operation"))[1:] == []

    async def test_are_none_where_nothing_matches(self, desk: Desk, supervisor: Visitor) -> None:
        query = {"search": "nothing has this"}
        assert len(csv_in(await exported(supervisor, **query))) == 1
        assert objects_in(await exported(supervisor, "jsonl", **query)) == []
        assert len(cells_in(await exported(supervisor, "xlsx", **query))) == 1


class TestCsv:
    async def test_writes_each_kind_of_value(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tags = [await make_tag(session, name=name) for name in ("okapi b", "okapi a")]
            assignee = await make_staff(session, full_name="Ada Assignee")
            await make_ticket(
                session, title='okapi, "quoted"\nنص', status="closed", assignee=assignee, tags=tags
            )
        answer = await exported(supervisor, search="okapi")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-disposition"].startswith('attachment; filename="tickets-20')
        heading, line = csv_in(answer)
        assert ",".join(heading) == "Number,Subject,Status,Priority,Assignee,Tags,Created,Updated"
        assert line[1:6] == ['okapi, "quoted"\nنص', "closed", "medium", "Ada Assignee", "okapi a, okapi b"]
        assert line[6].endswith("+00:00")
        assert b"\r\n" in answer.content

    async def test_says_yes_and_no(self, desk: Desk, supervisor: Visitor) -> None:
        answer = await exported(supervisor, "csv", "user", is_staff="0")
        assert set(column_in(answer, "Staff")) == {"no"}
        assert set(column_in(await exported(supervisor, "csv", "user", is_staff="1"), "Staff")) == {"yes"}

    async def test_is_what_a_writer_of_csv_makes_of_the_values(self, desk: Desk, supervisor: Visitor) -> None:
        """PostgreSQL writes it: byte for byte as the standard library does, and no cell is a formula."""
        for number, title in enumerate(ODD):
            await desk.owner.execute(
                "INSERT INTO tickets (title, description, creator_id, created_at)"
                " VALUES ($1, 'ibex', $2, timestamptz '2026-05-01 10:20:30+00' + $3 * interval '10 ms')",
                *(title, supervisor.id, number),
            )
        rows = await desk.owner.fetch(
            "SELECT title, NULL, status, true, created_at FROM tickets WHERE description = 'ibex' ORDER BY id"
        )
        query = {"search": "ibex", "sort": "asc"}
        several = await exported(supervisor, **query, columns="title,assignee,status,is_overdue,created_at")
        assert several.content == written(["Subject", "Assignee", "Status", "Overdue", "Created"], rows)
        single = await exported(supervisor, **query, columns="title")
        assert single.content == written(["Subject"], [[row["title"]] for row in rows])


class TestJsonLines:
    async def test_keeps_names_and_types(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            tag = await make_tag(session, name="tapir")
            ticket = await make_ticket(session, title="=tapir", tags=[tag])
            await make_ticket(session, title="tapir without")
        first, second = objects_in(await exported(supervisor, "jsonl", search="tapir", sort="asc"))
        assert first == {
            "ticket_number": ticket.ticket_number,
            "title": "=tapir",
            "status": "open",
            "priority": "medium",
            "assignee": None,
            "tags": ["tapir"],
            "created_at": ticket.created_at.isoformat(),
            "updated_at": ticket.updated_at.isoformat(),
        }
        assert second["tags"] == []

    async def test_has_the_audit_log_s_changes(self, desk: Desk) -> None:
        (key,) = await tickets(desk, {"title": "Lemur"})
        auditor = await desk.visitor("auditor")
        query = {"table_name": "tickets", "record_id": str(key)}
        (entry,) = objects_in(await exported(auditor, "jsonl", "audit-log", **query))
        assert (entry["table_name"], entry["record_id"], entry["action"]) == ("tickets", key, "CREATE")
        assert entry["changes"]["title"] == {"new": "Lemur"}
        (text,) = column_in(await exported(auditor, "csv", "audit-log", **query), "Changes")
        assert '"title": {"new": "Lemur"}' in text


class TestWorkbook:
    async def test_keeps_types_and_has_no_formula(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, {"title": "=1+1 quokka"})
        heading, row = cells_in(await exported(supervisor, "xlsx", search="quokka"))
        assert [text for _, text in heading][-1] == "Updated (UTC)"
        assert row[1] == ("inlineStr", "=1+1 quokka")
        assert row[-1][0] == "n"

    async def test_is_refused_where_a_text_does_not_fit(self, desk: Desk, supervisor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            await make_comment(session, ticket=await make_ticket(session), content="axolotl " + "x" * 32_767)
        answer = await exported(supervisor, "xlsx", "comment", search="axolotl")
        assert answer.status_code == 413
        assert "Export as CSV instead" in main_of(answer)
        assert len(csv_in(await exported(supervisor, "csv", "comment", search="axolotl"))) == 2

    async def test_is_refused_where_rows_do_not_fit(
        self, desk: Desk, supervisor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await tickets(desk, {"title": "numbat"}, {"title": "numbat"})
        monkeypatch.setattr(WorkbookFormat, "most_rows", 2)
        assert len(cells_in(await exported(supervisor, "xlsx", search="numbat"))) == 3
        monkeypatch.setattr(WorkbookFormat, "most_rows", 1)
        before = await exports_on_record(desk)
        answer = await exported(supervisor, "xlsx", search="numbat")
        assert answer.status_code == 413
        assert "at most 1 rows" in main_of(answer)
        assert await exports_on_record(desk) == before


class TestOnRecord:
    async def test_it_says_who_took_what(self, desk: Desk, supervisor: Visitor) -> None:
        await exported(supervisor, "jsonl", search="somebody's name", status="open")
        entry = await desk.owner.fetchrow(
            "SELECT table_name, user_id, record_id, changes::jsonb ->> 'format' AS format,"
            " changes #>> '{for,new}' AS words, personal, request_id, address"
            " FROM audit_logs WHERE action = 'EXPORT' ORDER BY id DESC LIMIT 1"
        )
        assert entry is not None
        assert (entry["table_name"], entry["user_id"], entry["record_id"]) == ("tickets", supervisor.id, None)
        assert entry["format"] == '{"new": "jsonl"}'
        assert entry["words"] == "all tickets that match “somebody's name” (Status: Open)"
        assert entry["personal"] == ["for"]
        assert entry["request_id"]

    async def test_it_is_there_before_the_first_byte(self, desk: Desk, supervisor: Visitor) -> None:
        before, seen = await exports_on_record(desk), []

        async def look() -> None:
            seen.append(await exports_on_record(desk))

        await received(desk, supervisor, "/admin/tag/export/csv", after_first=look)
        assert seen == [before + 1]

    async def test_asking_for_the_head_alone_takes_nothing(self, desk: Desk, supervisor: Visitor) -> None:
        before = await exports_on_record(desk)
        answer = await supervisor.client.head("/admin/ticket/export/xlsx")
        assert (answer.status_code, answer.content) == (200, b"")
        assert await exports_on_record(desk) == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("url", "status", "sentence"),
        [
            ("ticket/export/pdf", 404, "There is no such format"),
            ("ticket/export/csv?status=nonsense", 400, "nonsense"),
            ("ticket/export/csv?sortBy=description", 400, "cannot be sorted"),
            ("ticket/export/csv?trash=some", 400, "trash=only"),
            ("ticket/export/csv?page=0", 400, "There is no page"),
            ("proof/export/csv", 403, "not allowed"),
        ],
    )
    async def test_are_pages(self, desk: Desk, url: str, status: int, sentence: str) -> None:
        administrator = await desk.visitor("administrator")
        before = await exports_on_record(desk)
        answer = await administrator.get(f"/admin/{url}")
        assert (answer.status_code, "content-disposition" in answer.headers) == (status, False)
        assert sentence in main_of(answer)
        assert await exports_on_record(desk) == before

    async def test_of_who_may_not(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")
        assert (await exported(agent)).status_code == 403
        assert not [url for url in links_in(await listed(agent.client)) if "/export/" in url]

    async def test_when_too_many_are_being_made(self, desk: Desk, supervisor: Visitor) -> None:
        turns = desk.app.state.site.exports
        holders = [object() for _ in range(int(turns.total_tokens))]
        for holder in holders:
            turns.acquire_on_behalf_of_nowait(holder)
        try:
            answer = await exported(supervisor)
        finally:
            for holder in holders:
                turns.release_on_behalf_of(holder)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert (await exported(supervisor)).status_code == 200

    async def test_when_it_takes_too_long(self, desk: Desk, supervisor: Visitor) -> None:
        settings = desk.app.state.site.settings
        patient = settings.statement_timeout_ms
        lock = desk.owner.transaction()
        await lock.start()
        await desk.owner.execute("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE")
        object.__setattr__(settings, "statement_timeout_ms", 200)
        try:
            answer = await exported(supervisor)
        finally:
            object.__setattr__(settings, "statement_timeout_ms", patient)
            await lock.rollback()
        assert answer.status_code == 503
        assert "took too long" in main_of(answer)


class TestMenu:
    async def test_leads_to_the_same_rows(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, *[{"title": "gnu"}] * 30)
        page = await listed(supervisor.client, search="gnu", sortBy="status", sort="desc", page=2)
        urls = [url for url in links_in(page) if "/export/" in url]
        query = "search=gnu&sortBy=status&sort=desc"
        assert urls == [f"/admin/ticket/export/{name}?{query}" for name in ("csv", "xlsx", "jsonl")]


class TestBreakingOff:
    async def test_when_the_database_goes(
        self, desk: Desk, supervisor: Visitor, superuser: asyncpg.Connection
    ) -> None:
        await many_tickets(desk, "dodo")

        async def end_the_connection() -> None:
            ended = f"SELECT pg_terminate_backend(pid) {READING}"
            assert await superuser.fetchval(ended) is True

        url = "/admin/ticket/export/csv?search=dodo"
        messages, error = await received(desk, supervisor, url, after_first=end_the_connection)
        assert error is not None
        assert messages[0]["status"] == 200
        # Nothing says that this is all.
        assert all(message["more_body"] for message in messages[1:])
        assert (await exported(supervisor, search="dodo")).status_code == 200

    async def test_when_the_reader_goes(
        self, desk: Desk, supervisor: Visitor, superuser: asyncpg.Connection
    ) -> None:
        await many_tickets(desk, "moa")
        url = "/admin/ticket/export/csv?search=moa"
        messages, error = await received(desk, supervisor, url, hangs_up=True)
        assert error is None
        assert sum(len(message.get("body", b"").splitlines()) for message in messages) < MANY
        assert desk.app.state.engine.pool.checkedout() == 0
        assert desk.app.state.site.exports.borrowed_tokens == 0
        assert await superuser.fetchval(f"SELECT count(*) {READING}") == 0

    async def test_is_of_one_moment(self, desk: Desk, supervisor: Visitor) -> None:
        await many_tickets(desk, "auk")

        async def change_the_rest() -> None:
            await desk.owner.execute("UPDATE tickets SET title = 'none' WHERE title LIKE 'auk %'")

        url = "/admin/ticket/export/csv?search=auk"
        messages, error = await received(desk, supervisor, url, after_first=change_the_rest)
        body = b"".join(message.get("body", b"") for message in messages).decode()
        assert error is None
        assert body.count(",auk ") == MANY
        assert messages[-1]["more_body"] is False


class TestDeclaration:
    def test_of_a_secret_is_refused(self) -> None:
        class Leaky(UserAdmin, model=UserAdmin.model):
            export_columns: ClassVar[Sequence[str]] = ["email", "password_hash"]

        with pytest.raises(
            ConfigurationError, match="“password_hash” cannot be exported, because it is secr"
        ):
            Leaky()

    def test_of_what_is_no_column_is_refused(self) -> None:
        class Computed(VerificationAdmin, model=VerificationAdmin.model):
            can_export = True

        with pytest.raises(
            ConfigurationError, match="“standing” cannot be exported, because it is no column"
        ):
            Computed()
