"""What an erasure leaves of jobs: see also `tests/desk/test_erasure.py`, which looks everywhere."""

import json
from typing import Any

import asyncpg
import pytest

from backoffice.audit.erasure import Traces
from backoffice.database import SessionFactory, transaction
from backoffice.errors import Conflict
from backoffice.jobs.erasure import erase_from_jobs
from models import JobChunk, JobState, User
from tests.factories import arranging, make_job

NAME = "Quincy Fandango"


async def erase(factory: SessionFactory, person_id: int = 99_999) -> None:
    traces = Traces(person_id, [NAME], {"tickets": {77}})
    async with transaction(factory, arranging()) as session:
        await erase_from_jobs(session, traces)


async def add(factory: SessionFactory, user: User, **fields: Any) -> None:
    async with transaction(factory, arranging()) as session:
        job = await make_job(session, user_id=user.id, **fields)
        session.add(JobChunk(job_id=job.id, number=1, table_name="tickets", record_ids=[1]))


class TestEraseFromJobs:
    async def test_of_their_own_the_words_and_the_address_go_and_the_counts_stay(
        self, factory: SessionFactory, owner: asyncpg.Connection, requester: User
    ) -> None:
        await add(factory, requester, reason="as asked", address="203.0.113.7", in_words={"to": "Ada"})
        await erase(factory, requester.id)
        row = await owner.fetchrow("SELECT * FROM jobs")
        assert row is not None
        assert (row["selection"], row["reason"], row["address"]) == (None, None, None)
        assert (row["in_words"], row["title"]) == ("{}", "Assign")
        assert json.loads(row["outcome"]) == {"changed": 4}

    async def test_values_of_their_records_in_conflicts_go(
        self, factory: SessionFactory, owner: asyncpg.Connection, requester: User
    ) -> None:
        await add(factory, requester)
        conflicts = [{"table": "tickets", "record_id": 77, "expected": "a", "current": "b"}]
        outcome = json.dumps({"changed": 1, "conflicts": conflicts, "error": ""})
        await owner.execute("UPDATE job_chunks SET outcome = $1", outcome)
        await erase(factory)
        assert json.loads(await owner.fetchval("SELECT outcome FROM job_chunks")) == {"changed": 1}

    async def test_other_jobs_stay_as_they_are(
        self, factory: SessionFactory, owner: asyncpg.Connection, requester: User
    ) -> None:
        await add(factory, requester, reason="Quincy alone, or Fandango")
        await erase(factory)
        assert await owner.fetchval("SELECT reason FROM jobs") == "Quincy alone, or Fandango"

    async def test_one_that_goes_on_keeps_what_its_worker_needs(
        self, factory: SessionFactory, owner: asyncpg.Connection, requester: User
    ) -> None:
        asked = {"verb": "ticket.assign", "values": {"assignee": 3}}
        await add(factory, requester, state=JobState.RUNNING, parameters=asked, reason=f"for {NAME}")
        await erase(factory)
        row = await owner.fetchrow("SELECT reason, parameters FROM jobs")
        assert row is not None
        assert (row["reason"], json.loads(row["parameters"])) == (None, asked)

    async def test_one_that_needs_their_name_is_waited_for(
        self, factory: SessionFactory, requester: User
    ) -> None:
        await add(factory, requester, state=JobState.QUEUED, parameters={"values": {"title": NAME}})
        with pytest.raises(Conflict, match="has not ended"):
            await erase(factory)
