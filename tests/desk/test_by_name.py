"""The verbs that a script calls by name."""

import asyncpg
import pytest

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk import run_verb, submit_verb
from backoffice.desk.verbs import VERBS
from backoffice.errors import BadInput, NotFound
from backoffice.jobs import Worker, bulk_kind
from backoffice.operations import Counts
from backoffice.settings import Settings
from tests.factories import arranging, make_staff, make_tag, make_ticket


class TestRunVerb:
    async def test_does_it_with_ids_in_place_of_records(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ids = [(await make_ticket(session)).id for _ in range(3)]
            tag = await make_tag(session)
        async with transaction(factory, arranging()) as session:
            assert await run_verb(session, "ticket.add-tags", ids, tags=[tag.id]) == Counts(changed=3)
            assert await run_verb(session, "ticket.add-tags", ids[:2], tags=[tag.id]) == Counts(unchanged=2)

    async def test_reaches_into_the_trash(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            ids = [(await make_ticket(session)).id]
            await run_verb(session, "ticket.trash", ids)
            assert await run_verb(session, "ticket.restore", ids) == Counts(changed=1)

    async def test_names_the_verbs_that_there_are(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            with pytest.raises(NotFound, match=r"ticket\.assign"):
                await run_verb(session, "ticket.asign", [1])

    async def test_of_somebody_who_is_not_there(self, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            with pytest.raises(BadInput):
                await run_verb(session, "ticket.assign", [1], assignee=987_654)


class TestSubmitVerb:
    async def test_is_done_by_a_worker(
        self, factory: SessionFactory, settings: Settings, owner: asyncpg.Connection
    ) -> None:
        async with transaction(factory, arranging()) as session:
            staff = await make_staff(session)
            ids = [(await make_ticket(session)).id for _ in range(3)]
        change = Change(verb="ticket.assign", actor=staff.full_name, actor_id=staff.id)
        async with transaction(factory, change) as session:
            await submit_verb(session, "ticket.assign", ids, assignee=staff.id)
        assert not await owner.fetchval("SELECT count(*) FROM tickets WHERE assignee_id = $1", staff.id)
        await Worker(settings.app_url, factory, [bulk_kind(VERBS, factory, settings)]).drain()
        assert await owner.fetchval("SELECT count(*) FROM tickets WHERE assignee_id = $1", staff.id) == 3
