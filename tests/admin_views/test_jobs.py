"""Jobs: who sees which, how far they are, what they left alone, and who says whether they begin."""

import csv
import json
import re
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from httpx import Response

from backoffice.database import transaction
from models import JobState
from tests.admin.desk import Desk, Visitor, statements_of
from tests.admin.lists import main_of, make_tickets
from tests.factories import arranging, make_job

OUTCOME = {"changed": 2, "unchanged": 1, "refused": {}, "errors": {}, "conflicts": [], "conflict_count": 0}


@pytest.fixture(autouse=True)
async def _only_its_own(desk: Desk) -> AsyncIterator[None]:
    """The desk is everybody's: no test finds jobs of another."""
    yield
    await desk.owner.execute("DELETE FROM jobs")
    await desk.owner.execute("DELETE FROM pgqueuer")


async def add_job(desk: Desk, user_id: int, state: JobState = JobState.DONE, **fields: Any) -> UUID:
    """A job over tickets, three of four of which it has come to."""
    values = {"rows_done": 3, "chunks_total": 2, "outcome": OUTCOME, **fields}
    async with transaction(desk.factory, arranging()) as session:
        job = await make_job(session, user_id=user_id, state=state, **values)
    return job.id


async def add_chunk(desk: Desk, job: UUID, ids: list[int], number: int = 1, **outcome: Any) -> None:
    await desk.owner.execute(
        "INSERT INTO job_chunks (job_id, number, table_name, record_ids, done_at, outcome)"
        " VALUES ($1, $2, 'tickets', $3, now(), $4)",
        job,
        number,
        ids,
        json.dumps({"rows": {}, "conflicts": [], "error": "", **outcome}),
    )


async def details(visitor: Visitor, job: UUID) -> Response:
    return await visitor.get(f"/admin/job/details/{job}")


def bell_in(answer: Response) -> str:
    found = re.search(r'class="icon-button bell" href="/admin/job/list" aria-label="([^"]*)"', answer.text)
    assert found is not None
    return found[1]


def lines_of(answer: Response) -> list[list[str]]:
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))[1:]


class TestList:
    async def test_shows_what_who_and_how_far(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        await add_job(desk, supervisor.id, JobState.RUNNING, rows_total=12_000, rows_done=4_800)
        text = main_of(await supervisor.get("/admin/job/list"))
        assert "Assign" in text
        assert "4 ticked tickets" in text
        assert "Running" in text
        assert "40 % of 12,000 rows" in text

    @pytest.mark.parametrize("query", ["state=done", "user={id}", "created_at_from=2020-01-01"])
    async def test_filters(self, desk: Desk, query: str) -> None:
        supervisor = await desk.visitor("supervisor")
        job = await add_job(desk, supervisor.id)
        answer = await supervisor.get(f"/admin/job/list?{query.format(id=supervisor.id)}")
        assert f"/admin/job/details/{job}" in answer.text

    async def test_without_the_grant_ones_own_alone(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        group = await desk.group_id("Agents")
        agent = await desk.newcomer("agent")
        own, others = await add_job(desk, agent.id), await add_job(desk, supervisor.id)
        grant = "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'job', $2)"
        await desk.owner.executemany(grant, [(group, "list"), (group, "details")])
        try:
            page = await agent.get("/admin/job/list")
            assert str(own) in page.text
            assert str(others) not in page.text
            assert [(await details(agent, job)).status_code for job in (own, others)] == [200, 404]
        finally:
            await desk.owner.execute(
                "DELETE FROM group_accesses WHERE identity = 'job' AND group_id = $1", group
            )

    async def test_statements_do_not_grow(self, desk: Desk) -> None:
        auditor, supervisor = await desk.visitor("auditor"), await desk.visitor("supervisor")
        counts = []
        for _ in range(2):
            await add_job(desk, supervisor.id)
            with statements_of(desk.app) as sent:
                assert (await auditor.get("/admin/job/list")).status_code == 200
            counts.append(len(sent))
        assert counts[0] == counts[1]


class TestDetails:
    async def test_a_running_one_is_looked_at_again(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        job = await add_job(desk, supervisor.id, JobState.RUNNING, rows_total=1_000, rows_done=400)
        await desk.owner.execute(
            "UPDATE jobs SET started_at = clock_timestamp() - interval '4 s' WHERE id = $1", job
        )
        page = await details(supervisor, job)
        assert '<progress class="run-progress" aria-label="Rows done" value="400" max="1000">' in page.text
        assert 'data-live="1000"' in page.text
        assert 'data-says="40 % done"' in page.text
        text = main_of(page)
        assert "400 of 1,000 rows 40 %" in text
        assert re.search(r"\b(9\d|100) rows a second a few seconds left", text)
        assert "2 changed 1 already so" in " ".join(text.split())

    async def test_an_ended_one_is_final(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        job = await add_job(desk, supervisor.id, JobState.CANCELLED)
        page = await details(supervisor, job)
        assert "data-live" not in page.text
        assert "Cancelled: what was done stays done" in page.text
        assert "1 not begun" in main_of(page)

    async def test_shows_the_first_rows_that_were_left_alone(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        ids = await make_tickets(desk.factory, {"title": "Loud printer"}, *[{}] * 103)
        job = await add_job(
            desk,
            supervisor.id,
            JobState.FAILED,
            outcome={**OUTCOME, "refused": {"already closed": 104}, "errors": {"torn": 2}},
        )
        await add_chunk(desk, job, ids, rows={"already closed": ids})
        await add_chunk(desk, job, [10**12, 10**12 + 1], 2, error="torn")
        page = await details(supervisor, job)
        text = main_of(page)
        assert f"/admin/ticket/details/{ids[0]}" in page.text
        assert "Loud printer" in text
        assert page.text.count('class="is-named job-why"') == 100
        assert "These are the first 100." in text
        assert "2 not done: torn 104 refused: already closed" in " ".join(text.split())
        lines = lines_of(await supervisor.get(f"/admin/job/{job}/rows.csv"))
        assert "Loud printer" in lines[0].pop(2)
        assert lines[0] == ["Ticket", str(ids[0]), "already closed"]
        assert len(lines) == 106
        assert lines[-1] == ["Ticket", str(10**12 + 1), "", "torn"]
        assert (await desk.newest_export())[:2] == (supervisor.id, "tickets")

    async def test_as_many_statements_for_any_number_of_rows(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        ids = await make_tickets(desk.factory, *[{}] * 30)
        counts = []
        for some in (ids[:1], ids):
            outcome = {**OUTCOME, "refused": {"already closed": len(some)}}
            job = await add_job(desk, supervisor.id, outcome=outcome)
            await add_chunk(desk, job, some, rows={"already closed": some})
            with statements_of(desk.app) as sent:
                assert (await details(supervisor, job)).status_code == 200
            counts.append(len(sent))
        assert counts[0] == counts[1]

    async def test_a_formula_in_a_title_is_text(self, desk: Desk) -> None:
        supervisor, tricky = await desk.visitor("supervisor"), await desk.make_member(None, full_name="=1+1")
        job = await add_job(desk, supervisor.id)
        await add_chunk(desk, job, [tricky.id], rows={"gone by now": [tricky.id]})
        await desk.owner.execute("UPDATE job_chunks SET table_name = 'users' WHERE job_id = $1", job)
        [line] = lines_of(await supervisor.get(f"/admin/job/{job}/rows.csv"))
        assert line == ["User", str(tricky.id), "'=1+1", "gone by now"]

    async def test_conflicts_are_shown_and_taken_away(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        [ticket] = await make_tickets(desk.factory, {"title": "Loud printer"})
        conflict = {
            "table": "tickets",
            "record_id": ticket,
            "field": "priority",
            "reason": "changed since",
            "expected": "low",
            "current": "high",
            "changed_by": "Ada",
            "changed_at": "2026-05-01T10:00:00+00:00",
            "changed_in": None,
        }
        job = await add_job(
            desk, supervisor.id, outcome={**OUTCOME, "conflicts": [conflict], "conflict_count": 1}
        )
        await add_chunk(desk, job, [ticket], conflicts=[conflict])
        assert "1 values changed since, and left so" in main_of(await details(supervisor, job))
        [line] = lines_of(await supervisor.get(f"/admin/job/{job}/conflicts.csv"))
        assert line[:2] == ["Ticket", str(ticket)]
        assert "Loud printer" in line[2]
        assert line[3:7] == ["priority", "low", "high", "Ada"]
        assert (await desk.newest_export())[2]["for"] == "conflicts of the job “Assign”"

    async def test_many_reasons_are_folded_away(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        refused = {f"reason {number}": number for number in range(1, 31)}
        job = await add_job(desk, supervisor.id, outcome={**OUTCOME, "refused": refused})
        page = await details(supervisor, job)
        assert "<summary>22 more reasons</summary>" in page.text
        assert page.text.index("reason 30") < page.text.index("<summary>22") < page.text.index("reason 22")


class TestASubmittedOne:
    """From the list to its undo, by the worker of the desk."""

    @pytest.fixture
    async def small(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
        monkeypatch.setattr(
            desk.app.state.site, "settings", desk.settings.model_copy(update={"rows_at_once": 2})
        )
        return desk

    async def _ask(self, desk: Desk, visitor: Visitor) -> tuple[str, list[int]]:
        ids = await make_tickets(desk.factory, *[{}] * 3)
        form = {"pks": [*map(str, ids)], "priority": "urgent", "confirm": "1", "reason": "storm"}
        answer = await visitor.post("/admin/ticket/bulk/set-priority", form)
        assert answer.status_code == 303
        return answer.headers["location"], ids

    async def test_leads_to_its_page_and_from_there_back(self, small: Desk) -> None:
        supervisor = await small.visitor("supervisor")
        url, ids = await self._ask(small, supervisor)
        queued = await supervisor.get(url)
        assert "it begins as soon as a worker is free" in queued.text
        assert "priority: urgent" in main_of(queued)
        job = url.rpartition("/")[2]
        operation = await supervisor.get(f"/admin/operation/details/{job}")
        assert f'href="{url}"' in operation.text
        assert "See how far it is" in operation.text
        assert f"/admin/operation/{job}/undo" not in operation.text
        await small.work_off()
        done = await supervisor.get(url)
        assert "3 changed" in main_of(done)
        assert f"/admin/operation/{job}/undo" in done.text
        undone = await supervisor.post(f"/admin/operation/{job}/undo")
        await small.work_off()
        found = "SELECT count(*) FROM tickets WHERE priority = 'urgent' AND id = ANY ($1)"
        assert undone.status_code == 303
        assert await small.owner.fetchval(found, ids) == 0

    async def test_who_may_see_no_jobs_is_told_on_the_list(self, small: Desk) -> None:
        supervisor, group = await small.visitor("supervisor"), await small.group_id("Supervisors")
        of_jobs = "group_accesses WHERE identity = 'job' AND group_id = $1"
        taken = await small.owner.fetch(f"DELETE FROM {of_jobs} RETURNING action", group)
        try:
            url, _ = await self._ask(small, supervisor)
            assert url.startswith("/admin/ticket/list")
            assert "3 tickets are worked on beside the desk." in (await supervisor.get(url)).text
        finally:
            grant = "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'job', $2)"
            await small.owner.executemany(grant, [(group, row["action"]) for row in taken])

    async def test_cancelled_before_it_began(self, small: Desk) -> None:
        supervisor = await small.visitor("supervisor")
        url, ids = await self._ask(small, supervisor)
        job = url.rpartition("/")[2]
        assert f"/admin/job/{job}/cancel" in (await supervisor.get(url)).text
        assert (await supervisor.post(f"/admin/job/{job}/cancel")).status_code == 303
        page = await supervisor.get(url)
        assert "Cancelled before anything was done" in page.text
        assert "/cancel" not in page.text
        assert bell_in(page) == "Jobs"
        assert (await supervisor.post(f"/admin/job/{job}/cancel")).status_code == 409
        await small.work_off()
        changed = "SELECT count(*) FROM tickets WHERE priority = 'urgent' AND id = ANY ($1)"
        assert await small.owner.fetchval(changed, ids) == 0


class TestCancel:
    @pytest.mark.parametrize(("role", "status"), [("agent", 403), ("auditor", 403), ("administrator", 303)])
    async def test_of_somebody_else(self, desk: Desk, role: str, status: int) -> None:
        supervisor, visitor = await desk.visitor("supervisor"), await desk.visitor(role)
        job = await add_job(desk, supervisor.id, JobState.QUEUED)
        page = await details(visitor, job)
        assert (f"/admin/job/{job}/cancel" in page.text) == (status == 303)
        assert (await visitor.post(f"/admin/job/{job}/cancel")).status_code == status


class TestNotice:
    async def test_rings_for_ones_own_that_ended_until_seen(self, desk: Desk) -> None:
        supervisor, administrator = await desk.visitor("supervisor"), await desk.visitor("administrator")
        jobs = [await add_job(desk, supervisor.id) for _ in range(3)]
        await add_job(desk, supervisor.id, JobState.RUNNING)
        assert bell_in(await supervisor.get("/admin/")) == "Jobs: 3 have ended"
        assert bell_in(await administrator.get("/admin/")) == "Jobs"
        page = await details(supervisor, jobs[0])
        assert bell_in(page) == "Jobs: 3 have ended"
        assert f'action="/admin/job/{jobs[0]}/seen" data-seen' in page.text
        assert "data-seen" not in (await details(administrator, jobs[0])).text
        await administrator.post(f"/admin/job/{jobs[0]}/seen")
        assert bell_in(await supervisor.get("/admin/")) == "Jobs: 3 have ended"
        await supervisor.post(f"/admin/job/{jobs[0]}/seen")
        assert bell_in(await supervisor.get("/admin/")) == "Jobs: 2 have ended"
        assert "Mark all as seen" in (await supervisor.get("/admin/job/list")).text
        assert (await supervisor.post("/admin/job/seen")).status_code == 303
        page = await supervisor.get("/admin/job/list")
        assert bell_in(page) == "Jobs"
        assert "Mark all as seen" not in page.text

    async def test_costs_no_page_a_statement(self, desk: Desk) -> None:
        supervisor = await desk.visitor("supervisor")
        counts = []
        for _ in range(2):
            with statements_of(desk.app) as sent:
                await supervisor.get("/admin/account")
            counts.append(len(sent))
            await add_job(desk, supervisor.id)
        assert counts[0] == counts[1]

    async def test_is_not_there_for_who_may_see_no_jobs(self, desk: Desk) -> None:
        agent = await desk.visitor("agent")
        assert 'class="icon-button bell"' not in (await agent.get("/admin/account")).text


class TestApproval:
    """Of a job of a supervisor's, over all tickets, which agents and auditors may not do."""

    async def _waiting(self, desk: Desk, **fields: Any) -> UUID:
        supervisor = await desk.visitor("supervisor")
        values = {"user_id": supervisor.id, "rows_done": 0, "chunks_total": 0, "outcome": {}, **fields}
        return await add_job(desk, state=JobState.WAITING, **values)

    @pytest.mark.parametrize("deed", ["approve", "reject"])
    @pytest.mark.parametrize(
        ("role", "status"),
        [("no group", 403), ("agent", 403), ("auditor", 403), ("supervisor", 403), ("administrator", 303)],
    )
    async def test_every_role(self, desk: Desk, deed: str, role: str, status: int) -> None:
        job, visitor = await self._waiting(desk), await desk.visitor(role)
        page = await details(visitor, job)
        assert (f"/admin/job/{job}/{deed}" in page.text) == (status == 303)
        assert (await visitor.post(f"/admin/job/{job}/{deed}")).status_code == status
        found = await desk.owner.fetch("SELECT state, approved_by_id FROM jobs WHERE id = $1", job)
        state, decided_by = found[0]
        if status == 303:
            assert (state, decided_by) == ({"approve": "queued", "reject": "rejected"}[deed], visitor.id)
            assert (await visitor.post(f"/admin/job/{job}/{deed}")).status_code == 409
        else:
            assert (state, decided_by) == ("waiting", None)

    async def test_is_on_record_with_who_approved(self, desk: Desk) -> None:
        job, administrator = await self._waiting(desk), await desk.visitor("administrator")
        assert administrator.user is not None
        await administrator.post(f"/admin/job/{job}/approve")
        operation = await desk.owner.fetchrow("SELECT * FROM operations WHERE id = $1", job)
        assert operation is not None
        assert operation["actor_id"] == (await desk.visitor("supervisor")).id
        assert json.loads(operation["parameters"])["approved_by"] == administrator.user.full_name

    async def test_takes_the_right_to_the_verb_itself(self, desk: Desk) -> None:
        """Supervisors approve, but delete nothing forever, nor let others do."""
        job = await self._waiting(desk, verb="ticket.purge", user_id=(await desk.visitor("administrator")).id)
        supervisor = await desk.visitor("supervisor")
        page = await details(supervisor, job)
        assert f"/admin/job/{job}/approve" not in page.text
        assert bell_in(page) == "Jobs"
        assert (await supervisor.post(f"/admin/job/{job}/approve")).status_code == 403

    async def test_takes_the_grant_to_approve(self, desk: Desk) -> None:
        job = await self._waiting(desk, user_id=(await desk.visitor("administrator")).id)
        supervisor, group = await desk.visitor("supervisor"), await desk.group_id("Supervisors")
        grant = "group_accesses WHERE identity = 'job' AND action = 'action:approve' AND group_id = $1"
        await desk.owner.execute(f"DELETE FROM {grant}", group)
        try:
            assert (await supervisor.post(f"/admin/job/{job}/approve")).status_code == 403
        finally:
            add = (
                "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'job', 'action:approve')"
            )
            await desk.owner.execute(add, group)
        assert (await supervisor.post(f"/admin/job/{job}/approve")).status_code == 303

    async def test_rings_for_who_may(self, desk: Desk) -> None:
        await self._waiting(desk)
        assert (
            bell_in(await (await desk.visitor("administrator")).get("/admin/"))
            == "Jobs: 1 waits for approval"
        )
        assert bell_in(await (await desk.visitor("supervisor")).get("/admin/")) == "Jobs"
        assert bell_in(await (await desk.visitor("auditor")).get("/admin/")) == "Jobs"

    async def test_who_asked_is_told_to_wait_and_may_cancel(self, desk: Desk) -> None:
        job, supervisor = await self._waiting(desk), await desk.visitor("supervisor")
        page = await details(supervisor, job)
        assert "Somebody else has to approve it before it begins." in page.text
        assert (await supervisor.post(f"/admin/job/{job}/cancel")).status_code == 303
        assert await desk.owner.fetchval("SELECT state FROM jobs WHERE id = $1", job) == "cancelled"
