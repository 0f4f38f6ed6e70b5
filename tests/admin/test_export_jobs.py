"""Lists that jobs export: what is in the file, who gets it, and what remains of one that is given up."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from httpx import Response

from backoffice.admin import workbook
from backoffice.database import transaction
from backoffice.export_files import ExportFolder
from tests.admin.desk import Desk, Visitor
from tests.admin.exports import cells_in, csv_in, exported
from tests.admin.lists import listed, main_of
from tests.factories import arranging, make_ticket


@pytest.fixture
async def supervisor(desk: Desk) -> Visitor:
    return await desk.visitor("supervisor")


@pytest.fixture(autouse=True)
async def _only_its_own(desk: Desk) -> AsyncIterator[None]:
    """The desk is everybody's: no test finds jobs of another."""
    yield
    await desk.owner.execute("DELETE FROM jobs")
    await desk.owner.execute("DELETE FROM pgqueuer")
    for path in folder_of(desk).directory.glob("*"):
        path.unlink()


def folder_of(desk: Desk) -> ExportFolder:
    return ExportFolder.of(desk.settings)


def files_of(desk: Desk) -> list[str]:
    return [path.name for path in folder_of(desk).directory.glob("*")]


async def tickets(desk: Desk, *rows: dict[str, Any]) -> None:
    async with transaction(desk.factory, arranging()) as session:
        for row in rows:
            await make_ticket(session, **row)


async def asked(visitor: Visitor, made: str = "csv", page: str = "ticket", /, **query: Any) -> Response:
    url = f"/admin/{page}/export/{made}?{urlencode(query, doseq=True)}"
    return await visitor.post(url, {"background": "1"})


async def job_of(visitor: Visitor, made: str = "csv", page: str = "ticket", /, **query: Any) -> UUID:
    answer = await asked(visitor, made, page, **query)
    assert answer.status_code == 303, main_of(answer)
    return UUID(answer.headers["location"].removeprefix("/admin/job/details/"))


async def done(
    desk: Desk, visitor: Visitor, made: str = "csv", page: str = "ticket", /, **query: Any
) -> UUID:
    job = await job_of(visitor, made, page, **query)
    await desk.work_off()
    return job


async def page_of(visitor: Visitor, job: UUID) -> str:
    return main_of(await visitor.get(f"/admin/job/details/{job}"))


async def fetched(visitor: Visitor, job: UUID) -> Response:
    return await visitor.get(f"/admin/job/{job}/download")


async def state_of(desk: Desk, job: UUID) -> str:
    return str(await desk.owner.fetchval("SELECT state FROM jobs WHERE id = $1", job))


async def records_of(desk: Desk) -> list[Any]:
    return list(
        await desk.owner.fetch(
            "SELECT user_id, table_name, changes #>> '{for,new}' AS words, changes #> '{rows,new}' AS rows"
            " FROM audit_logs WHERE action = 'EXPORT' ORDER BY id"
        )
    )


class TestFile:
    @pytest.mark.parametrize("made", ["csv", "jsonl", "xlsx"])
    async def test_is_that_of_the_list_at_its_address(
        self, desk: Desk, supervisor: Visitor, made: str
    ) -> None:
        word = f"gannet{made}"
        await desk.owner.execute(
            "INSERT INTO tickets (title, description, priority, creator_id)"
            " SELECT $1 || number, '', 'high', $2 FROM generate_series(1, 1200) AS number",
            *(f"{word} ", supervisor.id),
        )
        await tickets(desk, {"title": f"{word} of another kind", "priority": "low"})
        query = {"search": word, "priority": "high", "sortBy": "created_at", "sort": "asc"}
        query["columns"] = "ticket_number,title,creator"
        job = await done(desk, supervisor, made, **query)
        file, at_once = await fetched(supervisor, job), await exported(supervisor, made, **query)
        if made == "xlsx":
            assert cells_in(file) == cells_in(at_once)
        else:
            assert file.content == at_once.content
        for name in ("content-type", "content-disposition", "cache-control"):
            assert file.headers[name].replace("'", "") == at_once.headers[name].replace("'", "")
        row = await desk.owner.fetchrow("SELECT * FROM jobs WHERE id = $1", job)
        assert row is not None
        assert (row["state"], row["rows_done"], row["rows_total"]) == ("done", 1_200, 1_200)
        assert await desk.owner.fetchval("SELECT count(*) FROM operations WHERE id = $1", job) == 0
        (name,) = files_of(desk)
        assert folder_of(desk).path(name).stat().st_mode & 0o777 == 0o600

    async def test_is_of_the_trash_where_that_is_shown(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, {"title": "petrel stays"}, {"title": "petrel goes"})
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE title = 'petrel goes'")
        job = await done(desk, supervisor, search="petrel", trash="only")
        assert [line[1] for line in csv_in(await fetched(supervisor, job))[1:]] == ["petrel goes"]

    async def test_has_days_as_who_asked_had_them(self, desk: Desk) -> None:
        somebody = await desk.newcomer("supervisor", time_zone="Pacific/Auckland")
        await tickets(desk, {"title": "kea"})
        # The second of May in Auckland.
        await desk.owner.execute("UPDATE tickets SET created_at = '2026-05-01 13:00+00' WHERE title = 'kea'")
        days = {"created_at_from": "2026-05-02", "created_at_to": "2026-05-02"}
        job = await job_of(somebody, search="kea", **days)
        await desk.owner.execute("UPDATE users SET time_zone = 'UTC' WHERE id = $1", somebody.id)
        await desk.work_off()
        assert len(csv_in(await fetched(somebody, job))) == 2

    async def test_goes_on_in_another_sheet(
        self, desk: Desk, supervisor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await tickets(desk, *[{"title": f"booby {number}"} for number in range(5)])
        monkeypatch.setattr(workbook, "SHEET_ROWS", 3)
        job = await done(desk, supervisor, "xlsx", search="booby", sort="asc")
        file = await fetched(supervisor, job)
        sheets = [cells_in(file, sheet) for sheet in (1, 2, 3)]
        titles = [[row[1][1] for row in sheet] for sheet in sheets]
        assert titles == [
            ["Subject", "booby 0", "booby 1"],
            ["Subject", "booby 2", "booby 3"],
            ["Subject", "booby 4"],
        ]


class TestAsking:
    async def test_leads_to_the_file_where_that_is_quick(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, {"title": "skua"}, {"title": "skua"})
        url = "/admin/ticket/export/csv?search=skua"
        answer = await supervisor.post(url)
        assert (answer.status_code, answer.headers["location"]) == (303, url)

    async def test_makes_a_job_of_more_rows(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, *[{"title": "noddy"}] * 6)
        settings = desk.app.state.site.settings
        usual = settings.export_rows_at_once
        object.__setattr__(settings, "export_rows_at_once", 5)
        try:
            page = await listed(supervisor.client, search="noddy")
            at_once = [
                (await supervisor.post(f"/admin/ticket/export/{made}?search={word}")).headers["location"]
                for made, word in (("csv", "noddy"), ("csv", "nothing"), ("xlsx", "noddy"))
            ]
        finally:
            object.__setattr__(settings, "export_rows_at_once", usual)
        assert ["job/details" in url for url in at_once] == [True, False, True]
        # Not a link: the server says which it is.
        assert 'href="/admin/ticket/export' not in page.text
        assert page.text.count('action="/admin/ticket/export/csv?search=noddy"') == 2

    async def test_is_offered_beside_the_links(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, {"title": "tern"})
        page = await listed(supervisor.client, search="tern")
        assert 'href="/admin/ticket/export/csv?search=tern"' in page.text
        assert page.text.count('action="/admin/ticket/export/csv?search=tern"') == 1

    @pytest.mark.parametrize(("query", "status"), [({"status": "nonsense"}, 400), ({"sortBy": "x"}, 400)])
    async def test_is_refused_where_it_makes_no_sense(
        self, desk: Desk, supervisor: Visitor, query: dict[str, str], status: int
    ) -> None:
        assert (await asked(supervisor, **query)).status_code == status
        assert await desk.owner.fetchval("SELECT count(*) FROM jobs") == 0

    async def test_of_very_many_at_once_is_refused(self, desk: Desk, supervisor: Visitor) -> None:
        answers = [await asked(supervisor, "csv", "tag") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [303] * 5 + [429]
        assert (await asked(await desk.visitor("administrator"))).status_code == 303

    async def test_takes_the_right_to_see_jobs(self, desk: Desk) -> None:
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Takers') RETURNING id")
        for action in ("list", "export"):
            await desk.owner.execute(
                "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'ticket', $2)",
                *(group, action),
            )
        taker = await desk.browser(user := await desk.make_member("Takers"))
        await taker.sign_in(user.email)
        assert (await asked(taker)).status_code == 403
        await tickets(desk, {"title": "rail"})
        assert 'name="background"' not in (await listed(taker.client)).text
        assert (await exported(taker)).status_code == 200


class TestWhoMay:
    async def test_only_who_asked_gets_the_file(self, desk: Desk, supervisor: Visitor) -> None:
        job = await done(desk, supervisor)
        administrator = await desk.visitor("administrator")
        assert "Download CSV" in await page_of(supervisor, job)
        assert "Download CSV" not in await page_of(administrator, job)
        assert (await fetched(administrator, job)).status_code == 403

    @pytest.mark.parametrize("loses", ["the grant", "the door"])
    async def test_who_lost_the_right_gets_a_sentence(self, desk: Desk, loses: str) -> None:
        somebody = await desk.newcomer("supervisor")
        job = await job_of(somebody)
        group = await desk.group_id("Agents" if loses == "the grant" else "Supervisors")
        await desk.owner.execute(
            "UPDATE user_groups SET group_id = $1 WHERE user_id = $2", group, somebody.id
        )
        await desk.owner.execute(
            "UPDATE users SET is_active = $1 WHERE id = $2", loses != "the door", somebody.id
        )
        before = await records_of(desk)
        await desk.work_off()
        text = await page_of(await desk.visitor("administrator"), job)
        assert "Who asked for this may not export this list any more." in text
        assert (await state_of(desk, job), files_of(desk)) == ("failed", [])
        assert await records_of(desk) == before

    async def test_who_lost_it_since_does_not_get_the_file(self, desk: Desk) -> None:
        somebody = await desk.newcomer("supervisor")
        job = await done(desk, somebody)
        group = await desk.owner.fetchval("INSERT INTO groups (name) VALUES ('Onlookers') RETURNING id")
        await desk.owner.execute(
            "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'job', 'details')", group
        )
        await desk.owner.execute(
            "UPDATE user_groups SET group_id = $1 WHERE user_id = $2", group, somebody.id
        )
        assert (await somebody.get(f"/admin/job/details/{job}")).status_code == 200
        assert (await fetched(somebody, job)).status_code == 403


class TestOnRecord:
    async def test_are_the_making_and_each_fetching(self, desk: Desk, supervisor: Visitor) -> None:
        await tickets(desk, {"title": "somebody's fulmar"})
        before = len(await records_of(desk))
        job = await done(desk, supervisor, search="somebody's fulmar")
        assert len(await records_of(desk)) == before + 1
        assert (await supervisor.client.head(f"/admin/job/{job}/download")).status_code == 200
        await fetched(supervisor, job)
        words = "all tickets that match “somebody's fulmar”"
        found = [tuple(row) for row in (await records_of(desk))[before:]]
        assert found == [(supervisor.id, "tickets", words, "1")] * 2


class TestGivingUp:
    async def test_a_cancelled_one_leaves_nothing(self, desk: Desk, supervisor: Visitor) -> None:
        """Whatever it waits for: here it is a table that somebody else holds."""
        await tickets(desk, {"title": "puffin"})
        job = await job_of(supervisor, search="puffin")
        lock = desk.owner.transaction()
        await lock.start()
        await desk.owner.execute("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE")
        work = asyncio.create_task(desk.work_off())
        try:
            async with asyncio.timeout(20):
                while await state_of(desk, job) != "running":  # noqa: ASYNC110 - only the database knows
                    await asyncio.sleep(0.05)
                await supervisor.post(f"/admin/job/{job}/cancel")
                await work
        finally:
            await lock.rollback()
        assert (await state_of(desk, job), files_of(desk)) == ("cancelled", [])
        assert desk.app.state.engine.pool.checkedout() == 0
        assert (await fetched(supervisor, job)).status_code == 404

    async def test_what_a_killed_worker_left_is_removed(self, desk: Desk, supervisor: Visitor) -> None:
        job = await job_of(supervisor, "csv", "tag")
        folder = folder_of(desk)
        draft = folder.begin(job)
        (draft / "tags.csv").write_text("half")
        (folder.directory / f"{job.hex}-whole.csv").write_text("whole, but nobody was told")
        await desk.work_off()
        (name,) = files_of(desk)
        assert len(csv_in(await fetched(supervisor, job))) >= 1
        assert "draft" not in name

    async def test_after_some_hours_the_file_is_gone(self, desk: Desk, supervisor: Visitor) -> None:
        late, kept = await done(desk, supervisor, "csv", "tag"), await done(desk, supervisor, "csv", "tag")
        (name,) = [name for name in files_of(desk) if name.startswith(late.hex)]
        long_ago = (datetime.now(UTC) - timedelta(hours=25)).timestamp()
        os.utime(folder_of(desk).path(name), (long_ago, long_ago))
        await folder_of(desk).remove_old()
        assert (await fetched(supervisor, late)).status_code == 404
        assert "The file is gone" in await page_of(supervisor, late)
        assert (await fetched(supervisor, kept)).status_code == 200

    async def test_what_expired_is_not_sent_even_if_it_is_there(
        self, desk: Desk, supervisor: Visitor
    ) -> None:
        job = await done(desk, supervisor, "csv", "tag")
        await desk.owner.execute(
            'UPDATE jobs SET outcome = outcome || \'{"expires_at": "2026-01-01T00:00:00+00:00"}\''
        )
        assert (await fetched(supervisor, job)).status_code == 404
