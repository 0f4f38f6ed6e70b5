"""Files brought to a desk, tried and run, as the pages do it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backoffice.audit.context import Change
from backoffice.database import SessionFactory, transaction
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.running import begin_run, finish_run, import_chunk, rows_to_run
from backoffice.desk.importing.uploading import take_in, try_plan
from backoffice.operations import Counts
from models import ImportFile, ImportKind, User
from tests.factories import arranging, make_staff
from tests.performing import acting

LIMIT = 10_000_000


@dataclass
class Importing:
    """Whoever imports, and where the files are."""

    factory: SessionFactory
    folder: ImportFolder
    owner: asyncpg.Connection
    person: User
    changes: list[Change] = field(default_factory=list)

    async def upload(
        self, content: str | bytes, kind: ImportKind = ImportKind.TICKETS, filename: str = "rows.csv"
    ) -> ImportFile:
        data = content.encode() if isinstance(content, str) else content

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 7):
                yield data[start : start + 7]

        async with transaction(self.factory, acting(self.person)) as session:
            return await take_in(
                session,
                self.folder,
                chunks(),
                kind=kind,
                filename=filename,
                user_id=self.person.id,
                time_zone="Europe/Paris",
                limit=LIMIT,
            )

    async def check(self, file: ImportFile, **choices: Any) -> list[asyncpg.Record]:
        """Try the file with its likely plan, but for `choices`; the rows with their verdicts."""
        plan = replace(Plan.from_json(file.plan), **choices)
        async with transaction(self.factory, acting(self.person)) as session:
            await try_plan(session, self.folder, file.id, plan)
        return await self.rows(file)

    async def rows(self, file: ImportFile) -> list[asyncpg.Record]:
        return list(
            await self.owner.fetch(
                "SELECT number, line, verdict, reason, record_id, wanted FROM import_rows"
                " WHERE import_id = $1 ORDER BY number",
                file.id,
            )
        )

    async def run(self, file: ImportFile, size: int = 1000) -> tuple[Counts, Change]:
        """Do what was checked, `size` rows at once."""
        change, counts = acting(self.person, verb="import.run"), Counts()
        async with transaction(self.factory, change) as session:
            await begin_run(session, file.id)
            numbers = await rows_to_run(session, file.id)
            for start in range(0, len(numbers), size):
                counts += await import_chunk(session, file.id, numbers[start : start + size])
            await finish_run(session, file.id)
        return counts, change

    async def bring(self, content: str | bytes, **choices: Any) -> tuple[Counts, Change]:
        """Upload, try and run in one go."""
        kind = choices.pop("kind", ImportKind.TICKETS)
        file = await self.upload(content, kind)
        await self.check(file, **choices)
        return await self.run(file)


@pytest.fixture
async def person(factory: SessionFactory) -> User:
    async with transaction(factory, arranging()) as session:
        return await make_staff(session, email="sue@example.com", full_name="Sue Supervisor")


@pytest.fixture
def importing(factory: SessionFactory, owner: asyncpg.Connection, person: User, tmp_path: Path) -> Importing:
    return Importing(factory, ImportFolder(tmp_path / "imports"), owner, person)
