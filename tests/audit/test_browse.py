"""The history as pages read it."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text

from backoffice.audit.browse import (
    Entry,
    FieldChange,
    OperationTotal,
    entries_of_operation,
    find_entry,
    history_of,
    operation_totals,
)
from backoffice.audit.names import Name
from backoffice.database import SessionFactory, transaction
from backoffice.desk import add_tags, assign, delete_forever, move_to_trash, set_status
from models import AuditAction, Comment, Tag, Ticket, TicketStatus, User
from tests.factories import arranging, make_comment, make_tag, make_ticket
from tests.performing import acting, perform


@pytest.fixture
async def tag(factory: SessionFactory) -> Tag:
    async with transaction(factory, arranging()) as session:
        return await make_tag(session, name="vip")


async def history(factory: SessionFactory, ticket: Ticket, **options: Any) -> list[Entry]:
    async with transaction(factory, acting()) as session:
        return await history_of(session, "tickets", ticket.id, **options)


def change_of(entry: Entry, field: str) -> FieldChange:
    return next(change for change in entry.changes if change.field == field)


class TestHistoryOf:
    async def test_says_who_did_what_in_which_operation(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id], acting(sue, verb="ticket.assign"))
        newest, oldest = await history(factory, ticket)
        assert (newest.who, newest.user_id, newest.action) == ("Sue Supervisor", sue.id, AuditAction.UPDATE)
        assert (newest.operation_id, newest.verb) == (change.operation_id, "ticket.assign")
        assert newest.what == "Assigned tickets"
        assert (oldest.who, oldest.action) == ("system:test", AuditAction.CREATE)

    async def test_names_what_an_id_refers_to(
        self, factory: SessionFactory, ticket: Ticket, sue: User, tag: Tag
    ) -> None:
        await perform(factory, assign(sue), [ticket.id])
        await perform(factory, add_tags([tag]), [ticket.id])
        tagged, assigned, _ = await history(factory, ticket)
        assert (tagged.table_name, tagged.record_table, tagged.record_id) == (
            "ticket_tags",
            "tickets",
            ticket.id,
        )
        assert tagged.changes == [FieldChange("tag_id", None, Name("vip", "vip"))]
        assert assigned.record_table == "tickets"
        assert change_of(assigned, "assignee_id").new == Name("Sue Supervisor", "Sue Supervisor")
        assert change_of(assigned, "status") == FieldChange("status", "open", "in_progress")

    async def test_outlives_the_record(self, factory: SessionFactory, ticket: Ticket) -> None:
        await perform(factory, move_to_trash(), [ticket.id])
        await perform(factory, delete_forever(), [ticket.id])
        actions = [entry.action for entry in await history(factory, ticket)]
        assert actions == [AuditAction.DELETE, AuditAction.UPDATE, AuditAction.CREATE]

    async def test_names_the_database_user_where_no_operation_was(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        await owner.execute("UPDATE tickets SET title = 'By hand'")
        newest, *_ = await history(factory, ticket)
        assert (newest.who, newest.verb, newest.what) == ("backoffice_owner", None, "")

    async def test_is_read_page_by_page(self, factory: SessionFactory, ticket: Ticket) -> None:
        for status in (TicketStatus.RESOLVED, TicketStatus.OPEN, TicketStatus.CLOSED):
            await perform(factory, set_status(status), [ticket.id])
        everything = await history(factory, ticket)
        first = await history(factory, ticket, limit=2)
        assert first + await history(factory, ticket, before=first[-1].place) == everything

    async def test_of_what_is_below_it_is_read_page_by_page(
        self, factory: SessionFactory, ticket: Ticket
    ) -> None:
        for number in range(7):
            async with transaction(factory, arranging()) as session:
                comment = await make_comment(session, ticket=ticket, content=f"No. {number}")
        async with transaction(factory, arranging()) as session:
            # It hung on the ticket once, which its first entry and this one tell.
            await session.delete(await session.get_one(Comment, comment.id))
        below = {"below": [Comment.__table__]}
        whole = await history(factory, ticket, **below)
        assert [entry.table_name for entry in whole] == ["comments"] * 8 + ["tickets"]
        assert whole == sorted(whole, key=lambda entry: entry.place, reverse=True)
        pages = [await history(factory, ticket, limit=4, **below)]
        for _ in range(2):
            pages.append(await history(factory, ticket, limit=4, before=pages[-1][-1].place, **below))
        assert [len(page) for page in pages] == [4, 4, 1]
        assert [entry.id for page in pages for entry in page] == [entry.id for entry in whole]

    async def test_keeps_to_its_record(self, factory: SessionFactory, ticket: Ticket) -> None:
        async with transaction(factory, arranging()) as session:
            await make_ticket(session)
            await make_comment(session, ticket=ticket)
        assert len(await history(factory, ticket)) == 1

    async def test_says_of_a_secret_only_that_it_changed(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        await owner.execute("UPDATE users SET password_hash = 'x'")
        async with transaction(factory, acting()) as session:
            newest, *_ = await history_of(session, "users", sue.id)
        assert newest.changes == [FieldChange("password_hash", None, None, is_secret=True)]

    @pytest.mark.parametrize("number", [1, 6])
    async def test_takes_two_queries_however_long_it_is(
        self, factory: SessionFactory, ticket: Ticket, sue: User, tag: Tag, number: int
    ) -> None:
        await perform(factory, add_tags([tag]), [ticket.id])
        for turn in range(number):
            await perform(factory, assign(None if turn % 2 else sue), [ticket.id])
        statements: list[Sequence[object]] = []
        async with transaction(factory, acting()) as session:
            await session.connection()
            event.listen(session.get_bind(), "before_cursor_execute", lambda *call: statements.append(call))
            assert len(await history_of(session, "tickets", ticket.id)) == number + 2
            assert len(statements) == 2

    async def test_bears_fields_and_tables_that_are_kept_no_more(
        self, factory: SessionFactory, database_with_old_entries: int
    ) -> None:
        async with transaction(factory, acting()) as session:
            (old,) = await history_of(session, "forgotten", database_with_old_entries)
        assert old.changes == [FieldChange("mood_id", 1, 2)]

    @pytest.fixture
    async def database_with_old_entries(self, owner: asyncpg.Connection) -> int:
        await owner.execute(
            "INSERT INTO audit_logs (table_name, record_id, action, changes, database_user)"
            """ VALUES ('forgotten', 7, 'UPDATE', '{"mood_id": {"old": 1, "new": 2}}', 'somebody')"""
        )
        return 7


class TestEntriesOfOperation:
    async def test_come_in_their_order_page_by_page(self, factory: SessionFactory) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            names = [(await make_tag(session)).name for _ in range(5)]
        async with transaction(factory, acting()) as session:
            first = await entries_of_operation(session, change.operation_id, limit=3)
            rest = await entries_of_operation(session, change.operation_id, after_id=first[-1].id)
        assert [change_of(entry, "name").new for entry in first + rest] == names
        assert len(first) == 3
        assert [str(entry.record_name) for entry in first] == names[:3]

    async def test_name_the_record_of_a_link(self, factory: SessionFactory, tag: Tag) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            ticket = await make_ticket(session, tags=[tag])
        async with transaction(factory, acting()) as session:
            entries = await entries_of_operation(session, change.operation_id)
        [link] = [entry for entry in entries if entry.table_name == "ticket_tags"]
        assert str(link.record_name) == ticket.ticket_number


class TestFindEntry:
    async def test_by_its_id(self, factory: SessionFactory, ticket: Ticket) -> None:
        (entry,) = await history(factory, ticket)
        async with transaction(factory, acting()) as session:
            assert await find_entry(session, entry.id) == entry
            assert await find_entry(session, 10**15) is None


class TestOperationTotals:
    async def test_count_by_table_and_action(self, factory: SessionFactory, tag: Tag) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            ticket = await make_ticket(session, tags=[tag])
            await session.execute(text("UPDATE tickets SET title = 'A'"))
            await session.execute(text("UPDATE tickets SET title = 'B'"))
        async with transaction(factory, acting()) as session:
            totals = await operation_totals(session, change.operation_id)
        assert ticket.id
        assert totals == [
            OperationTotal("ticket_tags", AuditAction.CREATE, 1, 1),
            OperationTotal("tickets", AuditAction.CREATE, 1, 1),
            OperationTotal("tickets", AuditAction.UPDATE, 2, 1),
            OperationTotal("users", AuditAction.CREATE, 1, 1),
        ]
