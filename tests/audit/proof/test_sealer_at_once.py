"""Sixteen writers, a transaction open for ten seconds, some that are taken back: no entry is missed."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

import asyncpg
import pytest

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.sealer import seal
from backoffice.database import SessionFactory
from tests.audit.proof.test_sealer import add, assert_whole, sealed_ids
from tests.databases import Database

WRITERS = 16
OPEN_FOR = 10.0


@dataclass
class Writing:
    """Writers that go on until they are told to stop."""

    database: Database
    is_over: bool = False

    async def write(self, number: int) -> None:
        """Transactions of a few entries each, of which every fifth is taken back."""
        connection = await asyncpg.connect(self.database.owner_url)
        luck = random.Random(number)  # noqa: S311 - chance, no secret
        serial = 0
        while not self.is_over:
            transaction = connection.transaction()
            await transaction.start()
            for _ in range(luck.randint(1, 3)):
                serial += 1
                await add(connection, f"{number} {serial}", luck.randint(1, 3))
                await asyncio.sleep(luck.random() * 0.02)
            await (transaction.rollback() if luck.random() < 0.2 else transaction.commit())
        await connection.close()

    async def stay_open(self) -> None:
        """One transaction that writes in the beginning and in the end."""
        connection = await asyncpg.connect(self.database.owner_url)
        async with connection.transaction():
            await add(connection, "long, early")
            await asyncio.sleep(OPEN_FOR)
            await add(connection, "long, late")
        await connection.close()


async def keep_sealing(factory: SessionFactory, key: SigningKey, writing: Writing) -> int:
    seals = 0
    while not writing.is_over:
        seals += (await seal(factory, key)).seals
        await asyncio.sleep(0.05)
    return seals


@pytest.mark.slow
async def test_every_entry_is_in_one_seal(
    factory: SessionFactory, key: SigningKey, owner: asyncpg.Connection, database: Database
) -> None:
    writing = Writing(database)
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(writing.write(number))
        sealers = [tasks.create_task(keep_sealing(factory, key, writing)) for _ in range(2)]
        await asyncio.sleep(1)
        await writing.stay_open()
        await asyncio.sleep(1)
        writing.is_over = True
    await seal(factory, key)

    written = {row["id"] for row in await owner.fetch("SELECT id FROM audit_logs")}
    sealed = Counter(await sealed_ids(factory))
    assert sum(task.result() for task in sealers) > 10
    assert len(written) > 1000
    assert {number for number, times in sealed.items() if times > 1} == set()
    assert set(sealed) == written
    await assert_whole(factory, key)
