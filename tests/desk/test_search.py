"""Searching: whatever is typed finds what contains it, and breaks nothing."""

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backoffice.database import SessionFactory, transaction
from backoffice.desk import (
    COUNT_CAP,
    comment_search_condition,
    move_to_trash,
    people_search_condition,
    search_condition,
    search_tickets,
)
from backoffice.errors import BadInput
from models import Comment, Ticket, TicketPriority, TicketStatus, User
from tests.factories import arranging, make_comment, make_staff, make_tag, make_ticket, make_user
from tests.performing import acting, perform


async def titles(factory: SessionFactory, term: str) -> list[str]:
    async with transaction(factory, acting()) as session:
        return sorted(await session.scalars(select(Ticket.title).where(search_condition(term))))


@pytest.fixture
async def desk(factory: SessionFactory) -> list[Ticket]:
    async with transaction(factory, arranging()) as session:
        return [
            await make_ticket(session, title="Invoice shows 100% VAT", description="The total is wrong"),
            await make_ticket(session, title="Printer's tray_2 won't open", description="C:\\spool is full"),
            await make_ticket(session, title="🔥 Smoke!", description="日本語テスト, Ærøskøbing, error -5"),
        ]


class TestSearchCondition:
    @pytest.mark.parametrize(
        ("term", "title"),
        [
            ("invoice", "Invoice shows 100% VAT"),
            ("INVOICE wrong", "Invoice shows 100% VAT"),
            ("wrong inv", "Invoice shows 100% VAT"),
            ('"100% vat" invoice', "Invoice shows 100% VAT"),
            ('"the total', "Invoice shows 100% VAT"),
            ("inv %", "Invoice shows 100% VAT"),
            ("invoice -printer", "Invoice shows 100% VAT"),
            ('invoice -"is total"', "Invoice shows 100% VAT"),
            ("!invoice", "Invoice shows 100% VAT"),
            ("100%", "Invoice shows 100% VAT"),
            ("%", "Invoice shows 100% VAT"),
            ("_", "Printer's tray_2 won't open"),
            ("tray_2", "Printer's tray_2 won't open"),
            ("printer's", "Printer's tray_2 won't open"),
            ("c:\\sp", "Printer's tray_2 won't open"),
            ("'", "Printer's tray_2 won't open"),
            ("🔥", "🔥 Smoke!"),
            ("🔥 smo", "🔥 Smoke!"),
            ("日本", "🔥 Smoke!"),
            ("ærøsk", "🔥 Smoke!"),
            ("-5", "🔥 Smoke!"),
        ],
    )
    async def test_finds(self, factory: SessionFactory, desk: list[Ticket], term: str, title: str) -> None:
        assert await titles(factory, term) == [title]

    @pytest.mark.parametrize(
        "term",
        [
            "voice",
            "inv wrong",
            "invoice printer",
            "1_0",
            "inv%ice",
            "invoice | printer",
            "invoice or printer",
            "invoice -wrong",
            'invoice -"total is"',
            '"vat 100%"',
            '"100% va"',
        ],
    )
    async def test_does_not_find(self, factory: SessionFactory, desk: list[Ticket], term: str) -> None:
        assert await titles(factory, term) == []

    async def test_finds_a_ticket_by_its_number(self, factory: SessionFactory, desk: list[Ticket]) -> None:
        number = desk[1].ticket_number
        for term in (
            number,
            number.lower(),
            number.removeprefix("T-"),
            str(int(number.removeprefix("T-"))),
            f" {number} ",
        ):
            assert desk[1].title in await titles(factory, term)

    @pytest.mark.parametrize("term", ["", "  \n"])
    async def test_an_empty_term_finds_everything(
        self, factory: SessionFactory, desk: list[Ticket], term: str
    ) -> None:
        assert len(await titles(factory, term)) == 3

    @pytest.mark.parametrize("term", ["x" * 5000, "invoice " + "ü" * 2000, "many words " * 900])
    async def test_bears_long_input(self, factory: SessionFactory, desk: list[Ticket], term: str) -> None:
        assert await titles(factory, term) == []

    @pytest.mark.parametrize("term", ["a\x00b", "\ud800", "x" * 10_001])
    def test_refuses_what_no_text_contains(self, term: str) -> None:
        for condition in (search_condition, comment_search_condition, people_search_condition):
            with pytest.raises(BadInput):
                condition(term)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        term=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
        | st.text("'\\&|!:*()<->-@. aT1%_\"", max_size=30)
    )
    @example(term="@")
    @example(term="a@'\\")
    @example(term="a:*")
    @example(term='a -b "c d" -"e\'f')
    async def test_no_input_is_an_error(self, factory: SessionFactory, term: str) -> None:
        async with transaction(factory, acting(read_only=True)) as session:
            await session.scalars(select(Ticket.id).where(search_condition(term)))
            await search_tickets(session, term)
            await session.scalars(select(Comment.id).where(comment_search_condition(term)))
            await session.scalars(select(User.id).where(people_search_condition(term)))

    async def test_an_index_is_behind_each(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, acting()) as session:
            connection = await session.connection()
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            for model, condition in (
                (Ticket, search_condition("abc")),
                (Comment, comment_search_condition("abc")),
                (User, people_search_condition("ab@c")),
            ):
                query = str(
                    select(model.id)
                    .where(condition)
                    .compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
                )
                plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {query}"))
                assert f"ix_{model.__tablename__}_search" in plan
                assert "Seq Scan" not in plan


class TestOtherConditions:
    async def test_comments_are_found_by_their_text(
        self, factory: SessionFactory, desk: list[Ticket]
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = await make_comment(session, ticket=desk[0], content="Call me: it's urgent")
            await make_comment(session, ticket=desk[0], content="Thanks")
            found = await session.scalars(select(Comment.id).where(comment_search_condition("it's urg")))
            assert found.all() == [comment.id]

    @pytest.mark.parametrize("term", ["jürg", "jürgen o'nei", "jo@exam", "JO@example.com", "jo@example.c"])
    async def test_people_are_found_by_name_and_address(self, factory: SessionFactory, term: str) -> None:
        async with transaction(factory, arranging()) as session:
            person = await make_user(session, full_name="Jürgen O'Neil", email="jo@example.com")
            await make_user(session, full_name="Joanna", email="j@example.com")
            found = await session.scalars(select(User.id).where(people_search_condition(term)))
            assert found.all() == [person.id]


class TestSearchTickets:
    async def test_meets_every_condition(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            staff, tag = await make_staff(session), await make_tag(session, name="vip")
            right = {"assignee": staff, "priority": TicketPriority.HIGH, "status": TicketStatus.IN_PROGRESS}
            wanted = await make_ticket(session, tags=[tag], **right)
            await make_ticket(session, **right)
            for name, other in (
                ("assignee", None),
                ("priority", TicketPriority.LOW),
                ("status", TicketStatus.OPEN),
            ):
                await make_ticket(session, tags=[tag], **{**right, name: other})
            await make_ticket(session, tags=[tag], title="Other", description="Other", **right)
        async with transaction(factory, acting()) as session:
            found, count = await search_tickets(
                session,
                "printer",
                status_list=[TicketStatus.IN_PROGRESS],
                priority=TicketPriority.HIGH,
                assignee_id=staff.id,
                created_after=wanted.created_at,
                tags=["vip", "nobody"],
            )
            assert ([ticket.id for ticket in found], count) == ([wanted.id], 1)
            assert (found[0].assignee, found[0].tags[0].name) == (await session.get(User, staff.id), "vip")

    async def test_pages_newest_first_and_counts_them_all(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            made = [(await make_ticket(session)).id for _ in range(5)]
            found, count = await search_tickets(session, "printer", limit=2, offset=1)
            assert ([ticket.id for ticket in found], count) == ([made[3], made[2]], 5)

    async def test_leaves_the_trash_out(self, factory: SessionFactory, desk: list[Ticket]) -> None:
        await perform(factory, move_to_trash(), [desk[0].id])
        async with transaction(factory, acting()) as session:
            assert await search_tickets(session, "invoice") == ([], 0)

    async def test_counts_no_further_than_it_must(
        self, factory: SessionFactory, owner: asyncpg.Connection
    ) -> None:
        await owner.execute(
            "INSERT INTO users (email, full_name) VALUES ('c@example.com', 'C');"
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'Many', '', u.id FROM generate_series(1, 10005), users u"
        )
        async with transaction(factory, acting()) as session:
            found, count = await search_tickets(session, limit=1)
        assert (len(found), count) == (1, COUNT_CAP + 1)
