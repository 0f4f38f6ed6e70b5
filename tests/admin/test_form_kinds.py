"""Fields that no page of the desk has: a view of the tests' own shows them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from admin_views import TEMPLATES
from backoffice.admin.application import build
from backoffice.admin.fields import TextField
from backoffice.admin.forms import FieldKind, Section
from backoffice.admin.site import AdminSite
from backoffice.admin.view import View
from backoffice.database import SessionFactory, transaction
from backoffice.errors import BadInput
from backoffice.settings import Settings
from models import Ticket
from tests.admin.conftest import Browser, OpenBrowser, statements_of
from tests.admin.page_forms import errors_in, form_in, history_from_now, open_form
from tests.factories import arranging, make_ticket

WRITTEN = datetime(2026, 7, 1, 12, 30, 15, 123456, UTC)
EDIT = "/admin/ticket/edit/1"


class DatedTickets(View, model=Ticket):
    form_sections = [Section("All", ["created_at", "title", "ticket_number", "reason"])]
    form_kinds = {"ticket_number": FieldKind.LONG_TEXT}
    form_limits = {"title": 20}
    form_hints = {"title": "In a few words.", "reason": "Why."}
    extra_fields = {"reason": lambda view, request, record: TextField("Reason")}

    async def before_save(
        self, request: Request, record: Any, values: dict[str, Any], *, is_new: bool
    ) -> None:
        if values.get("reason") == "none":
            raise BadInput("Not like this.", fields={"reason": "Say more."})
        request.state.change.reason = values.get("reason")


async def index(site: AdminSite, request: Request) -> Response:
    return PlainTextResponse(str(request.session.get("flashes")))


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    app = build(
        settings,
        views=[DatedTickets],
        templates=[TEMPLATES],
        title="Dates",
        index=index,
        verbs={},
        kinds=lambda site: [],
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def parisian(browser_of: OpenBrowser, factory: SessionFactory) -> Browser:
    async with transaction(factory, arranging()) as session:
        await make_ticket(session, created_at=WRITTEN, title="Printer jams")
    return await browser_of("Agents", time_zone="Europe/Paris")


class TestMoment:
    async def test_is_shown_in_the_zone_of_who_looks(self, parisian: Browser) -> None:
        form = await open_form(parisian.client, EDIT)
        assert form["created_at"] == "2026-07-01T14:30:15"
        assert "Time zone: Europe/Paris." in (await parisian.client.get(EDIT)).text

    async def test_keeps_its_microseconds_when_left_alone(
        self, parisian: Browser, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(parisian.client, EDIT)
        assert (await form.send(title="Printer burns")).status_code == 303
        assert await owner.fetchval("SELECT created_at FROM tickets") == WRITTEN

    async def test_is_stored_from_the_zone_of_who_typed(
        self, parisian: Browser, owner: asyncpg.Connection
    ) -> None:
        form = await open_form(parisian.client, EDIT)
        assert (await form.send(created_at="2026-01-01T00:30")).status_code == 303
        stored = await owner.fetchval("SELECT created_at FROM tickets")
        assert stored == datetime(2025, 12, 31, 23, 30, tzinfo=UTC)

    async def test_is_required(self, parisian: Browser) -> None:
        answer = await (await open_form(parisian.client, EDIT)).send(created_at="")
        assert errors_in(answer) == {"created_at": "This is required."}

    async def test_is_shown_again_as_it_was_typed(self, parisian: Browser) -> None:
        answer = await (await open_form(parisian.client, EDIT)).send(created_at="yesterday")
        assert form_in(parisian.client, answer)["created_at"] == "yesterday"


class TestExtraField:
    async def test_goes_to_the_view_alone(self, parisian: Browser, owner: asyncpg.Connection) -> None:
        form = await open_form(parisian.client, EDIT)
        assert (await form.send(reason="It burns", title="Printer burns")).status_code == 303
        assert await owner.fetchval("SELECT reason FROM operations WHERE verb = 'ticket.edit'") == "It burns"

    async def test_can_be_refused_by_the_view(self, parisian: Browser, owner: asyncpg.Connection) -> None:
        history = await history_from_now(owner)
        answer = await (await open_form(parisian.client, EDIT)).send(reason="none", title="Printer burns")
        assert (answer.status_code, errors_in(answer)) == (400, {"reason": "Say more."})
        assert await history.entries() == []


class TestDeclaration:
    async def test_of_a_limit(self, parisian: Browser) -> None:
        answer = await (await open_form(parisian.client, EDIT)).send(title="x" * 21)
        assert errors_in(answer) == {"title": "At most 20 characters; this has 21."}

    async def test_of_a_hint(self, parisian: Browser) -> None:
        text = (await parisian.client.get(EDIT)).text
        assert 'id="title-hint">In a few words.' in text
        assert 'id="reason-hint">Why.' in text


class TestBuilding:
    async def test_leaves_nothing_behind(self, parisian: Browser) -> None:
        form = await open_form(parisian.client, EDIT)
        for _ in range(3):
            answer = await form.send(title="")
            assert errors_in(answer)["title"] == "This is required."

    async def test_reads_the_record_once(self, parisian: Browser, app: Starlette) -> None:
        with statements_of(app) as sent:
            await parisian.client.get(EDIT)
        assert len([statement for statement in sent if "FROM tickets" in statement]) == 1
