from typing import Any
from uuid import UUID

from backoffice.database import SessionFactory, transaction
from backoffice.jobs import LeftAlone, first_left_alone, left_alone
from models import JobChunk, User
from tests.factories import arranging, make_job


async def make_chunks(factory: SessionFactory, user: User) -> UUID:
    """Of three chunks the first was refused in part, the second failed, and the third is not done."""
    outcomes: tuple[dict[str, Any], ...] = (
        {"rows": {"gone by now": [2, 3]}, "error": ""},
        {"rows": {}, "error": "torn"},
        {},
    )
    async with transaction(factory, arranging()) as session:
        job = await make_job(session, user_id=user.id)
        for number, outcome in enumerate(outcomes, start=1):
            ids = [3 * number - 2, 3 * number - 1, 3 * number]
            done_at = job.ended_at if outcome else None
            chunk = JobChunk(job_id=job.id, number=number, table_name="tickets", record_ids=ids)
            chunk.outcome, chunk.done_at = outcome, done_at
            session.add(chunk)
        return job.id


ALL = [
    LeftAlone("tickets", key, reason)
    for key, reason in ((2, "gone by now"), (3, "gone by now"), (4, "torn"), (5, "torn"), (6, "torn"))
]


class TestLeftAlone:
    async def test_has_what_was_refused_and_what_failed(
        self, factory: SessionFactory, requester: User
    ) -> None:
        job = await make_chunks(factory, requester)
        async with factory() as session:
            assert [row async for some in left_alone(session, job) for row in some] == ALL

    async def test_the_first_of_them_are_the_same(self, factory: SessionFactory, requester: User) -> None:
        job = await make_chunks(factory, requester)
        async with factory() as session:
            assert await first_left_alone(session, job, 100) == ALL
            assert await first_left_alone(session, job, 3) == ALL[:3]
