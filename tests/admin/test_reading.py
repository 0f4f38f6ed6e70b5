"""What is looked at and searched for goes on record, and nothing else does."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from backoffice.database import transaction
from backoffice.settings import Settings
from models import Ticket
from tests.admin.desk import Desk, Visitor, open_desk, statements_of
from tests.admin.records import upload
from tests.databases import Database
from tests.factories import arranging, make_comment, make_tag, make_ticket

Entries = list[tuple[str, str, int | None]]


@pytest.fixture
async def desk(database: Database, settings: Settings) -> AsyncIterator[Desk]:
    recording = settings.model_copy(update={"record_reads": "view,search"})
    async with open_desk(database, recording) as desk:
        yield desk


@pytest.fixture
async def ticket(desk: Desk) -> Ticket:
    async with transaction(desk.factory, arranging()) as session:
        return await make_ticket(session)


async def entries(desk: Desk) -> list[asyncpg.Record]:
    """What is on record once all of it is written."""
    reads = desk.app.state.site.reads
    while reads._waiting:
        await reads._write()
    found = "SELECT * FROM audit_logs WHERE action IN ('VIEW', 'SEARCH') ORDER BY id"
    return list(await desk.owner.fetch(found))


async def seen(desk: Desk) -> Entries:
    return [(one["action"], one["table_name"], one["record_id"]) for one in await entries(desk)]


class TestView:
    async def test_of_a_ticket(self, desk: Desk, ticket: Ticket) -> None:
        agent = await desk.visitor("agent")
        assert (await agent.get(f"/admin/ticket/details/{ticket.id}")).status_code == 200
        (entry,) = await entries(desk)
        assert (entry["action"], entry["table_name"], entry["record_id"]) == ("VIEW", "tickets", ticket.id)
        assert entry["user_id"] == agent.id
        assert entry["request_id"]

    async def test_of_its_form(self, desk: Desk, ticket: Ticket) -> None:
        agent = await desk.visitor("agent")
        await agent.get(f"/admin/ticket/edit/{ticket.id}")
        assert await seen(desk) == [("VIEW", "tickets", ticket.id)]

    async def test_of_a_person(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")
        await agent.get(f"/admin/user/details/{agent.id}")
        assert await seen(desk) == [("VIEW", "users", agent.id)]

    async def test_of_a_file_that_is_downloaded(self, desk: Desk, ticket: Ticket) -> None:
        agent = await desk.visitor("agent")
        key = await upload(desk, ticket.id)
        await agent.get(f"/admin/attachment/{key}/download?inline")
        assert await seen(desk) == []
        assert (await agent.get(f"/admin/attachment/{key}/download")).status_code == 200
        assert await seen(desk) == [("VIEW", "attachments", key)]

    @pytest.mark.parametrize("path", ["list", "create", "list?search=printer"])
    async def test_of_no_record(self, desk: Desk, ticket: Ticket, path: str) -> None:
        await (await desk.visitor("agent")).get(f"/admin/ticket/{path}")
        assert await seen(desk) == []

    async def test_of_what_there_is_not(self, desk: Desk) -> None:
        assert (await (await desk.visitor("agent")).get("/admin/ticket/details/99999")).status_code == 404
        assert await seen(desk) == []

    @pytest.mark.parametrize("role", ["nobody", "no group"])
    async def test_by_somebody_who_may_not(self, desk: Desk, ticket: Ticket, role: str) -> None:
        visitor = await desk.visitor(role)
        assert (await visitor.get(f"/admin/ticket/details/{ticket.id}")).status_code in (303, 403)
        assert await seen(desk) == []

    async def test_of_what_is_on_every_ticket_anyway(self, desk: Desk, ticket: Ticket) -> None:
        async with transaction(desk.factory, arranging()) as session:
            comment, tag = await make_comment(session, ticket=ticket), await make_tag(session)
        agent = await desk.visitor("agent")
        for url in (f"/admin/comment/details/{comment.id}", f"/admin/tag/details/{tag.id}"):
            assert (await agent.get(url)).status_code == 200
        assert await seen(desk) == []

    async def test_takes_no_statement_of_the_page(self, desk: Desk, ticket: Ticket) -> None:
        agent = await desk.visitor("agent")
        url = f"/admin/ticket/details/{ticket.id}"
        await agent.get(url)
        with statements_of(desk.app) as statements:
            await agent.get(url)
        assert not [one for one in statements if "audit_reads" in one]

    async def test_is_no_part_of_the_records_history(self, desk: Desk, ticket: Ticket) -> None:
        agent = await desk.visitor("agent")
        await agent.get(f"/admin/ticket/details/{ticket.id}")
        assert len(await entries(desk)) == 1
        assert "viewed" not in (await agent.get(f"/admin/ticket/details/{ticket.id}")).text


class TestSearch:
    async def look(self, desk: Desk, query: str) -> Visitor:
        auditor = await desk.visitor("auditor")
        assert (await auditor.get(f"/admin/audit-log/list?{query}")).status_code in (200, 303, 400)
        return auditor

    async def test_of_the_audit_log(self, desk: Desk, ticket: Ticket) -> None:
        auditor = await self.look(desk, f"table_name=tickets&record_id={ticket.id}")
        (entry,) = await entries(desk)
        assert (entry["action"], entry["table_name"], entry["record_id"]) == ("SEARCH", "audit_logs", None)
        assert entry["user_id"] == auditor.id
        assert f"Record: {ticket.id}" in json.loads(entry["changes"])["for"]["new"]
        assert entry["personal"] == ["for"]

    async def test_page_by_page_is_one(self, desk: Desk) -> None:
        for page in (1, 2, 3):
            await self.look(desk, f"action=CREATE&page={page}")
        assert len(await entries(desk)) == 1

    @pytest.mark.parametrize("query", ["", "sortBy=created_at&sort=asc", "record_id=abc"])
    async def test_for_nothing(self, desk: Desk, query: str) -> None:
        await self.look(desk, query)
        assert await seen(desk) == []


class TestSetting:
    async def test_turns_a_kind_off(self, database: Database, settings: Settings) -> None:
        searches = settings.model_copy(update={"record_reads": "search"})
        async with open_desk(database, searches) as desk:
            administrator = await desk.visitor("administrator")
            await administrator.get(f"/admin/user/details/{administrator.id}")
            assert (await administrator.get("/admin/audit-log/list?action=CREATE")).status_code == 200
            assert await seen(desk) == [("SEARCH", "audit_logs", None)]


class TestEnd:
    async def test_of_the_application_loses_nothing(
        self, database: Database, settings: Settings, owner: asyncpg.Connection
    ) -> None:
        recording = settings.model_copy(update={"record_reads": "view"})
        async with open_desk(database, recording) as desk:
            agent = await desk.visitor("agent")
            await agent.get(f"/admin/user/details/{agent.id}")
        assert await owner.fetchval("SELECT record_id FROM audit_logs WHERE action = 'VIEW'") == agent.id
