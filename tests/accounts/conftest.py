"""Accounts for the tests of this folder, with hashes that cost next to nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from backoffice.accounts import passwords
from backoffice.accounts.passwords import hash_password
from backoffice.database import SessionFactory, transaction
from models import User
from tests.accounts.steps import PASSWORD
from tests.factories import arranging, make_staff

MakeAccount = Callable[..., Awaitable[User]]


class CountingHasher(PasswordHasher):
    """Argon2 with the least work, that remembers which hashes it was asked to compare with."""

    def __init__(self) -> None:
        super().__init__(
            CHEAPEST.time_cost, CHEAPEST.memory_cost, CHEAPEST.parallelism, hash_len=16, salt_len=16
        )
        self.compared: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - the base class names it so
        self.compared.append(hash)
        return super().verify(hash, password)


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    cheap = CountingHasher()
    monkeypatch.setattr(passwords, "HASHER", cheap)
    return cheap


@pytest.fixture
def make_account(factory: SessionFactory) -> MakeAccount:
    """Commit a member of staff whose password is PASSWORD."""

    async def make(**fields: Any) -> User:
        values = {"password_hash": await hash_password(PASSWORD), **fields}
        async with transaction(factory, arranging()) as session:
            return await make_staff(session, **values)

    return make


@pytest.fixture
async def ana(make_account: MakeAccount) -> User:
    return await make_account(email="ana@example.com", full_name="Ana Silva")
