"""Who and what most tests of the history need."""

import pytest

from backoffice.database import SessionFactory, transaction
from models import Ticket, User
from tests.factories import arranging, make_staff, make_ticket


@pytest.fixture
async def sue(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session, full_name="Sue Supervisor")


@pytest.fixture
async def ticket(factory: SessionFactory) -> Ticket:
    async with transaction(factory, arranging()) as session:
        return await make_ticket(session)
