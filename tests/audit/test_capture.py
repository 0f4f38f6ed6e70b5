"""Whatever writes, the history has it: once, in the same transaction, with who did it."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.capture import audited_tables
from backoffice.audit.context import act_as
from backoffice.audit.record import record_event
from backoffice.database import SessionFactory, transaction
from models import AuditAction, Base, Tag, Ticket, User, ticket_tags
from tests.databases import Database
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket, make_user
from tests.performing import Written, acting, written_by

CREATE, UPDATE, DELETE = AuditAction.CREATE, AuditAction.UPDATE, AuditAction.DELETE

Way = Callable[[AsyncSession, Tag, Ticket], Awaitable[object]]


async def orm_add(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    session.add(Tag(name="new"))


async def orm_change(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    (await session.get_one(Tag, tag.id)).name = "new"


async def orm_delete(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.delete(await session.get_one(Tag, tag.id))


async def orm_bulk_save(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.run_sync(lambda sync: sync.bulk_save_objects([Tag(name="new")]))


async def orm_append(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    loaded = await session.get_one(Ticket, ticket.id, populate_existing=True)
    await session.refresh(loaded, ["tags"])
    loaded.tags.append(await session.get_one(Tag, tag.id))


async def core_insert(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(insert(Tag.__table__).values(name="new"))


async def core_update(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(update(Tag).values(name="new"))


async def core_delete(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(delete(Tag))


async def core_link(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(insert(ticket_tags).values(ticket_id=ticket.id, tag_id=tag.id))


async def on_the_connection(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await (await session.connection()).execute(update(Tag).values(name="new"))


async def upserted(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    row = upsert(Tag).values(name=tag.name, description="again")
    await session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"description": "again"}))


async def raw_sql(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(text("UPDATE tags SET name = :name"), {"name": "new"})


async def raw_cte(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(text("WITH gone AS (DELETE FROM tags RETURNING 1) SELECT count(*) FROM gone"))


async def raw_merge(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    await session.execute(
        text(
            "MERGE INTO tags USING (VALUES ('merged')) AS new (name) ON tags.name = new.name"
            " WHEN NOT MATCHED THEN INSERT (name) VALUES (new.name)"
        )
    )


async def in_a_savepoint(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    async with session.begin_nested():
        await session.execute(update(Tag).values(name="new"))


async def copied(session: AsyncSession, tag: Tag, ticket: Ticket) -> None:
    raw = await (await session.connection()).get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.copy_records_to_table("tags", columns=["name"], records=[("new",)])


WAYS: list[tuple[Way, str, AuditAction]] = [
    (orm_add, "tags", CREATE),
    (orm_change, "tags", UPDATE),
    (orm_delete, "tags", DELETE),
    (orm_bulk_save, "tags", CREATE),
    (orm_append, "ticket_tags", CREATE),
    (core_insert, "tags", CREATE),
    (core_update, "tags", UPDATE),
    (core_delete, "tags", DELETE),
    (core_link, "ticket_tags", CREATE),
    (on_the_connection, "tags", UPDATE),
    (upserted, "tags", UPDATE),
    (raw_sql, "tags", UPDATE),
    (raw_cte, "tags", DELETE),
    (raw_merge, "tags", CREATE),
    (in_a_savepoint, "tags", UPDATE),
    (copied, "tags", CREATE),
]


class TestEveryWayToWrite:
    @pytest.mark.parametrize(("way", "table", "action"), WAYS, ids=[way.__name__ for way, _, _ in WAYS])
    async def test_is_captured_with_actor_operation_and_request(
        self,
        factory: SessionFactory,
        owner: asyncpg.Connection,
        way: Way,
        table: str,
        action: AuditAction,
    ) -> None:
        async with transaction(factory, arranging()) as session:
            sue, tag, ticket = await make_staff(session), await make_tag(session), await make_ticket(session)
        change = acting(sue, request_id="r-1", address="192.0.2.7")
        async with transaction(factory, change) as session:
            await way(session, tag, ticket)
        (entry,) = await owner.fetch(
            "SELECT * FROM audit_logs WHERE request_id = 'r-1' AND table_name <> 'operations'"
        )
        assert (entry["table_name"], entry["action"]) == (table, action)
        assert (entry["user_id"], entry["operation_id"]) == (sue.id, change.operation_id)
        assert (str(entry["address"]), entry["database_user"]) == ("192.0.2.7", "backoffice_app")

    async def test_raw_sql_of_the_owner(self, owner: asyncpg.Connection) -> None:
        await owner.execute("INSERT INTO tags (name) VALUES ('raw')")
        entry = await owner.fetchrow("SELECT * FROM audit_logs ORDER BY id DESC LIMIT 1")
        assert (entry["table_name"], entry["action"], entry["user_id"]) == ("tags", "CREATE", None)
        assert (entry["operation_id"], entry["database_user"]) == (None, "backoffice_owner")

    async def test_a_cascade_of_the_database(
        self, owner: asyncpg.Connection, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            await make_comment(session, ticket=ticket)
        await owner.execute(
            "ALTER TABLE comments DROP CONSTRAINT fk_comments_ticket_id_tickets,"
            " ADD FOREIGN KEY (ticket_id) REFERENCES tickets ON DELETE CASCADE;"
            " DELETE FROM tickets"
        )
        rows = await owner.fetch("SELECT table_name FROM audit_logs WHERE action = 'DELETE' ORDER BY 1")
        assert [row["table_name"] for row in rows] == ["comments", "tickets"]

    async def test_even_where_replication_turns_triggers_off(self, database: Database) -> None:
        superuser = await asyncpg.connect(database.superuser_url)
        try:
            await superuser.execute(
                "SET session_replication_role = replica; INSERT INTO tags (name) VALUES ('r')"
            )
            assert await superuser.fetchval("SELECT count(*) FROM audit_logs WHERE table_name = 'tags'") == 1
        finally:
            await superuser.close()

    @pytest.mark.parametrize("table", [table.name for table in audited_tables()])
    async def test_truncate_is_refused(self, owner: asyncpg.Connection, table: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="take history away"):
            await owner.execute(f"TRUNCATE {table} CASCADE")


class TestWhatIsWritten:
    async def test_a_creation_has_the_new_values_alone(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            tag = await make_tag(session, name="vip", description=None)
        (entry,) = await written_by(owner, change)
        assert (entry.record_id, entry.action) == (tag.id, CREATE)
        assert entry.changes.keys() == {"id", "name", "color", "description", "created_at"}
        assert entry.changes["name"] == {"new": "vip"}
        assert entry.changes["description"] == {"new": None}

    async def test_an_update_has_old_and_new_of_what_changed(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session, name="vip")
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(update(Tag).values(name="VIP", color=tag.color, description="big"))
        assert await written_by(owner, change) == [
            Written(
                "tags",
                tag.id,
                UPDATE,
                {"name": {"old": "vip", "new": "VIP"}, "description": {"old": None, "new": "big"}},
                None,
            )
        ]

    async def test_a_deletion_has_the_old_values(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            await make_tag(session, name="vip")
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(delete(Tag))
        (entry,) = await written_by(owner, change)
        assert entry.changes["name"] == {"old": "vip"}

    async def test_links_belong_to_their_record(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            tag, ticket = await make_tag(session), await make_ticket(session)
        change = acting()
        async with transaction(factory, change) as session:
            await core_link(session, tag, ticket)
        (entry,) = await written_by(owner, change)
        assert entry.record_id == ticket.id
        assert entry.changes == {"ticket_id": {"new": ticket.id}, "tag_id": {"new": tag.id}}

    @pytest.mark.parametrize("values", ["name = name", "updated_at = now() + interval '1 day'"])
    async def test_a_change_of_nothing_writes_nothing(
        self, factory: SessionFactory, owner: asyncpg.Connection, values: str
    ) -> None:
        async with transaction(factory, arranging()) as session:
            await make_tag(session)
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(text(f"UPDATE tags SET {values}"))
        assert await written_by(owner, change) == []

    async def test_moments_are_in_utc_wherever_the_writer_is(self, owner: asyncpg.Connection) -> None:
        await owner.execute("SET timezone = 'Asia/Tokyo'; INSERT INTO tags (name) VALUES ('t')")
        moment = await owner.fetchval(
            "SELECT changes #>> '{created_at,new}' FROM audit_logs ORDER BY id DESC"
        )
        assert moment.endswith("+00:00")

    async def test_secrets_never_reach_it(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            person = await make_user(session, password_hash="first-secret")
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(update(User).values(password_hash="second-secret"))
        assert await written_by(owner, change) == [
            Written("users", person.id, UPDATE, {"password_hash": {"changed": True}}, None)
        ]
        assert not await owner.fetchval(
            "SELECT count(*) FROM audit_logs WHERE audit_logs::text LIKE '%-secret%'"
        )


class TestTheTransaction:
    async def test_takes_its_history_along_when_it_is_rolled_back(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        change = acting()
        with pytest.raises(DBAPIError):
            async with transaction(factory, change) as session:
                await session.execute(text("INSERT INTO tags (name) VALUES ('vip'), ('vip')"))
        assert await written_by(owner, change) == []
        assert not await owner.fetchval("SELECT true FROM operations WHERE id = $1", change.operation_id)

    async def test_leaves_nothing_behind_on_its_connection(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, acting(request_id="first")) as session:
            first = await session.scalar(text("SELECT pg_backend_pid()"))
        async with factory.begin() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) == first
            await make_tag(session, name="alone")
        entry = await owner.fetchrow("SELECT * FROM audit_logs ORDER BY id DESC LIMIT 1")
        assert (entry["request_id"], entry["operation_id"]) == (None, None)

    async def test_names_an_actor_who_is_known_later(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            sue = await make_staff(session, full_name="Sue")
            await act_as(session, sue.id, "Sue")
            await make_tag(session)
        assert [entry.user_id for entry in await written_by(owner, change)] == [None, sue.id]
        row = await owner.fetchrow("SELECT * FROM operations WHERE id = $1", change.operation_id)
        assert (row["actor"], row["actor_id"]) == ("Sue", sue.id)

    async def test_one_that_only_reads_cannot_write(self, factory: SessionFactory) -> None:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            async with transaction(factory, acting(read_only=True)) as session:
                await make_tag(session)


class TestRecordEvent:
    async def test_writes_what_changes_no_row(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            await record_event(
                session, AuditAction.EXPORT, table_name="tickets", record_id=None, facts={"rows": 3}
            )
        (entry,) = await written_by(owner, change)
        assert (entry.table, entry.action, entry.changes) == (
            "tickets",
            AuditAction.EXPORT,
            {"rows": {"new": 3}},
        )

    @pytest.mark.parametrize("action", [CREATE, UPDATE, DELETE])
    async def test_cannot_forge_a_change(self, factory: SessionFactory, action: AuditAction) -> None:
        with pytest.raises(DBAPIError, match="triggers alone"):
            async with transaction(factory, acting()) as session:
                await record_event(session, action, table_name="tickets", record_id=1, facts={})


class TestPolicies:
    def test_every_column_says_how_it_is_audited(self) -> None:
        silent = [
            str(column)
            for table in Base.metadata.tables.values()
            if table.info.get("audit", True)
            for column in table.columns
            if column.info.get("audit") not in ("plain", "skip", "secret", "pii")
        ]
        assert silent == []

    def test_tables_without_history_say_so(self) -> None:
        kept = {table.name for table in audited_tables()}
        assert Base.metadata.tables.keys() - kept == {
            "audit_logs",
            "audit_removals",
            "audit_seals",
            "audit_verifications",
            "frozen_selections",
            "import_plans",
            "import_rows",
            "imports",
            "job_chunks",
            "jobs",
            "list_preferences",
            "login_throttles",
            "saved_view_counts",
            "saved_views",
            "sessions",
        }

    def test_columns_follow_columns_that_are_there(self) -> None:
        for table in audited_tables():
            for column in table.columns:
                assert column.info.get("follows", column.name) in table.columns
