"""Imports of many rows are done by workers, chunk by chunk, as one operation, and so is their undo."""

import json
from functools import partial

import pytest

from backoffice.accounts.people import create_superuser
from backoffice.database import transaction
from backoffice.desk.importing import job
from backoffice.desk.importing.keeping import keep_imports
from backoffice.desk.importing.running import begin_run, rows_to_run
from backoffice.jobs import Worker, cancel, undo_kind, undoing
from backoffice.jobs.undoing import submit_undo
from backoffice.jobs.work import do_next
from backoffice.settings import Settings
from models import ImportFile, Job
from tests.desk.importing.conftest import Importing
from tests.performing import acting

ROWS = 12
CONTENT = "Number,Subject,Requester email,Comment,Tags\n" + "".join(
    f"A-{number},Subject {number},c{number % 5}@example.com,Said {number},fire\n" for number in range(ROWS)
)


async def submitted(importing: Importing) -> tuple[ImportFile, Job]:
    file = await importing.upload(CONTENT)
    await importing.check(file)
    async with transaction(importing.factory, acting(importing.person, verb="import.run")) as session:
        file = await begin_run(session, file.id)
        numbers = await rows_to_run(session, file.id)
        return file, await job.submit_import(session, file, numbers, page="import")


@pytest.fixture
def worker(settings: Settings, importing: Importing, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Does two chunks at a time, of five rows each."""
    monkeypatch.setattr(job, "parts_of", partial(job.parts_of, size=5))
    monkeypatch.setattr(undoing, "parts_of", partial(undoing.parts_of, size=5))
    kinds = [job.import_kind(importing.factory, importing.folder), undo_kind()]
    return Worker(settings.app_url, importing.factory, kinds)


async def state_of(importing: Importing, file: ImportFile) -> tuple[str, dict[str, int]]:
    row = await importing.owner.fetchrow("SELECT state::text, counts FROM imports WHERE id = $1", file.id)
    return row["state"], json.loads(row["counts"])


class TestImport:
    async def test_is_one_operation_in_chunks_and_undone_in_chunks(
        self, importing: Importing, worker: Worker
    ) -> None:
        async with transaction(importing.factory, acting()) as session:
            await create_superuser(
                session, email="ada@example.com", full_name="Ada", password="violet harbour 42"
            )
        file, asked = await submitted(importing)
        assert importing.folder.path(file.id).exists()
        await worker.drain()
        assert await state_of(importing, file) == (
            "done",
            {"create": ROWS, "update": 0, "skip": 0, "error": 0},
        )
        assert not importing.folder.path(file.id).exists()
        numbers = await importing.owner.fetch("SELECT ticket_number FROM tickets")
        assert {number[0] for number in numbers} == {f"A-{number}" for number in range(ROWS)}
        operations = "SELECT DISTINCT operation_id FROM audit_logs WHERE table_name = 'tickets'"
        assert [row[0] for row in await importing.owner.fetch(operations)] == [asked.id]
        async with transaction(importing.factory, acting(importing.person, verb="operation.undo")) as session:
            undo = await submit_undo(session, asked.id, page="operation")
        await worker.drain()
        outcome = await importing.owner.fetchval("SELECT outcome FROM jobs WHERE id = $1", undo.id)
        assert json.loads(outcome)["refused"] == {}
        live = "SELECT (SELECT count(*) FROM tickets WHERE deleted_at IS NULL),"
        live += " (SELECT count(*) FROM comments WHERE deleted_at IS NULL),"
        live += " (SELECT count(*) FROM users WHERE is_active)"
        assert tuple(await importing.owner.fetchrow(live)) == (0, 0, 2)

    async def test_that_is_cancelled_says_which_rows_did_not_run(
        self, importing: Importing, worker: Worker, settings: Settings
    ) -> None:
        file, asked = await submitted(importing)
        await do_next(
            importing.factory, {"import": job.import_kind(importing.factory, importing.folder)}, asked.id
        )
        async with transaction(importing.factory, acting(importing.person)) as session:
            await cancel(session, asked.id)
        await keep_imports(importing.factory, settings)
        state, counts = await state_of(importing, file)
        assert (state, counts) == ("done", {"create": 5, "update": 0, "skip": 0, "error": 7})
