"""The engine of bulk verbs, driven with verbs of tickets, on real rows and real locks."""

import asyncio
import time

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import INCLUDE_TRASHED, SessionFactory, transaction
from backoffice.desk import assign, move_to_trash, set_priority, set_status
from backoffice.errors import BadInput
from backoffice.operations import BulkVerb, Counts, Selection, chosen, keys, lock, preview, run
from models import Comment, Ticket, TicketPriority, TicketStatus, ticket_tags
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user, operation_of
from tests.performing import acting, perform, written_by


class TestKeys:
    def test_numbers_once_each_in_their_order(self) -> None:
        assert keys(["7", "3", "007", str(2**63 - 1)]) == [7, 3, 2**63 - 1]

    @pytest.mark.parametrize(
        "value", ["", "abc", "-1", "1.0", " 1", "1\n", "١", "²", "\x00", "1,2", str(2**63)]
    )
    def test_anything_else_is_refused(self, value: str) -> None:
        with pytest.raises(BadInput):
            keys(["1", value])

    @given(st.lists(st.text() | st.integers().map(str)))
    def test_nothing_but_bigints_comes_through(self, values: list[str]) -> None:
        try:
            found = keys(values)
        except BadInput:
            assert any(
                not value.isdecimal() or int(value) >= 2**63 or not value.isascii() for value in values
            )
        else:
            assert found == list(dict.fromkeys(int(value) for value in values))
            assert all(0 <= key < 2**63 for key in found)


class TestCounts:
    def test_add_up(self) -> None:
        both = Counts(1, 2, {"late": 3}) + Counts(10, 20, {"late": 30, "gone": 1})
        assert both == Counts(11, 22, {"late": 33, "gone": 1})
        assert both.total == 67

    def test_read_as_json(self) -> None:
        assert Counts(1, 0, {"late": 2}).as_json() == {"changed": 1, "unchanged": 0, "refused": {"late": 2}}


async def tickets(factory: SessionFactory, number: int, **fields: object) -> list[int]:
    async with transaction(factory, arranging()) as session:
        return [(await make_ticket(session, **fields)).id for _ in range(number)]


URGENT = set_priority(TicketPriority.URGENT)


class TestPreview:
    async def test_counts_what_run_counts_in_one_query(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, 3)
        await perform(factory, URGENT, ids[:1])
        await perform(factory, move_to_trash(), ids[1:2])
        async with transaction(factory, acting()) as session:
            statements = []
            engine = session.get_bind()
            event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
            expected = await preview(session, URGENT, chosen(ids))
            assert len(statements) == 2, "the context of the transaction, and the count"
            assert await run(session, URGENT, chosen(ids)) == expected
        assert expected == Counts(1, 1, {"in the trash": 1})

    async def test_changes_and_locks_nothing(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        ids = await tickets(factory, 1)
        async with transaction(factory, acting()) as session:
            await preview(session, URGENT, chosen(ids))
            await owner.execute("SELECT FROM tickets FOR UPDATE NOWAIT")
        assert await owner.fetchval("SELECT priority FROM tickets") == "medium"


class TestRun:
    async def test_the_first_reason_that_holds_counts(self, factory: SessionFactory) -> None:
        ids = await tickets(factory, 2, status=TicketStatus.CLOSED)
        await perform(factory, move_to_trash(), ids[:1])
        counts, _ = await perform(factory, assign(None), ids)
        assert counts == Counts(0, 0, {"in the trash": 1, "closed or resolved": 1})

    async def test_notes_its_counts_in_the_operation(self, factory: SessionFactory) -> None:
        counts, change = await perform(factory, URGENT, await tickets(factory, 2))
        async with transaction(factory, arranging()) as session:
            assert (await operation_of(session, change)).outcome == counts.as_json()

    async def test_nothing_to_change_leaves_no_operation(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        ids = await tickets(factory, 1)
        await perform(factory, URGENT, ids)
        counts, change = await perform(factory, URGENT, ids)
        assert counts == Counts(0, 1, {})
        assert await written_by(owner, change) == []
        assert not await owner.fetchval("SELECT true FROM operations WHERE id = $1", change.operation_id)

    async def test_keys_that_no_row_has_count_as_nothing(self, factory: SessionFactory) -> None:
        counts, _ = await perform(factory, URGENT, [2**63 - 1, 0])
        assert counts == Counts()

    async def test_nothing_selected_is_nothing_done(self, factory: SessionFactory) -> None:
        assert (await perform(factory, URGENT, []))[0] == Counts()

    async def test_sees_what_the_session_has_not_flushed(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ticket = await make_ticket(session)
            ticket.priority = TicketPriority.URGENT
            assert await run(session, URGENT, chosen([ticket.id])) == Counts(0, 1, {})

    async def test_a_filtered_list_leaves_the_trash_out_unless_it_asks_for_it(
        self, factory: SessionFactory
    ) -> None:
        ids = await tickets(factory, 2)
        await perform(factory, move_to_trash(), ids[:1])
        listed = select(Ticket.id).where(Ticket.title.contains("Printer"))
        async with transaction(factory, acting()) as session:
            assert await preview(session, URGENT, listed) == Counts(1)
            everything = listed.execution_options(**INCLUDE_TRASHED)
            assert await preview(session, URGENT, everything) == Counts(1, 0, {"in the trash": 1})

    async def test_a_list_may_join_order_and_limit(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session)
            creator = await make_user(session)
            for _ in range(3):
                await make_ticket(session, tags=[tag], creator=creator)
            await make_ticket(session, creator=creator)
            tagged = select(Ticket.id).where(
                ticket_tags.c.ticket_id == Ticket.id, Ticket.creator_id == creator.id
            )
            assert (await run(session, URGENT, tagged.order_by(Ticket.id.desc()).limit(2))).changed == 2
            assert (await run(session, URGENT, tagged)) == Counts(1, 2, {})

    async def test_knows_no_ticket(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        """Any model will do: here, comments are shortened."""
        async with transaction(factory, acting()) as session:
            ticket = await make_ticket(session)
            ids = []
            for content in ("long enough", "short"):
                comment = Comment(ticket_id=ticket.id, author_id=ticket.creator_id, content=content)
                session.add(comment)
                await session.flush()
                ids.append(comment.id)

            async def apply(session: AsyncSession, selection: Selection) -> None:
                for comment in await session.scalars(select(Comment).where(Comment.id.in_(selection))):
                    comment.content = comment.content[:5]
                await session.flush()

            verb = BulkVerb(model=Comment, already=Comment.content == "short", apply=apply)
            assert await run(session, verb, chosen(ids)) == Counts(1, 1, {})
        assert await owner.fetchval("SELECT array_agg(content ORDER BY id) FROM comments") == [
            "long ",
            "short",
        ]


class TestLock:
    async def test_goes_by_the_key_however_the_rows_lie(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        ids = await tickets(factory, 3)
        await owner.execute("UPDATE tickets SET title = 'moved behind the others' WHERE id = $1", ids[0])
        async with transaction(factory, acting()) as session:
            assert await lock(session, Ticket, chosen(ids[::-1])) == ids


class TestAtOnce:
    async def test_overlapping_runs_neither_deadlock_nor_count_a_row_twice(
        self, factory: SessionFactory
    ) -> None:
        ids = await tickets(factory, 60)
        async with transaction(factory, arranging()) as session:
            people = [await make_staff(session) for _ in range(6)]
        runs = [(ids if turn % 2 else ids[::-1])[turn : turn + 50] for turn in range(6)]
        done = await asyncio.gather(
            *(
                perform(factory, set_status(TicketStatus.RESOLVED), part, acting(who))
                for part, who in zip(runs, people, strict=True)
            )
        )
        touched = {key for part in runs for key in part}
        assert sum(counts.changed for counts, _ in done) == len(touched)
        assert all(counts.total == 50 for counts, _ in done)

    async def test_a_row_is_judged_as_it_is_when_its_lock_is_granted(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        (key,) = await tickets(factory, 1)
        async with owner.transaction():
            await owner.execute("UPDATE tickets SET status = 'closed' WHERE id = $1", key)
            waiting = asyncio.create_task(perform(factory, assign(None), [key]))
            await asyncio.sleep(0.2)
            assert not waiting.done()
        assert (await waiting)[0] == Counts(0, 0, {"closed or resolved": 1})


class TestTenThousandRows:
    async def test_change_in_seconds_with_a_single_parameter_for_their_keys(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute(
            "INSERT INTO users (email, full_name) VALUES ('c@example.com', 'C');"
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'Ticket ' || n, 'text', u.id FROM generate_series(1, 10000) n, users u"
        )
        ids = [row["id"] for row in await owner.fetch("SELECT id FROM tickets")]
        started = time.monotonic()
        counts, change = await perform(factory, URGENT, ids)
        assert time.monotonic() - started < 15
        assert counts == Counts(10_000)
        assert len(await written_by(owner, change)) == 10_000
