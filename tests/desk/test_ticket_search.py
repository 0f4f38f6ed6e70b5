"""Searching tickets by what they say, by what was said on them, and by whose they are; and showing where."""

from collections.abc import Mapping

import asyncpg
import pytest
from sqlalchemy import select

from backoffice.database import SessionFactory, transaction
from backoffice.desk import move_to_trash, ticket_search
from backoffice.desk.finding import FREQUENT, MOST_KEYS
from backoffice.searching import MARK, UNMARK, Match, Search
from models import Comment, Ticket, User
from tests.factories import arranging, make_comment, make_staff, make_ticket, make_user
from tests.performing import acting, perform

Desk = Mapping[str, Ticket]


@pytest.fixture
async def desk(factory: SessionFactory) -> Desk:
    """Tickets by the word that only they have."""
    async with transaction(factory, arranging()) as session:
        ines = await make_user(session, full_name="Ines Haddad", email="ines@fernhill.example")
        otto = await make_staff(session, full_name="Otto Bauer", email="otto@example.com")
        tickets = {
            "till": await make_ticket(
                session, title="The till is slow", description="Since noon", creator=ines
            ),
            "drawer": await make_ticket(session, title="Drawer stuck", description="The till as well"),
            "scanner": await make_ticket(session, title="Scanner", description="Beeps", assignee=otto),
        }
        await make_comment(session, ticket=tickets["scanner"], content="It is the firmware of May")
        await make_comment(session, ticket=tickets["drawer"], content="Ask Otto about the hinge")
        return tickets


async def found(factory: SessionFactory, desk: Desk, term: str) -> set[str]:
    async with transaction(factory, acting(read_only=True)) as session:
        keys = set(
            await session.scalars(select(Ticket.id).where((await ticket_search(session, term)).condition))
        )
    return {name for name, ticket in desk.items() if ticket.id in keys}


async def match(factory: SessionFactory, ticket: Ticket, term: str) -> Match:
    async with transaction(factory, acting(read_only=True)) as session:
        matches = (await ticket_search(session, term)).matches
        assert matches is not None
        return (await matches(session, [ticket.id]))[ticket.id]


def shown(text: str) -> str:
    return text.replace(MARK, "[").replace(UNMARK, "]")


class TestTicketSearch:
    @pytest.mark.parametrize("many", [5_000, 0])
    @pytest.mark.parametrize(
        ("term", "names"),
        [
            ("till", {"till", "drawer"}),
            ("firmware", {"scanner"}),
            ("firmw", {"scanner"}),
            ('"firmware of may"', {"scanner"}),
            ('"firmware may"', set()),
            ("haddad", {"till"}),
            ("ines@fernhill.example", {"till"}),
            ("ines@fern", {"till"}),
            ("otto", {"scanner", "drawer"}),
            ("otto bauer", {"scanner"}),
            ("slow haddad", {"till"}),
            ("haddad stuck", set()),
            ("till -slow", {"drawer"}),
            ("till -haddad", {"drawer"}),
            ("drawer -till", set()),
            ("scanner -otto", set()),
            ("otto -beeps", {"drawer"}),
            ("hinge -otto", set()),
            ("", {"till", "drawer", "scanner"}),
        ],
    )
    async def test_finds(
        self,
        factory: SessionFactory,
        desk: Desk,
        term: str,
        names: set[str],
        many: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Few or too many tickets have the words: it makes no difference but in time.
        monkeypatch.setattr("backoffice.desk.finding.MOST_TICKETS", many)
        assert await found(factory, desk, term) == names

    async def test_says_nothing_of_what_lies_in_the_trash(self, factory: SessionFactory, desk: Desk) -> None:
        async with transaction(factory, arranging()) as session:
            ids = await session.scalars(select(Comment.id).where(Comment.content.contains("hinge")))
        await perform(factory, move_to_trash(Comment), ids.all())
        assert await found(factory, desk, "hinge") == set()

    async def test_leaves_out_what_is_everywhere_and_says_so(
        self, factory: SessionFactory, desk: Desk
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = {"ticket_id": desk["scanner"].id, "author_id": desk["scanner"].creator_id}
            session.add_all(Comment(content="Hello, any till?", **comment) for _ in range(MOST_KEYS + 1))
            session.add_all(
                User(full_name=f"Till Slow {number}", email=f"till{number}@example.com")
                for number in range(MOST_KEYS + 1)
            )
        assert await found(factory, desk, "till") == {"till", "drawer"}
        assert await found(factory, desk, "till slow") == {"till"}
        for term, note in (("till", "comments and people"), ("hello", "comments"), ("till slow", "people")):
            assert f"More than 1,000 {note} match" in (await self._search(factory, term)).note
        assert not (await self._search(factory, "firmware")).note

    async def test_asks_statistics_what_is_everywhere(
        self, factory: SessionFactory, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with transaction(factory, arranging()) as session:
            comment = {"ticket_id": desk["scanner"].id, "author_id": desk["scanner"].creator_id}
            session.add_all(Comment(content="Hello there", **comment) for _ in range(30))
        await owner.execute("ANALYZE comments")
        assert await found(factory, desk, "Hell") == {"scanner"}
        monkeypatch.setattr("backoffice.desk.finding.WIDESPREAD", 10)
        for term in ("hello", "Hell"):
            assert await found(factory, desk, term) == set()
            assert "comments match, and were left out" in (await self._search(factory, term)).note
        for term in ("hello there", "firmware", "-firmware hello", '"hello"'):
            assert await found(factory, desk, term) == {"scanner"}
            assert not (await self._search(factory, term)).note

    async def _search(self, factory: SessionFactory, term: str) -> Search:
        async with transaction(factory, acting(read_only=True)) as session:
            return await ticket_search(session, term)

    async def test_finds_all_where_most_tickets_have_the_word(
        self, factory: SessionFactory, desk: Desk
    ) -> None:
        async with transaction(factory, arranging()) as session:
            many = [await make_ticket(session, title="Tills again") for _ in range(FREQUENT)]
        every = {**desk, **{str(number): ticket for number, ticket in enumerate(many)}}
        assert await found(factory, every, "till") == every.keys() - {"scanner"}

    async def test_each_index_answers_its_part(
        self, factory: SessionFactory, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with transaction(factory, acting()) as session:
            for term, most, indexes in (
                ("otto", 5_000, ("ix_tickets_assignee", "ix_tickets_creator")),
                ("till", 5_000, ("pk_tickets",)),
                ("till", 0, ("ix_tickets_search",)),
                ("%", 5_000, ("ix_tickets_title_signs",)),
            ):
                monkeypatch.setattr("backoffice.desk.finding.MOST_TICKETS", most)
                statement = select(Ticket.id).where((await ticket_search(session, term)).condition)
                connection = await session.connection()
                await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                query = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
                plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {query}"))
                assert "Seq Scan" not in plan
                assert all(index in plan for index in indexes), plan


class TestMatches:
    async def test_words_of_the_ticket_in_title_and_text(self, factory: SessionFactory, desk: Desk) -> None:
        slow = await match(factory, desk["till"], "noon slo")
        assert shown(slow.texts["title"]) == "The till is [slow]"
        assert (shown(slow.passage), slow.source) == ("Since [noon]", "")

    @pytest.mark.parametrize(
        ("name", "term", "passage", "source"),
        [
            ("scanner", "firmware", "It is the [firmware] of May", "Comment"),
            ("till", "ines", "[Ines] Haddad ([ines@fernhill.example])", "Requester"),
            ("till", "ines@fern", "Ines Haddad ([ines@fernhill.example])", "Requester"),
            ("scanner", "bauer beeps", "Otto [Bauer] (otto@example.com)", "Assignee"),
        ],
    )
    async def test_words_elsewhere_with_where(
        self, factory: SessionFactory, desk: Desk, name: str, term: str, passage: str, source: str
    ) -> None:
        match_ = await match(factory, desk[name], term)
        assert (shown(match_.passage), match_.source) == (passage, source)

    async def test_a_passage_of_a_long_text_goes_on_both_ways(
        self, factory: SessionFactory, desk: Desk
    ) -> None:
        async with transaction(factory, arranging()) as session:
            before, after = (" ".join(f"{word}{number}" for number in range(60)) for word in ("pre", "post"))
            text = f"{before} badger {after}"
            ticket = await make_ticket(session, title="Long", description=text)
        passage = shown((await match(factory, ticket, "badger")).passage)
        assert passage.startswith("… ")
        assert passage.endswith(" …")
        assert "[badger]" in passage
        assert len(passage) < 200

    async def test_a_number_is_no_word_to_mark(self, factory: SessionFactory, desk: Desk) -> None:
        assert not (await match(factory, desk["till"], desk["till"].ticket_number)).texts
