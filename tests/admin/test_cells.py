import pytest
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from backoffice.admin.cells import kind_of, listing_options, title_columns, title_of
from backoffice.admin.pages import Kind
from backoffice.database import SessionFactory, transaction
from models import Attachment, AuditLog, Base, Comment, LoginThrottle, Operation, Ticket, User
from tests.admin.conftest import OpenBrowser
from tests.admin.lists import listed, main_of
from tests.factories import arranging, make_group, make_staff, make_tag, make_ticket


class TestKinds:
    @pytest.mark.parametrize(
        ("model", "name", "kind"),
        [
            (Ticket, "title", Kind.TEXT),
            (Ticket, "description", Kind.LONG_TEXT),
            (Ticket, "status", Kind.CHOICE),
            (Ticket, "created_at", Kind.MOMENT),
            (Ticket, "is_overdue", Kind.FLAG),
            (Ticket, "response_time_hours", Kind.NUMBER),
            (Ticket, "id", Kind.CODE),
            (Ticket, "assignee_id", Kind.CODE),
            (Ticket, "assignee", Kind.RECORD),
            (Ticket, "tags", Kind.RECORDS),
            (Ticket, "is_trashed", Kind.TEXT),
            (Attachment, "size_bytes", Kind.NUMBER),
            (User, "is_staff", Kind.FLAG),
            (AuditLog, "changes", Kind.JSON),
            (AuditLog, "record_id", Kind.CODE),
            (AuditLog, "address", Kind.CODE),
            (Operation, "id", Kind.CODE),
        ],
    )
    def test_by_type(self, model: type[Base], name: str, kind: Kind) -> None:
        assert kind_of(model, name, {}) is kind

    def test_as_declared(self) -> None:
        assert kind_of(Attachment, "size_bytes", {"size_bytes": Kind.SIZE}) is Kind.SIZE


class TestTitles:
    @pytest.mark.parametrize(
        ("model", "names"),
        [
            (Ticket, {"id", "ticket_number", "title"}),
            (User, {"id", "full_name"}),
            (Comment, {"id", "content"}),
            (LoginThrottle, {"key"}),
        ],
    )
    def test_the_columns_that_they_take(self, model: type[Base], names: set[str]) -> None:
        assert title_columns(model) == names

    def test_a_record_without_a_name(self) -> None:
        assert title_of(LoginThrottle(key="account:a")) == "Login throttles account:a"
        assert title_of(User(id=7, full_name="  ")) == "Users 7"

    def test_a_title_that_a_stand_in_cannot_make(self) -> None:
        class Day(Base):
            __table__ = Operation.__table__

            def __str__(self) -> str:
                return f"{self.created_at:%A} {self.created_at.year}"

        try:
            assert {"created_at", "verb", "id"} <= title_columns(Day)
        finally:
            Base.registry._dispose_cls(Day)


class TestLoading:
    async def test_nothing_but_what_is_shown(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_ticket(session)
        async with transaction(factory, arranging()) as session:
            options = listing_options(Ticket, ("status", "creator", "tags"))
            ticket = (await session.scalars(select(Ticket).options(*options))).unique().one()
            assert title_of(ticket)
            assert title_of(ticket.creator)
            assert ticket.tags == []
            for record, name in ((ticket, "description"), (ticket, "assignee"), (ticket.creator, "email")):
                with pytest.raises(InvalidRequestError):
                    getattr(record, name)

    async def test_a_computed_value_has_its_columns(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_ticket(session)
        async with transaction(factory, arranging()) as session:
            options = listing_options(Ticket, ("is_overdue",))
            ticket = (await session.scalars(select(Ticket).options(*options))).one()
            assert ticket.is_overdue is False


class TestLinks:
    async def test_to_what_one_may_see(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            cleo, tag = await make_staff(session, full_name="Cleo"), await make_tag(session, name="red")
            await make_ticket(session, assignee=cleo, tags=[tag])
        agent = await browser_of("Agents")
        response = await listed(agent.client)
        assert f'href="/admin/user/details/{cleo.id}"' in response.text
        assert f'href="/admin/tag/details/{tag.id}"' in response.text
        assert 'fill="#64748b"' in response.text

    async def test_to_nothing_else(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            await make_ticket(session, assignee=await make_staff(session, full_name="Cleo"))
            await make_group(session, name="Readers", grants=[("ticket", "list")])
        reader = await browser_of("Readers")
        response = await listed(reader.client)
        assert "Cleo" in main_of(response)
        assert "/details/" not in response.text
