"""What records are called: then, and now."""

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
from sqlalchemy import event

from backoffice.audit.browse import Entry, history_of
from backoffice.audit.names import Name, names_since
from backoffice.database import SessionFactory, transaction
from backoffice.desk import add_tags, assign
from models import Ticket, User
from tests.audit.test_browse import change_of, history
from tests.factories import arranging, make_staff, make_tag
from tests.performing import acting, perform, sql


async def rename(factory: SessionFactory, person: User, name: str) -> None:
    await sql(factory, f"UPDATE users SET full_name = '{name}' WHERE id = {person.id}")


class TestNames:
    async def test_are_those_of_then_and_of_now(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        for name in ("Sue Second", "Sue Third"):
            await perform(factory, assign(sue), [ticket.id])
            await perform(factory, assign(None), [ticket.id])
            await rename(factory, sue, name)
        entries = [entry for entry in await history(factory, ticket) if _assignee(entry)]
        assert [str(_assignee(entry)) for entry in entries] == [
            "Sue Second (now Sue Third)",
            "Sue Second (now Sue Third)",
            "Sue Supervisor (now Sue Third)",
            "Sue Supervisor (now Sue Third)",
        ]

    async def test_are_one_where_nothing_changed(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        await rename(factory, sue, "Sue Second")
        await perform(factory, assign(sue), [ticket.id])
        newest, *_ = await history(factory, ticket)
        assert change_of(newest, "assignee_id").new == Name("Sue Second", "Sue Second")

    async def test_outlive_the_record(self, factory: SessionFactory, ticket: Ticket) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session, name="vip")
        await perform(factory, add_tags([tag]), [ticket.id])
        await sql(factory, "UPDATE tags SET name = 'very important'")
        await sql(factory, "DELETE FROM ticket_tags")
        await sql(factory, "DELETE FROM tags")
        removed, added, *_ = await history(factory, ticket)
        assert str(change_of(added, "tag_id").new) == "vip (deleted)"
        assert str(change_of(removed, "tag_id").old) == "very important (deleted)"

    async def test_of_what_was_gone_before_are_its_last(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            tag = await make_tag(session, name="vip")
        await sql(factory, "DELETE FROM tags")
        async with transaction(factory, acting()) as session:
            names = await names_since(session, {("tags", tag.id): datetime.now(UTC)})
            (newest,) = await history_of(session, "tags", tag.id, limit=1)
        assert names.at(("tags", tag.id), newest.place) == Name("vip", None)

    async def test_that_nobody_knows_are_numbers(self, factory: SessionFactory, ticket: Ticket) -> None:
        (entry,) = await history(factory, ticket)
        async with transaction(factory, acting()) as session:
            names = await names_since(session, {("tags", 77): entry.when})
        assert str(names.at(("tags", 77), entry.place)) == "#77 (deleted)"

    async def test_that_were_erased_are_those_of_now(
        self, factory: SessionFactory, ticket: Ticket, sue: User, owner: asyncpg.Connection
    ) -> None:
        await perform(factory, assign(sue), [ticket.id])
        await rename(factory, sue, "Erased person")
        await owner.execute(
            "SELECT audit_redact(array_agg(id)) FROM audit_logs"
            " WHERE table_name = 'users' AND record_id = $1",
            sue.id,
        )
        newest, *_ = await history(factory, ticket)
        assert change_of(newest, "assignee_id").new == Name("Erased person", "Erased person")

    async def test_of_actors_are_those_of_then(
        self, factory: SessionFactory, ticket: Ticket, sue: User
    ) -> None:
        await perform(factory, assign(sue), [ticket.id], acting(sue))
        await rename(factory, sue, "Sue Second")
        newest, oldest = await history(factory, ticket)
        assert (newest.who, newest.who_now) == ("Sue Supervisor", "Sue Second")
        assert (oldest.who, oldest.who_now) == ("system:test", None)

    async def test_of_many_take_one_query(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            people = [await make_staff(session, full_name=f"P{number}") for number in range(50)]
            tags = [await make_tag(session) for _ in range(50)]
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        mentions = {
            **{("users", person.id): long_ago for person in people},
            **{("tags", tag.id): long_ago for tag in tags},
        }
        statements: list[Sequence[object]] = []
        async with transaction(factory, acting()) as session:
            await session.connection()
            event.listen(session.get_bind(), "before_cursor_execute", lambda *call: statements.append(call))
            names = await names_since(session, mentions)
            assert len(statements) == 1
        assert [names.now(("users", person.id)) for person in people] == [f"P{n}" for n in range(50)]


def _assignee(entry: Entry) -> Name | None:
    changes = [change for change in entry.changes if change.field == "assignee_id"]
    return next((change.new or change.old for change in changes), None) if entry.verb else None
