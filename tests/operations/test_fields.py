"""Setting fields of many rows: any column that may be shared, and any relation."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import SessionFactory, transaction
from backoffice.desk import move_to_trash
from backoffice.errors import BadInput
from backoffice.operations import Counts
from backoffice.operations.fields import is_settable, set_fields
from models import Comment, Tag, Ticket, User
from tests.factories import arranging, make_staff, make_tag, make_ticket
from tests.performing import perform, take_back, written_by


async def tickets(factory: SessionFactory, *states: dict[str, Any]) -> list[int]:
    async with transaction(factory, arranging()) as session:
        return [(await make_ticket(session, **state)).id for state in states]


async def tags(session: AsyncSession, number: int) -> list[Tag]:
    return [await make_tag(session) for _ in range(number)]


class TestColumns:
    async def test_are_set_together(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            assignee = await make_staff(session)
        same = {"priority": "urgent", "assignee_id": assignee.id}
        ids = await tickets(factory, {}, {"priority": "urgent"}, same, {})
        await perform(factory, move_to_trash(), ids[3:])
        versions = "SELECT array_agg(xmin::text || updated_at::text ORDER BY id) FROM tickets"
        before = await owner.fetchval(versions)
        verb = set_fields(Ticket, {"priority": "urgent", "assignee": assignee.id})
        counts, change = await perform(factory, verb, ids)
        assert counts == Counts(2, 1, {"in the trash": 1})
        rows = await owner.fetch("SELECT priority, assignee_id, status FROM tickets ORDER BY id")
        assert [tuple(row) for row in rows[:3]] == [("urgent", assignee.id, "open")] * 3
        # Only what became another value is in the history.
        assert [(one.record_id, set(one.changes)) for one in await written_by(owner, change)] == [
            (ids[0], {"priority", "assignee_id"}),
            (ids[1], {"assignee_id"}),
        ]
        after = await owner.fetchval(versions)
        changed = [old != new for old, new in zip(before, after, strict=True)]
        assert changed == [True, True, False, False]

    async def test_may_become_empty(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            assignee = await make_staff(session)
        ids = await tickets(factory, {"assignee_id": assignee.id}, {})
        counts, change = await perform(factory, set_fields(Ticket, {"assignee": None}), ids)
        assert counts == Counts(1, 1)
        assert await owner.fetchval("SELECT count(*) FROM tickets WHERE assignee_id IS NULL") == 2
        await take_back(factory, change)
        assert await owner.fetchval("SELECT assignee_id FROM tickets WHERE id = $1", ids[0]) == assignee.id

    async def test_may_be_moments(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        ids = await tickets(factory, {})
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        await perform(factory, set_fields(Ticket, {"created_at": moment.isoformat()}), ids)
        assert await owner.fetchval("SELECT created_at FROM tickets") == moment

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({}, None),
            ({"status": "nonsense"}, "status"),
            ({"status": None}, "status"),
            ({"creator": None}, "creator"),
            ({"created_at": "yesterday"}, "created_at"),
            ({"ticket_number": "T-1"}, None),
            ({"id": 1}, None),
            ({"resolved_at": None}, None),
            ({"no_such": 1}, None),
            ({"comments": [1]}, None),
        ],
    )
    def test_that_make_no_sense(self, values: dict[str, Any], field: str | None) -> None:
        with pytest.raises(BadInput) as refused:
            set_fields(Ticket, values)
        assert list(refused.value.fields) == ([field] if field else [])


class TestLinks:
    async def test_become_those_and_no_others(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            one, two, three = await tags(session, 3)
        states = ([], [one], [one, two], [two, one, three], [three])
        ids = await tickets(factory, *({"tags": list(state)} for state in states))
        stamped = "SELECT array_agg(updated_at ORDER BY id) FROM tickets"
        before = await owner.fetchval(stamped)
        counts, change = await perform(factory, set_fields(Ticket, {"tags": [two.id, one.id]}), ids)
        assert counts == Counts(4, 1)
        links = "SELECT ticket_id, array_agg(tag_id ORDER BY tag_id) FROM ticket_tags GROUP BY 1 ORDER BY 1"
        assert [tuple(row) for row in await owner.fetch(links)] == [(key, [one.id, two.id]) for key in ids]
        after = await owner.fetchval(stamped)
        touched = [old != new for old, new in zip(before, after, strict=True)]
        assert touched == [True, True, False, True, True]
        await take_back(factory, change)
        found = {row[0]: row[1] for row in await owner.fetch(links)}
        wanted = {key: [tag.id for tag in state] for key, state in zip(ids, states, strict=True)}
        assert found == {key: sorted(state) for key, state in wanted.items() if state}

    async def test_may_become_none(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            [tag] = await tags(session, 1)
        ids = await tickets(factory, {"tags": [tag]}, {})
        verb = set_fields(Ticket, {"tags": [], "priority": "low"})
        assert (await perform(factory, verb, ids))[0] == Counts(2)
        assert not await owner.fetchval("SELECT count(*) FROM ticket_tags")
        assert (await perform(factory, verb, ids))[0] == Counts(0, 2)


class TestWhatCanBeSet:
    @pytest.mark.parametrize(
        ("model", "name", "may"),
        [
            (Ticket, "status", True),
            (Ticket, "assignee", True),
            (Ticket, "tags", True),
            (Comment, "is_internal", True),
            (Tag, "color", True),
            (User, "is_active", True),
            (User, "groups", True),
            (User, "email", False),
            (User, "password_hash", False),
            (Tag, "name", False),
            (Ticket, "ticket_number", False),
            (Ticket, "id", False),
            (Ticket, "version", False),
            (Ticket, "updated_at", False),
            (Ticket, "resolved_at", False),
            (Ticket, "deleted_by_id", False),
            (Ticket, "search", False),
            (Ticket, "comments", False),
            (Ticket, "is_overdue", False),
        ],
    )
    def test_is_what_rows_may_share(self, model: Any, name: str, may: bool) -> None:
        assert is_settable(model, name) is may
