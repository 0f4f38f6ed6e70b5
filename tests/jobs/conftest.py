"""A desk whose jobs are done when a test says so."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk.verbs import VERBS
from backoffice.jobs import BULK, JobKind, Work, Worker, bulk_kind, parts_of, submit
from backoffice.settings import Settings
from models import Job, TicketStatus, User
from tests.factories import arranging, make_staff, make_ticket

Submit = Callable[..., Awaitable[Job]]
FindJob = Callable[[UUID], Awaitable[Job]]
DONE_AT_ONCE = 3


@pytest.fixture
def kinds(factory: SessionFactory, settings: Settings) -> list[JobKind]:
    return [bulk_kind(VERBS, factory, settings)]


@pytest.fixture
def worker(settings: Settings, factory: SessionFactory, kinds: list[JobKind]) -> Worker:
    return Worker(settings.app_url, factory, kinds)


@pytest.fixture
async def requester(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session)


@pytest.fixture
def submit_bulk(factory: SessionFactory, requester: User) -> Submit:
    """Ask for a verb over tickets, in chunks of three."""

    async def ask(verb: str, ids: list[int], *, needs_approval: bool = False, **values: object) -> Job:
        change = Change(verb=verb, actor=requester.full_name, actor_id=requester.id, request_id="asked")
        work = Work(
            kind=BULK,
            page="ticket",
            title="Something",
            parts=[*parts_of("tickets", ids, size=DONE_AT_ONCE)],
            parameters={"verb": verb, "values": values},
        )
        async with transaction(factory, change) as session:
            return await submit(session, work, needs_approval=needs_approval)

    return ask


@pytest.fixture
def find_job(factory: SessionFactory) -> FindJob:
    async def find(job_id: UUID) -> Job:
        async with factory() as session:
            return await session.get_one(Job, job_id)

    return find


@pytest.fixture
async def ids(factory: SessionFactory) -> list[int]:
    """Eight tickets: the last is resolved, so that nobody can be given it."""
    async with transaction(factory, arranging()) as session:
        tickets = [await make_ticket(session) for _ in range(7)]
        tickets.append(await make_ticket(session, status=TicketStatus.RESOLVED))
        return [ticket.id for ticket in tickets]


async def until(owner: asyncpg.Connection, question: str) -> None:
    """Wait until the answer to `question`, a query, is true."""
    async with asyncio.timeout(20):
        while not await owner.fetchval(question):  # noqa: ASYNC110 - only the database knows
            await asyncio.sleep(0.02)
