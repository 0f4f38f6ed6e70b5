"""Undo: exactly what the operation changed, except what was changed since, which is named."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import delete, insert, update

from backoffice.audit.context import Change
from backoffice.audit.revert import UndoResult, why_not
from backoffice.database import SessionFactory, transaction
from backoffice.desk import (
    add_tags,
    assign,
    delete_forever,
    move_to_trash,
    remove_tags,
    restore,
    set_status,
)
from backoffice.errors import Conflict, NotFound
from models import Comment, Operation, Tag, Ticket, TicketStatus, User, ticket_tags, user_groups
from tests.factories import (
    arranging,
    make_comment,
    make_group,
    make_tag,
    make_ticket,
    make_user,
    operation_of,
)
from tests.performing import acting, perform, sql, take_back, written_by


async def reason(factory: SessionFactory, change: Change) -> str | None:
    async with transaction(factory, acting()) as session:
        return await why_not(session, await operation_of(session, change))


class TestUndo:
    async def test_is_an_operation_of_its_own_that_names_what_it_undoes(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id], acting(verb="ticket.assign"))
        result, undoing = await take_back(factory, change, sue)
        assert result == UndoResult({"tickets": 1}, 0, {}, [], 0)
        async with transaction(factory, acting()) as session:
            operation = await operation_of(session, undoing)
        assert (operation.reverts_id, operation.actor_id) == (change.operation_id, sue.id)
        assert operation.selection is not None
        assert operation.selection.startswith("Assigned tickets, ")
        assert operation.outcome == result.as_json()
        (entry,) = await written_by(owner, undoing)
        assert entry.changes["assignee_id"] == {"old": sue.id, "new": None}
        assert entry.user_id == sue.id

    async def test_renews_the_row_for_forms_and_lists(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        change = await sql(factory, "UPDATE tickets SET title = 'Other', updated_at = '2020-01-01'")
        await take_back(factory, change)
        row = await owner.fetchrow("SELECT title, updated_at > '2021-01-01' AS is_renewed FROM tickets")
        assert tuple(row) == (ticket.title, True)

    async def test_goes_back_to_before_the_first_of_several_changes(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            for title in ("One", "Two", "Three"):
                await session.execute(update(Ticket).values(title=title))
        await take_back(factory, change)
        assert await owner.fetchval("SELECT title FROM tickets") == ticket.title

    async def test_covers_every_type_of_column(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        """Text, text or null, a boolean, an enum, a moment to the microsecond."""
        before = await owner.fetchval("SELECT to_jsonb(users) - 'updated_at' FROM users")
        change = await sql(
            factory,
            "UPDATE users SET full_name = 'null', is_active = false, theme = 'dark', email = 'x@example.com',"
            " time_zone = 'Europe/Paris', created_at = created_at + interval '1 microsecond'",
        )
        await take_back(factory, change)
        assert await owner.fetchval("SELECT to_jsonb(users) - 'updated_at' FROM users") == before

    async def test_of_an_undo_does_it_again(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        _, undoing = await take_back(factory, change)
        await take_back(factory, undoing)
        assert await owner.fetchval("SELECT assignee_id FROM tickets") == sue.id
        assert await reason(factory, change) is None
        _, again = await take_back(factory, change)
        assert await owner.fetchval("SELECT assignee_id FROM tickets") is None
        assert await reason(factory, change) == "It was undone already."
        assert await reason(factory, again) is None

    async def test_twice_at_once_happens_once(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        both = await asyncio.gather(*(take_back(factory, change) for _ in range(2)), return_exceptions=True)
        assert {type(one) for one in both} == {tuple, Conflict}

    async def test_an_unknown_operation_is_not_found(self, factory: SessionFactory) -> None:
        with pytest.raises(NotFound):
            await take_back(factory, Change(verb="none", actor="none", operation_id=uuid4()))


class TestConflicts:
    async def test_a_field_changed_since_stays_and_is_named(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        later = await sql(factory, "UPDATE tickets SET status = 'waiting_on_customer'", change=acting(sue))
        result, undoing = await take_back(factory, change)
        assert tuple(await owner.fetchrow("SELECT status, assignee_id FROM tickets")) == (
            "waiting_on_customer",
            None,
        )
        assert (result.changed, result.refused, result.conflict_count) == (
            {"tickets": 1},
            {"changed since": 1},
            1,
        )
        (conflict,) = result.conflicts
        assert (conflict.table, conflict.record_id, conflict.field) == ("tickets", ticket.id, "status")
        assert (conflict.expected, conflict.current) == ("in_progress", "waiting_on_customer")
        assert (conflict.changed_by, conflict.changed_in) == ("Sue Supervisor", later.operation_id)
        assert undoing.outcome["conflicts"][0]["changed_in"] == str(later.operation_id)

    async def test_what_somebody_put_back_already_is_no_conflict(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        await sql(factory, "UPDATE tickets SET assignee_id = NULL, status = 'open'")
        result, _ = await take_back(factory, change)
        assert result == UndoResult({}, 1, {}, [], 0)

    async def test_a_field_that_ended_as_it_began_is_none(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            for title in ("Other", ticket.title):
                await session.execute(update(Ticket).values(title=title))
        await sql(factory, "UPDATE tickets SET title = 'Later'")
        result, _ = await take_back(factory, change)
        assert result.conflict_count == 0
        assert await owner.fetchval("SELECT title FROM tickets") == "Later"

    async def test_a_row_deleted_since(self, factory: SessionFactory, ticket: Ticket, sue: User) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        await perform(factory, move_to_trash(), [ticket.id])
        await perform(factory, delete_forever(), [ticket.id], acting(sue))
        result, _ = await take_back(factory, change)
        assert (result.changed, result.refused) == ({}, {"deleted since": 1})
        assert {(one.field, one.current, one.changed_by) for one in result.conflicts} == {
            ("status", None, "Sue Supervisor"),
            ("assignee_id", None, "Sue Supervisor"),
        }

    async def test_the_moment_of_settling_goes_with_the_status(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        """Else undoing would take the stamp of a ticket that somebody closed since."""
        change = await sql(factory, "UPDATE tickets SET status = 'resolved', title = 'Other'")
        await perform(factory, set_status(TicketStatus.CLOSED), [ticket.id])
        stamp = await owner.fetchval("SELECT resolved_at FROM tickets")
        result, _ = await take_back(factory, change)
        row = await owner.fetchrow("SELECT title, status, resolved_at FROM tickets")
        assert tuple(row) == (ticket.title, "closed", stamp)
        assert [conflict.field for conflict in result.conflicts] == ["status"]

    async def test_what_marks_a_trashed_row_goes_together(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, sue: User
    ) -> None:
        _, first = await perform(factory, move_to_trash(), [ticket.id], acting(sue))
        await perform(factory, restore(), [ticket.id])
        _, second = await perform(factory, move_to_trash(), [ticket.id], acting(sue))
        result, _ = await take_back(factory, first)
        assert [conflict.field for conflict in result.conflicts] == ["deleted_at"]
        row = await owner.fetchrow("SELECT deleted_by_id, deleted_operation FROM tickets")
        assert tuple(row) == (sue.id, second.operation_id)

    async def test_nothing_leaves_the_trash_below_a_trashed_ticket(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = await make_comment(session, ticket=ticket)
        _, change = await perform(factory, move_to_trash(Comment), [comment.id])
        await perform(factory, move_to_trash(), [ticket.id])
        result, _ = await take_back(factory, change)
        assert result.refused == {"what it belongs to is in the trash": 1}
        assert await owner.fetchval("SELECT deleted_operation FROM comments") == change.operation_id

    async def test_a_value_that_another_row_took(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            await make_tag(session, name="vip")
        change = await sql(factory, "UPDATE tags SET name = 'old vip'")
        await sql(factory, "INSERT INTO tags (name) VALUES ('vip')")
        result, _ = await take_back(factory, change)
        assert result.refused == {"another record has the old value by now": 1}
        assert await owner.fetchval("SELECT count(*) FROM tags WHERE name = 'old vip'") == 1

    async def test_what_a_field_referred_to_is_gone(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket
    ) -> None:
        async with transaction(factory, arranging()) as session:
            old = await make_ticket(session)
            await make_comment(session, ticket=old)
        change = await sql(factory, f"UPDATE comments SET ticket_id = {ticket.id}")
        await owner.execute("DELETE FROM tickets WHERE id = $1", old.id)
        result, _ = await take_back(factory, change)
        assert result.refused == {"what it referred to is gone": 1}

    async def test_two_hundred_are_listed_and_all_are_counted(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute("INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, 250) n")
        change = await sql(factory, "UPDATE tags SET description = 'one'")
        await sql(factory, "UPDATE tags SET description = 'two'")
        result, undoing = await take_back(factory, change)
        assert (len(result.conflicts), result.conflict_count) == (200, 250)
        assert result.refused == {"changed since": 250}
        assert not await owner.fetchval("SELECT true FROM operations WHERE id = $1", undoing.operation_id)


class TestLinks:
    @pytest.fixture
    async def tag(self, factory: SessionFactory) -> Tag:
        async with transaction(factory, arranging()) as session:
            return await make_tag(session)

    async def test_that_were_taken_off_again_are_so_already(
        self, factory: SessionFactory, ticket: Ticket, tag: Tag
    ) -> None:
        _, change = await perform(factory, add_tags([tag]), [ticket.id])
        await perform(factory, remove_tags([tag]), [ticket.id])
        result, _ = await take_back(factory, change)
        assert result == UndoResult({}, 1, {}, [], 0)

    async def test_to_a_tag_that_is_gone_are_a_conflict(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, tag: Tag
    ) -> None:
        await perform(factory, add_tags([tag]), [ticket.id])
        _, change = await perform(factory, remove_tags([tag]), [ticket.id])
        await owner.execute("DELETE FROM tags")
        result, _ = await take_back(factory, change)
        assert (result.refused, result.conflict_count) == ({"deleted since": 1}, 1)
        assert (result.conflicts[0].table, result.conflicts[0].field) == ("tickets", "tag_id")

    async def test_that_one_operation_made_and_took_off_are_left_alone(
        self, factory: SessionFactory, owner: asyncpg.Connection, ticket: Ticket, tag: Tag
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(insert(ticket_tags).values(ticket_id=ticket.id, tag_id=tag.id))
            await session.execute(delete(ticket_tags))
            await session.execute(update(Ticket).values(title="Other"))
        await perform(factory, add_tags([tag]), [ticket.id])
        await take_back(factory, change)
        assert await owner.fetchval("SELECT count(*) FROM ticket_tags") == 1

    async def test_of_people_and_groups(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        async with transaction(factory, arranging()) as session:
            group = await make_group(session)
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(insert(user_groups).values(user_id=sue.id, group_id=group.id))
        result, _ = await take_back(factory, change)
        assert result.changed == {"users": 1}
        assert await owner.fetchval("SELECT count(*) FROM user_groups") == 0

    async def test_and_fields_of_one_record_count_once(
        self, factory: SessionFactory, ticket: Ticket, tag: Tag
    ) -> None:
        change = acting()
        async with transaction(factory, change) as session:
            await session.execute(insert(ticket_tags).values(ticket_id=ticket.id, tag_id=tag.id))
            await session.execute(update(Ticket).values(title="Other"))
        assert (await take_back(factory, change))[0].changed == {"tickets": 1}


class TestWhyNot:
    async def test_undone_already(self, factory: SessionFactory, ticket: Ticket, sue: User) -> None:
        _, change = await perform(factory, assign(sue), [ticket.id])
        await take_back(factory, change)
        assert await reason(factory, change) == "It was undone already."
        with pytest.raises(Conflict, match="undone already"):
            await take_back(factory, change)

    async def test_it_created_what_stays(self, factory: SessionFactory) -> None:
        change = await sql(factory, "INSERT INTO tags (name) VALUES ('vip')")
        sentence = "It created tags, which stay: delete what is not wanted any more."
        assert await reason(factory, change) == sentence

    async def test_it_deleted_something_forever(self, factory: SessionFactory, ticket: Ticket) -> None:
        await perform(factory, move_to_trash(), [ticket.id])
        _, change = await perform(factory, delete_forever(), [ticket.id])
        assert await reason(factory, change) == "It deleted tickets forever."

    async def test_it_changed_a_secret(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_user(session)
        change = await sql(factory, "UPDATE users SET password_hash = 'x', full_name = 'Y'")
        assert (
            await reason(factory, change) == "It changed a secret, whose old value the history does not keep."
        )

    async def test_it_rewrote_links(self, factory: SessionFactory, ticket: Ticket) -> None:
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session) for _ in range(2)]
        await perform(factory, add_tags(tags[:1]), [ticket.id])
        change = await sql(factory, f"UPDATE ticket_tags SET tag_id = {tags[1].id}")
        assert await reason(factory, change) == "It rewrote links by hand."

    async def test_it_changed_no_row(self, factory: SessionFactory) -> None:
        change = acting()
        async with transaction(factory, acting()) as session:
            session.add(Operation(id=change.operation_id, verb="nothing", actor="nobody"))
        assert await reason(factory, change) == "It changed nothing that could be put back."
