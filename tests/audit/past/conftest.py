"""Reading the past as a page does: in a transaction that writes nothing."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from backoffice.audit.past import Past, past_of
from backoffice.database import SessionFactory, transaction
from models import Base, Ticket
from tests.factories import arranging, make_ticket
from tests.performing import acting

TABLES = Base.metadata.tables
LookBack = Callable[[int, datetime], Awaitable[Past | None]]


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session, title="one")


@pytest.fixture
def look_back(factory: SessionFactory) -> LookBack:
    """A ticket with its comments and attachments as of a moment."""

    async def look_back(ticket_id: int, at: datetime) -> Past | None:
        async with transaction(factory, acting(read_only=True)) as session:
            children = [TABLES["comments"], TABLES["attachments"]]
            return await past_of(session, TABLES["tickets"], ticket_id, at, children)

    return look_back
