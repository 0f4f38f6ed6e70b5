import re
import time
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from httpx import Response

from backoffice.database import transaction
from models import Ticket, TicketPriority, TicketStatus
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import form_in
from tests.factories import arranging, make_staff, make_tag, make_ticket, make_user

BULK = "/admin/ticket/bulk/"


@dataclass(frozen=True)
class Arranged:
    """Tickets of every kind that a verb tells apart; `done` is as each verb would make it."""

    open: int
    done: int
    closed: int
    trashed: int
    assignee: int
    tag: int

    @property
    def pks(self) -> list[str]:
        return [str(key) for key in (self.open, self.done, self.closed, self.trashed)]


@pytest.fixture
async def arranged(desk: Desk) -> Arranged:
    async with transaction(desk.factory, arranging()) as session:
        customer, assignee, tag = await make_user(session), await make_staff(session), await make_tag(session)
        done = {"assignee_id": assignee.id, "status": TicketStatus.WAITING_ON_CUSTOMER, "tags": [tag]}
        states: list[dict[str, Any]] = [
            {},
            {**done, "priority": TicketPriority.URGENT},
            {"status": TicketStatus.CLOSED},
            {},
        ]
        tickets = [await make_ticket(session, creator_id=customer.id, **state) for state in states]
    keys = [ticket.id for ticket in tickets]
    await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", keys[-1])
    return Arranged(*keys, assignee.id, tag.id)


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    return await desk.visitor("supervisor")


async def confirmed(visitor: Visitor, question: Response, **changes: str) -> Response:
    """Send the confirmation page's form as a browser would."""
    assert question.status_code == 200, question.text
    return await form_in(visitor.client, question).send(**changes)


async def entries(desk: Desk, operation: asyncpg.Record) -> list[asyncpg.Record]:
    found = (
        "SELECT *, xmin::text AS written_by FROM audit_logs"
        " WHERE operation_id = $1 AND table_name <> 'operations' ORDER BY id"
    )
    return list(await desk.owner.fetch(found, operation["id"]))


async def ticket(desk: Desk, key: int) -> asyncpg.Record:
    tags = "(SELECT count(*) FROM ticket_tags WHERE ticket_id = id) AS tags"
    row = await desk.owner.fetchrow(f"SELECT *, {tags} FROM tickets WHERE id = $1", key)
    assert row is not None
    return row


@dataclass(frozen=True)
class Case:
    """A verb, what becomes of the four tickets in words, and what it leaves on the open one."""

    verb: str
    fields: dict[str, str]
    question: str
    report: list[str]
    left: dict[str, Any]

    def form(self, arranged: Arranged, **more: Any) -> dict[str, Any]:
        filled = {name: text.format(**vars(arranged)) for name, text in self.fields.items()}
        return {"pks": arranged.pks, **filled, **more}


CASES = [
    Case(
        "assign",
        {"assignee": "{assignee}"},
        "1 will change 1 already is so 1 refused: in the trash 1 refused: closed or resolved",
        ["1 ticket assigned.", "1 already so.", "1 refused: in the trash.", "1 refused: closed or resolved."],
        {"status": "in_progress"},
    ),
    Case(
        "set-status",
        {"status": "waiting_on_customer"},
        "2 will change 1 already is so 1 refused: in the trash",
        ["2 tickets given a new status.", "1 already so.", "1 refused: in the trash."],
        {"status": "waiting_on_customer"},
    ),
    Case(
        "set-priority",
        {"priority": "urgent"},
        "2 will change 1 already is so 1 refused: in the trash",
        ["2 tickets given a new priority.", "1 already so."],
        {"priority": "urgent"},
    ),
    Case(
        "add-tags",
        {"tags": "{tag}"},
        "2 will change 1 already is so 1 refused: in the trash",
        ["2 tickets tagged.", "1 already so."],
        {"tags": 1},
    ),
    Case(
        "trash",
        {},
        "3 will change 1 already is so",
        ["3 tickets moved to trash.", "1 already so."],
        {},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
class TestVerbs:
    async def test_asked_done_and_undone(
        self, desk: Desk, arranged: Arranged, supervisor: Visitor, case: Case
    ) -> None:
        before = await ticket(desk, arranged.open)
        asked = await supervisor.post(f"{BULK}{case.verb}?status=open&sort=asc&page=3", case.form(arranged))
        assert case.question in main_of(asked)
        mark = await desk.watermark()
        answer = await confirmed(supervisor, asked, reason="Spring cleaning")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/admin/ticket/list?status=open&sort=asc"
        listed = await supervisor.get(answer.headers["location"])
        assert all(sentence in listed.text for sentence in case.report)
        await self._check_history(desk, supervisor, case)
        now = await ticket(desk, arranged.open)
        assert {name: now[name] for name in case.left} == case.left
        await self._undo(desk, supervisor, listed)
        again = await ticket(desk, arranged.open)
        kept = set(before.keys()) - {"updated_at"}
        assert {name: again[name] for name in kept} == {name: before[name] for name in kept}
        assert (await desk.watermark())["operations"][0] == mark["operations"][0] + 2

    async def _check_history(self, desk: Desk, visitor: Visitor, case: Case) -> None:
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["actor_id"]) == (f"ticket.{case.verb}", visitor.id)
        assert (operation["reason"], operation["selection"]) == ("Spring cleaning", "4 ticked tickets")
        written = await entries(desk, operation)
        assert len({row["record_id"] for row in written}) == int(case.report[0].partition(" ")[0])
        assert {row["user_id"] for row in written} == {visitor.id}
        # One transaction for all of it.
        assert len({row["written_by"] for row in written}) == 1

    async def _undo(self, desk: Desk, visitor: Visitor, listed: Response) -> None:
        operation = await desk.newest_operation()
        url = f"/admin/operation/{operation['id']}/undo"
        assert f'action="{url}"' in listed.text
        answer = await visitor.post(url, headers={"Referer": "http://testserver/admin/ticket/list?sort=asc"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/ticket/list?sort=asc")
        assert "Undone: " in (await visitor.get("/admin/ticket/list")).text
        assert (await desk.newest_operation())["reverts_id"] == operation["id"]

    async def test_without_the_grant(self, desk: Desk, arranged: Arranged, case: Case) -> None:
        visitors = [await desk.visitor(role) for role in ("agent", "auditor", "no group")]
        mark = await desk.watermark()
        for visitor in visitors:
            answer = await visitor.post(f"{BULK}{case.verb}", case.form(arranged, confirm="1"))
            assert answer.status_code == 403
        assert await desk.watermark() == mark

    async def test_nothing_to_do(
        self, desk: Desk, arranged: Arranged, supervisor: Visitor, case: Case
    ) -> None:
        key = arranged.trashed if case.verb == "trash" else arranged.done
        form = case.form(arranged, pks=str(key))
        asked = await supervisor.post(f"{BULK}{case.verb}", form)
        assert "0 will change 1 already is so" in main_of(asked)
        before = await desk.watermark()
        assert (await supervisor.post(f"{BULK}{case.verb}", {**form, "confirm": "1"})).status_code == 303
        assert await desk.watermark() == before
        assert "Undo" not in (await supervisor.get("/admin/ticket/list")).text.partition("<table")[0]


class TestRemovingTags:
    async def test_asked_and_done(self, desk: Desk, arranged: Arranged, supervisor: Visitor) -> None:
        asked = await supervisor.post(f"{BULK}remove-tags", {"pks": arranged.pks, "tags": str(arranged.tag)})
        assert "1 will change 2 already are so 1 refused: in the trash" in main_of(asked)
        assert (await confirmed(supervisor, asked)).status_code == 303
        assert (await ticket(desk, arranged.done))["tags"] == 0


class TestTrash:
    async def test_restored(self, desk: Desk, arranged: Arranged, supervisor: Visitor) -> None:
        asked = await supervisor.post(f"{BULK}restore?trash=only", {"pks": arranged.pks})
        assert "1 will change 3 refused: not in the trash" in main_of(asked)
        answer = await confirmed(supervisor, asked)
        assert answer.headers["location"] == "/admin/ticket/list?trash=only"
        assert (await ticket(desk, arranged.trashed))["deleted_at"] is None

    async def test_deleted_forever(self, desk: Desk, arranged: Arranged) -> None:
        administrator = await desk.visitor("administrator")
        asked = await administrator.post(f"{BULK}purge?trash=only", {"pks": arranged.pks})
        assert "1 will be gone for good 3 refused: not in the trash" in main_of(asked)
        assert (await confirmed(administrator, asked, word="DELETE")).status_code == 303
        assert not await desk.owner.fetchval("SELECT count(*) FROM tickets WHERE id = $1", arranged.trashed)
        page = await administrator.get("/admin/ticket/list?trash=only")
        assert "1 ticket deleted forever." in page.text
        assert "/undo" not in page.text
        operation = await desk.newest_operation()
        undone = await administrator.post(f"/admin/operation/{operation['id']}/undo")
        assert undone.status_code == 409

    @pytest.mark.parametrize("word", ["", "delete", "DELETE!", " DELETE"])
    async def test_the_word_is_wrong(self, desk: Desk, arranged: Arranged, word: str) -> None:
        administrator = await desk.visitor("administrator")
        asked = await administrator.post(f"{BULK}purge?trash=only", {"pks": str(arranged.trashed)})
        before = await desk.watermark()
        answer = await confirmed(administrator, asked, word=word)
        assert answer.status_code == 400
        assert "Type DELETE to confirm." in main_of(answer)
        assert "1 will be gone for good" in main_of(answer)
        assert await desk.watermark() == before

    async def test_an_agent_trashes_one_ticket(self, desk: Desk, arranged: Arranged) -> None:
        agent = await desk.visitor("agent")
        asked = await agent.post(f"{BULK}trash", {"pks": str(arranged.open)})
        assert (await confirmed(agent, asked)).status_code == 303
        assert (await ticket(desk, arranged.open))["deleted_by_id"] == agent.id
        operation = await desk.newest_operation()
        assert (await agent.post(f"/admin/operation/{operation['id']}/undo")).status_code == 303
        assert (await ticket(desk, arranged.open))["deleted_at"] is None

    @pytest.mark.parametrize("how", ["two", "all", "all and one"])
    async def test_an_agent_trashes_no_more(self, desk: Desk, arranged: Arranged, how: str) -> None:
        forms: dict[str, dict[str, Any]] = {
            "two": {"pks": arranged.pks[:2]},
            "all": {"scope": "all"},
            "all and one": {"scope": "all", "pks": arranged.pks[:1]},
        }
        agent = await desk.visitor("agent")
        await agent.token()
        before = await desk.watermark()
        for confirm in ({}, {"confirm": "1"}):
            assert (await agent.post(f"{BULK}trash", {**forms[how], **confirm})).status_code == 403
        assert await desk.watermark() == before


class TestUndo:
    async def test_what_was_changed_since_stays(
        self, desk: Desk, arranged: Arranged, supervisor: Visitor
    ) -> None:
        form = {"pks": arranged.pks, "priority": "urgent", "confirm": "1"}
        await supervisor.post(f"{BULK}set-priority", form)
        operation = await desk.newest_operation()
        await desk.owner.execute("UPDATE tickets SET priority = 'low' WHERE id = $1", arranged.open)
        answer = await supervisor.post(f"/admin/operation/{operation['id']}/undo")
        undoing = await desk.newest_operation()
        assert answer.headers["location"] == f"/admin/operation/details/{undoing['id']}"
        page = main_of(await supervisor.get(answer.headers["location"]))
        assert "Undone: 1 record put back. 1 value was changed since, and stays as it is." in page
        assert "Left as they were, because they were changed since 1" in page
        assert (await ticket(desk, arranged.open))["priority"] == "low"
        assert (await ticket(desk, arranged.closed))["priority"] == "medium"

    async def test_twice(self, desk: Desk, arranged: Arranged, supervisor: Visitor) -> None:
        form = {"pks": str(arranged.open), "priority": "urgent", "confirm": "1"}
        await supervisor.post(f"{BULK}set-priority", form)
        url = f"/admin/operation/{(await desk.newest_operation())['id']}/undo"
        assert (await supervisor.post(url)).status_code == 303
        before = await desk.watermark()
        assert (await supervisor.post(url)).status_code == 409
        assert await desk.watermark() == before

    async def test_the_undo_itself(self, desk: Desk, arranged: Arranged, supervisor: Visitor) -> None:
        form = {"pks": str(arranged.open), "priority": "urgent", "confirm": "1"}
        await supervisor.post(f"{BULK}set-priority", form)
        for expected in ("medium", "urgent"):
            url = f"/admin/operation/{(await desk.newest_operation())['id']}/undo"
            assert (await supervisor.post(url)).status_code == 303
            assert (await ticket(desk, arranged.open))["priority"] == expected


@pytest.mark.slow
class TestTenThousand:
    async def test_as_a_job(self, desk: Desk, supervisor: Visitor) -> None:
        customer = await desk.owner.fetchval("SELECT min(id) FROM users")
        await desk.owner.execute(
            "INSERT INTO tickets (title, description, creator_id)"
            " SELECT 'Flood ' || n, 'Water everywhere', $1 FROM generate_series(1, 10000) n",
            customer,
        )
        await desk.owner.execute("ANALYZE tickets")
        seconds = {}
        form = {"scope": "all", "priority": "urgent"}
        begun = time.perf_counter()
        asked = await supervisor.post(f"{BULK}set-priority?search=flood", form)
        seconds["asked"] = time.perf_counter() - begun
        assert re.search(r"10,000 will change", main_of(asked))
        assert "all tickets that match “flood”" in main_of(asked)
        begun = time.perf_counter()
        assert (await confirmed(supervisor, asked)).status_code == 303
        await desk.work_off()
        seconds["done"] = time.perf_counter() - begun
        operation = await desk.newest_operation()
        assert len(await entries(desk, operation)) == 10_000
        begun = time.perf_counter()
        assert (await supervisor.post(f"/admin/operation/{operation['id']}/undo")).status_code == 303
        await desk.work_off()
        seconds["undone"] = time.perf_counter() - begun
        count = (
            f"SELECT count(*) FROM {Ticket.__tablename__} WHERE title LIKE 'Flood%' AND priority = 'medium'"
        )
        assert await desk.owner.fetchval(count) == 10_000
        print({name: f"{value:.1f} s" for name, value in seconds.items()})  # noqa: T201 - a measurement
        assert max(seconds.values()) < 30
