"""What a sample says is what the verb does, and nothing of it stays."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import event, false, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import current_change
from backoffice.database import SessionFactory, transaction
from backoffice.desk import (
    add_tags,
    assign,
    delete_tags,
    move_to_trash,
    remove_tags,
    restore,
    set_priority,
    set_status,
)
from backoffice.errors import Conflict
from backoffice.operations import BulkVerb, Selection, chosen
from backoffice.operations import sample as sampling
from backoffice.operations.sample import BUSY, SAMPLED, TOO_SLOW, Sample, sample
from models import AuditAction, Ticket, TicketPriority, TicketStatus
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket
from tests.performing import Written, acting, perform, written_by

URGENT = set_priority(TicketPriority.URGENT)
#: What is another value each time: when it was, and in which operation.
EACH_TIME = {"resolved_at", "deleted_at", "deleted_operation"}

Told = dict[int, dict[str, str]]


async def tickets(factory: SessionFactory, number: int, **fields: object) -> list[int]:
    async with transaction(factory, arranging()) as session:
        return [(await make_ticket(session, **fields)).id for _ in range(number)]


async def sampled(factory: SessionFactory, verb: BulkVerb, ids: list[int]) -> Sample:
    async with transaction(factory, acting()) as session:
        return await sample(session, verb, chosen(ids))


def told(found: Sample) -> dict[int, list[tuple[str, AuditAction, set[str]]]]:
    """Of each row: the entries, by table, action and fields."""
    return {
        key: [(one.table_name, one.action, {change.field for change in one.changes}) for one in entries]
        for key, entries in found.changed.items()
    }


def done(entries: list[Written], *tables: str) -> dict[int, list[tuple[str, AuditAction, set[str]]]]:
    """The same of what was written when it was done in earnest."""
    rows: dict[int, list[tuple[str, AuditAction, set[str]]]] = {}
    for entry in entries:
        if entry.table in tables:
            fields = set(entry.changes) - ({"ticket_id"} if entry.table == "ticket_tags" else set())
            rows.setdefault(entry.record_id, []).append((entry.table, entry.action, fields))
    return rows


class TestWhatItSays:
    @pytest.mark.parametrize("verb_name", ["resolve", "assign", "tag", "untag", "trash"])
    async def test_is_what_is_done(
        self, factory: SessionFactory, owner: asyncpg.Connection, verb_name: str
    ) -> None:
        async with transaction(factory, arranging()) as session:
            assignee, kept, tag = await make_staff(session), await make_tag(session), await make_tag(session)
            ids = [(await make_ticket(session, tags=tags)).id for tags in ([], [kept], [kept, tag])]
        verb = {
            "resolve": set_status(TicketStatus.RESOLVED),
            "assign": assign(assignee),
            "tag": add_tags([kept, tag]),
            "untag": remove_tags([kept, tag]),
            "trash": move_to_trash(),
        }[verb_name]
        said = await sampled(factory, verb, ids)
        _, change = await perform(factory, verb, ids)
        assert told(said) == done(await written_by(owner, change), "tickets", "ticket_tags") != {}

    async def test_has_what_triggers_add(self, factory: SessionFactory) -> None:
        (key,) = await tickets(factory, 1)
        said = await sampled(factory, set_status(TicketStatus.RESOLVED), [key])
        [entry] = said.changed[key]
        changes = {change.field: (change.old, change.new) for change in entry.changes}
        assert changes["status"] == ("open", "resolved")
        assert changes["resolved_at"][0] is None
        assert changes["resolved_at"][1] is not None

    async def test_names_what_values_lead_to(self, factory: SessionFactory) -> None:
        (key,) = await tickets(factory, 1)
        async with transaction(factory, arranging()) as session:
            assignee = await make_staff(session, full_name="Ada Agent")
        said = await sampled(factory, assign(assignee), [key])
        named = {change.field: str(change.new) for change in said.changed[key][0].changes}
        assert named["assignee_id"] == "Ada Agent"

    async def test_counts_what_goes_along(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            for _ in range(3):
                await make_comment(session, ticket=ticket)
        said = await sampled(factory, move_to_trash(), [ticket.id])
        assert said.along == {"comments": 3}

    async def test_of_a_deletion(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            loose, used = await make_tag(session), await make_tag(session)
            await make_ticket(session, tags=[used])
        said = await sampled(factory, delete_tags(), [loose.id, used.id])
        assert [entry.action for entry in said.changed[loose.id]] == [AuditAction.DELETE]
        assert said.refused == {used.id: "on a ticket"}

    async def test_first_rows_by_key_and_some_of_each_refusal(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, SAMPLED + 2)
        closed = await tickets(factory, 4, status=TicketStatus.CLOSED)
        trashed = await tickets(factory, 1)
        await perform(factory, move_to_trash(), trashed)
        async with transaction(factory, arranging()) as session:
            assignee = await make_staff(session)
        said = await sampled(factory, assign(assignee), [*trashed, *closed, *ids[::-1]])
        assert list(said.changed) == ids[:SAMPLED]
        assert said.refused == {
            **dict.fromkeys(closed[:3], "closed or resolved"),
            trashed[0]: "in the trash",
        }

    async def test_rows_that_are_so_already_are_none(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, 2)
        await perform(factory, URGENT, ids[:1])
        assert list((await sampled(factory, URGENT, ids)).changed) == ids[1:]
        assert await sampled(factory, URGENT, ids[:1]) == Sample()

    async def test_rows_in_the_trash(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, 1)
        await perform(factory, move_to_trash(), ids)
        said = await sampled(factory, restore(), ids)
        assert {change.field for change in said.changed[ids[0]][0].changes} >= {"deleted_at"}


class TestWhatRemains:
    async def test_nothing(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        ids = await tickets(factory, 2)
        marks = (
            "SELECT (SELECT array_agg(t.xmin::text ORDER BY id) FROM tickets t), (SELECT count(*) FROM {})"
        )
        before = await owner.fetchrow(marks.format("audit_logs"))
        change = acting()
        async with transaction(factory, change) as session:
            kept = await session.get_one(Ticket, ids[0])
            settings = select(
                *(func.current_setting(name) for name in ("lock_timeout", "statement_timeout")),
                func.current_setting("backoffice.operation_id"),
            )
            set_before = (await session.execute(settings)).one()
            assert (await sample(session, URGENT, chosen(ids))).changed
            assert (await session.execute(settings)).one() == set_before
            assert kept.priority is TicketPriority.MEDIUM
            await session.refresh(kept)
            assert kept.priority is TicketPriority.MEDIUM
            # Not even a lock.
            await owner.execute("SELECT FROM tickets FOR UPDATE NOWAIT")
        assert await owner.fetchrow(marks.format("audit_logs")) == before
        assert not await owner.fetchval("SELECT count(*) FROM operations WHERE id = $1", change.operation_id)
        assert change.outcome == {}

    async def test_what_the_caller_writes_beside_it(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        ids = await tickets(factory, 1)
        change = acting()
        async with transaction(factory, change) as session:
            tag = await make_tag(session, name="before")
            await sample(session, URGENT, chosen(ids))
            await make_tag(session, name="after")
        assert [(one.table, one.action) for one in await written_by(owner, change)] == [
            ("tags", "CREATE")
        ] * 2
        assert tag.id

    async def test_of_what_could_not_be_locked(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        ids = await tickets(factory, 2, status=TicketStatus.CLOSED)
        open_ids = await tickets(factory, 1)
        async with owner.transaction():
            await owner.execute("SELECT FROM tickets WHERE id = $1 FOR UPDATE", open_ids[0])
            async with transaction(factory, acting()) as session:
                said = await sample(session, assign(None), chosen([*ids, *open_ids]))
                unassigned = await sample(session, URGENT, chosen(open_ids))
                # The transaction goes on.
                assert await session.scalar(select(func.count()).select_from(Ticket)) == 3
        assert said == Sample(refused=dict.fromkeys(ids, "closed or resolved"))
        assert unassigned == Sample(problem=BUSY)

    async def test_of_what_takes_too_long(
        self, factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sampling, "LONGEST_MS", 50)

        async def apply(session: AsyncSession, selection: Selection) -> None:
            await session.execute(select(func.pg_sleep(5)))

        ids = await tickets(factory, 1)
        assert await sampled(factory, BulkVerb(model=Ticket, already=false(), apply=apply), ids) == Sample(
            problem=TOO_SLOW
        )

    async def test_of_what_the_verb_refuses_itself(self, factory: SessionFactory) -> None:
        async def apply(session: AsyncSession, selection: Selection) -> None:
            current_change().outcome["touched"] = True
            raise Conflict("Nobody would be left.")

        ids = await tickets(factory, 1)
        change = acting()
        async with transaction(factory, change) as session:
            with pytest.raises(Conflict):
                await sample(session, BulkVerb(model=Ticket, already=false(), apply=apply), chosen(ids))
            assert await session.scalar(select(func.count()).select_from(Ticket)) == 1
        assert change.outcome == {}

    async def test_two_at_once_do_not_wait_for_each_other_long(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, 3)
        found = await asyncio.gather(*(sampled(factory, URGENT, ids) for _ in range(4)))
        assert all(list(one.changed) == ids or one.problem == BUSY for one in found)


class TestCost:
    async def test_the_same_number_of_queries_for_any_size(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, SAMPLED * 3)
        counts = []
        for size in (1, SAMPLED * 3):
            async with transaction(factory, acting()) as session:
                await session.connection()
                statements: list[str] = []
                event.listen(
                    session.get_bind(),
                    "before_cursor_execute",
                    lambda *call, sent=statements: sent.append(call[2]),
                )
                await sample(session, URGENT, chosen(ids[:size]))
                counts.append(len(statements))
        assert counts[0] == counts[1] <= 12
