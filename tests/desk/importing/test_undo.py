"""An import is undone as a whole: what it created is taken back, what it changed is put back."""

from typing import Any

from backoffice.database import transaction
from backoffice.desk import move_to_trash, reply, restore
from models import ImportKind, Ticket, User
from tests.desk.importing.conftest import Importing
from tests.performing import acting, perform, sql, take_back

TICKETS = """Number,Subject,Description,Status,Requester email,Tags,Comment
A-1,A printer,It smokes,open,ana@example.com,fire,Come soon
A-2,A till,It is stuck,closed,bob@example.com,"fire,till",
"""


async def state(importing: Importing, table: str, column: str) -> dict[str, Any]:
    """Of each row, by the column that names it, whether it is there for people."""
    is_there = "is_active" if table == "users" else "deleted_at IS NULL"
    rows = await importing.owner.fetch(f"SELECT {column} AS name, {is_there} AS there FROM {table}")
    return {row["name"]: row["there"] for row in rows}


class TestCreated:
    async def test_goes_to_the_trash_and_customers_are_deactivated(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        result, undoing = await take_back(importing.factory, change, importing.person)
        assert (result.changed, result.refused, result.conflict_count) == (
            {"users": 2, "tickets": 2, "comments": 1},
            {},
            0,
        )
        assert await state(importing, "tickets", "ticket_number") == {"A-1": False, "A-2": False}
        assert await state(importing, "comments", "content") == {"Come soon": False}
        assert await state(importing, "users", "email") == {
            "sue@example.com": True,
            "ana@example.com": False,
            "bob@example.com": False,
        }
        assert await importing.owner.fetchval("SELECT count(*) FROM tags") == 2
        assert await importing.owner.fetchval("SELECT count(*) FROM ticket_tags") == 3
        marks = await importing.owner.fetch("SELECT DISTINCT deleted_operation, deleted_by_id FROM tickets")
        assert [tuple(mark) for mark in marks] == [(undoing.operation_id, importing.person.id)]

    async def test_comes_back_when_the_undo_is_undone_and_may_go_again(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        _, undoing = await take_back(importing.factory, change)
        result, _ = await take_back(importing.factory, undoing)
        assert result.conflict_count == 0
        assert all((await state(importing, "tickets", "ticket_number")).values())
        assert all((await state(importing, "comments", "content")).values())
        assert all((await state(importing, "users", "email")).values())
        again, _ = await take_back(importing.factory, change)
        assert again.changed == {"users": 2, "tickets": 2, "comments": 1}

    async def test_stays_where_somebody_changed_it_since(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        await sql(importing.factory, "UPDATE tickets SET priority = 'high' WHERE ticket_number = 'A-1'")
        await sql(importing.factory, "UPDATE users SET full_name = 'Bob B.' WHERE email = 'bob@example.com'")
        result, _ = await take_back(importing.factory, change)
        assert result.changed == {"users": 1, "tickets": 1}
        assert result.refused == {"changed since": 2, "part of what was changed since": 1}
        assert {(one.table, one.field, one.expected, one.current) for one in result.conflicts} == {
            ("tickets", "priority", "medium", "high"),
            ("users", "full_name", "bob", "Bob B."),
        }
        assert await state(importing, "tickets", "ticket_number") == {"A-1": True, "A-2": False}
        assert await state(importing, "comments", "content") == {"Come soon": True}

    async def test_stays_where_somebody_answered_since(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        async with transaction(importing.factory, acting(importing.person)) as session:
            ticket = await session.get_one(Ticket, 2)
            await reply(
                session, ticket, author_id=importing.person.id, content="On my way", is_internal=False
            )
        result, _ = await take_back(importing.factory, change)
        assert [(one.table, one.record_id, one.field) for one in result.conflicts] == [
            ("tickets", 2, "what is on it")
        ]
        assert await state(importing, "tickets", "ticket_number") == {"A-1": False, "A-2": True}
        assert (await state(importing, "comments", "content"))["On my way"]

    async def test_stays_where_a_comment_of_it_was_edited_since(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        await sql(importing.factory, "UPDATE comments SET content = 'Come sooner'")
        await take_back(importing.factory, change)
        assert await state(importing, "tickets", "ticket_number") == {"A-1": True, "A-2": False}
        assert await state(importing, "comments", "content") == {"Come sooner": True}

    async def test_that_is_in_the_trash_already_is_left_there(self, importing: Importing) -> None:
        _, change = await importing.bring(TICKETS)
        await perform(importing.factory, move_to_trash(), [1])
        result, _ = await take_back(importing.factory, change)
        assert (result.changed["tickets"], result.unchanged) == (1, 2)
        await perform(importing.factory, restore(), [1], acting())
        assert (await state(importing, "tickets", "ticket_number"))["A-1"]
        assert (await state(importing, "comments", "content"))["Come soon"]

    async def test_person_who_signs_in_by_now_stays_active(self, importing: Importing) -> None:
        file = "Email,Name,Role\nkim@example.com,Kim,agent\n"
        _, change = await importing.bring(file, kind=ImportKind.PEOPLE, may_make_staff=True)
        await sql(importing.factory, "UPDATE users SET password_hash = 'x' WHERE email = 'kim@example.com'")
        result, _ = await take_back(importing.factory, change)
        assert result.refused == {"changed since": 1}
        assert (await state(importing, "users", "email"))["kim@example.com"]

    async def test_whoever_undoes_it_is_not_locked_out(self, importing: Importing) -> None:
        file = "Email,Name,Role\nkim@example.com,Kim,agent\n"
        _, change = await importing.bring(file, kind=ImportKind.PEOPLE, may_make_staff=True)
        async with transaction(importing.factory, acting()) as session:
            kim = (
                await session.execute(User.__table__.select().where(User.email == "kim@example.com"))
            ).one()
        result, _ = await take_back(importing.factory, change, User(id=kim.id, full_name="Kim"))
        assert result.refused == {"the account of whoever undoes it": 1}
        assert (await state(importing, "users", "email"))["kim@example.com"]


class TestChanged:
    async def test_gets_its_old_values_back_and_loses_what_was_put_on_it(self, importing: Importing) -> None:
        await importing.bring(TICKETS)
        changed = "Number,Subject,Tags,Comment\nA-1,A printer is mended,quick,It works\n"
        _, change = await importing.bring(changed)
        result, _ = await take_back(importing.factory, change)
        assert result.changed == {"tickets": 1, "comments": 1}
        title = await importing.owner.fetchval("SELECT title FROM tickets WHERE ticket_number = 'A-1'")
        tags = await importing.owner.fetchval(
            "SELECT array_agg(name) FROM tags JOIN ticket_tags ON tag_id = tags.id WHERE ticket_id = 1"
        )
        assert (title, tags) == ("A printer", ["fire"])
        assert await state(importing, "comments", "content") == {"Come soon": True, "It works": False}
        assert all((await state(importing, "tickets", "ticket_number")).values())
