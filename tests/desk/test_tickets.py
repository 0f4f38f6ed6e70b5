"""Verbs over tickets: what they change, what they refuse, what the history says, and their undo."""

import asyncpg
import pytest

from backoffice.database import SessionFactory, transaction
from backoffice.desk import (
    add_tags,
    assign,
    delete_tags,
    move_to_trash,
    remove_tags,
    set_priority,
    set_status,
)
from backoffice.errors import BadInput
from backoffice.operations import Counts
from models import AuditAction, Tag, TicketPriority, TicketStatus, User
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user
from tests.performing import Written, acting, perform, take_back, written_by


@pytest.fixture
async def sue(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session, full_name="Sue Supervisor")


async def ticket(factory: SessionFactory, **fields: object) -> int:
    async with transaction(factory, arranging()) as session:
        return (await make_ticket(session, **fields)).id


class TestAssign:
    async def test_moves_open_tickets_to_in_progress(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        ids = [await ticket(factory), await ticket(factory, status=TicketStatus.WAITING_ON_CUSTOMER)]
        counts, _ = await perform(factory, assign(sue), ids)
        assert counts == Counts(2)
        rows = await owner.fetch("SELECT status, assignee_id FROM tickets ORDER BY id")
        assert [tuple(row) for row in rows] == [("in_progress", sue.id), ("waiting_on_customer", sue.id)]

    async def test_writes_who_did_it_and_old_and_new(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        key = await ticket(factory)
        _, change = await perform(factory, assign(sue), [key], acting(sue))
        assert await written_by(owner, change) == [
            Written(
                "tickets",
                key,
                AuditAction.UPDATE,
                {
                    "status": {"old": "open", "new": "in_progress"},
                    "assignee_id": {"old": None, "new": sue.id},
                },
                sue.id,
            )
        ]

    async def test_to_nobody_leaves_the_status_alone(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        key = await ticket(factory, assignee=sue)
        await perform(factory, assign(None), [key])
        assert tuple(await owner.fetchrow("SELECT status, assignee_id FROM tickets")) == ("open", None)

    async def test_counts_those_who_have_it_already(self, factory: SessionFactory, sue: User) -> None:
        assert (await perform(factory, assign(sue), [await ticket(factory, assignee=sue)]))[0] == Counts(0, 1)
        assert (await perform(factory, assign(None), [await ticket(factory)]))[0] == Counts(0, 1)

    @pytest.mark.parametrize("status", [TicketStatus.RESOLVED, TicketStatus.CLOSED])
    async def test_refuses_settled_tickets(
        self, factory: SessionFactory, sue: User, status: TicketStatus
    ) -> None:
        counts, _ = await perform(factory, assign(sue), [await ticket(factory, status=status)])
        assert counts == Counts(0, 0, {"closed or resolved": 1})

    async def test_refuses_trashed_tickets(self, factory: SessionFactory, sue: User) -> None:
        key = await ticket(factory)
        await perform(factory, move_to_trash(), [key])
        assert (await perform(factory, assign(sue), [key]))[0] == Counts(0, 0, {"in the trash": 1})

    async def test_only_active_staff_get_tickets(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            for person in (await make_user(session), await make_staff(session, is_active=False)):
                with pytest.raises(BadInput, match="not active staff") as error:
                    assign(person)
                assert "assignee" in error.value.fields

    async def test_undo_gives_it_back(
        self, factory: SessionFactory, owner: asyncpg.Connection, sue: User
    ) -> None:
        key = await ticket(factory)
        _, change = await perform(factory, assign(sue), [key])
        result, _ = await take_back(factory, change)
        assert result.changed == {"tickets": 1}
        assert tuple(await owner.fetchrow("SELECT status, assignee_id FROM tickets")) == ("open", None)


class TestSetStatus:
    async def test_settling_stamps_the_moment_and_reopening_clears_it(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        key = await ticket(factory)
        await perform(factory, set_status(TicketStatus.RESOLVED), [key])
        stamp = await owner.fetchval("SELECT resolved_at FROM tickets")
        assert stamp is not None
        await perform(factory, set_status(TicketStatus.CLOSED), [key])
        assert await owner.fetchval("SELECT resolved_at FROM tickets") == stamp
        await perform(factory, set_status(TicketStatus.OPEN), [key])
        assert await owner.fetchval("SELECT resolved_at FROM tickets") is None

    async def test_counts_what_is_so_and_what_is_trashed(self, factory: SessionFactory) -> None:
        ids = [
            await ticket(factory),
            await ticket(factory, status=TicketStatus.CLOSED),
            await ticket(factory),
        ]
        await perform(factory, move_to_trash(), ids[2:])
        counts, _ = await perform(factory, set_status(TicketStatus.CLOSED), ids)
        assert counts == Counts(1, 1, {"in the trash": 1})

    async def test_undo_brings_back_the_moment_too(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        key = await ticket(factory, status=TicketStatus.RESOLVED)
        stamp = await owner.fetchval("SELECT resolved_at FROM tickets")
        _, change = await perform(factory, set_status(TicketStatus.OPEN), [key])
        await take_back(factory, change)
        assert tuple(await owner.fetchrow("SELECT status, resolved_at FROM tickets")) == ("resolved", stamp)


class TestSetPriority:
    async def test_changes_settled_tickets_too(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        key = await ticket(factory, status=TicketStatus.CLOSED)
        counts, change = await perform(factory, set_priority(TicketPriority.HIGH), [key])
        assert counts == Counts(1)
        (entry,) = await written_by(owner, change)
        assert entry.changes == {"priority": {"old": "medium", "new": "high"}}

    async def test_refuses_trashed_tickets(self, factory: SessionFactory) -> None:
        key = await ticket(factory)
        await perform(factory, move_to_trash(), [key])
        counts, _ = await perform(factory, set_priority(TicketPriority.HIGH), [key])
        assert counts == Counts(0, 0, {"in the trash": 1})


@pytest.fixture
async def tags(factory: SessionFactory) -> list[Tag]:
    async with transaction(factory, arranging()) as session:
        return [await make_tag(session, name=name) for name in ("billing", "login")]


async def links(owner: asyncpg.Connection) -> list[tuple[int, int]]:
    rows = await owner.fetch("SELECT ticket_id, tag_id FROM ticket_tags ORDER BY 1, 2")
    return [tuple(row) for row in rows]


class TestAddTags:
    async def test_adds_those_that_are_missing(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        ids = [await ticket(factory), await ticket(factory), await ticket(factory)]
        await perform(factory, add_tags(tags[:1]), ids[:1])
        await perform(factory, add_tags(tags), ids[1:2])
        counts, change = await perform(factory, add_tags(tags), ids)
        assert counts == Counts(2, 1)
        assert await links(owner) == [(key, tag.id) for key in ids for tag in tags]
        entries = await written_by(owner, change)
        assert [(entry.table, entry.record_id, entry.action) for entry in entries] == [
            ("ticket_tags", key, AuditAction.CREATE) for key in (ids[0], ids[2], ids[2])
        ]

    async def test_makes_a_form_that_was_opened_before_stale(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        key = await ticket(factory)
        version = await owner.fetchval("SELECT xmin::text FROM tickets")
        await perform(factory, add_tags(tags), [key])
        assert await owner.fetchval("SELECT xmin::text FROM tickets") != version

    async def test_refuses_trashed_tickets(self, factory: SessionFactory, tags: list[Tag]) -> None:
        key = await ticket(factory)
        await perform(factory, move_to_trash(), [key])
        assert (await perform(factory, add_tags(tags), [key]))[0] == Counts(0, 0, {"in the trash": 1})

    async def test_needs_a_tag(self) -> None:
        with pytest.raises(BadInput, match="at least one tag"):
            add_tags([])

    async def test_undo_takes_off_those_that_it_added(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        key = await ticket(factory)
        await perform(factory, add_tags(tags[:1]), [key])
        _, change = await perform(factory, add_tags(tags), [key])
        result, _ = await take_back(factory, change)
        assert result.changed == {"tickets": 1}
        assert await links(owner) == [(key, tags[0].id)]


class TestRemoveTags:
    async def test_removes_those_that_are_there(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        ids = [await ticket(factory), await ticket(factory)]
        await perform(factory, add_tags(tags), ids[:1])
        counts, change = await perform(factory, remove_tags(tags[:1]), ids)
        assert counts == Counts(1, 1)
        assert await links(owner) == [(ids[0], tags[1].id)]
        (entry,) = await written_by(owner, change)
        assert entry.action is AuditAction.DELETE
        assert entry.changes == {"ticket_id": {"old": ids[0]}, "tag_id": {"old": tags[0].id}}

    async def test_undo_puts_them_back(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        key = await ticket(factory)
        await perform(factory, add_tags(tags), [key])
        _, change = await perform(factory, remove_tags(tags), [key])
        await take_back(factory, change)
        assert await links(owner) == [(key, tag.id) for tag in tags]


class TestDeleteTags:
    async def test_deletes_those_that_no_ticket_carries(
        self, factory: SessionFactory, owner: asyncpg.Connection, tags: list[Tag]
    ) -> None:
        key = await ticket(factory)
        await perform(factory, add_tags(tags[:1]), [key])
        await perform(factory, move_to_trash(), [key])
        counts, _ = await perform(factory, delete_tags(), [tag.id for tag in tags])
        assert counts == Counts(1, 0, {"on a ticket": 1})
        assert await owner.fetchval("SELECT array_agg(name) FROM tags") == ["billing"]
