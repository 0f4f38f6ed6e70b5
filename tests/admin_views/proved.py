"""A desk whose history is sealed when a test says so, and what an owner of the database does to it."""

import asyncio
import re
from dataclasses import dataclass
from itertools import count

from httpx import Response

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.sealer import seal
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.audit.proof.conftest import KEY

GUARDED = ("audit_logs", "audit_seals", "audit_removals")
SLOWEST_RUN = 30.0


@dataclass(frozen=True)
class Proved:
    """A desk with a key, an auditor at it, and nothing that seals by itself."""

    desk: Desk
    auditor: Visitor

    async def seal(self) -> int:
        """Seal what there is; the number of the newest seal."""
        await seal(self.desk.factory, SigningKey(KEY))
        return int(await self.desk.owner.fetchval("SELECT max(number) FROM audit_seals"))

    async def tamper(self, statement: str, *arguments: object) -> None:
        """Do as the owner can: without the guards, which are put back so that nothing shows."""
        owner = self.desk.owner
        async with owner.transaction():
            for table in GUARDED:
                await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_guard")
            await owner.execute(statement, *arguments)
            for table in GUARDED:
                await owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_guard")

    async def newest_entry(self) -> int:
        return int(await self.desk.owner.fetchval("SELECT max(id) FROM audit_logs"))

    async def verify(self, **days: str) -> Response:
        """Ask for a verification, as the auditor's button does; its page, once it has ended."""
        answer = await self.auditor.post("/admin/proof/verify", days)
        assert answer.status_code == 303, main_of(answer)
        return await self.ended(answer.headers["location"])

    async def ended(self, url: str) -> Response:
        """A run's page, once the run has ended."""
        async with asyncio.timeout(SLOWEST_RUN):
            while True:
                page = await self.auditor.get(url)
                if "data-live" not in page.text:
                    return page
                await asyncio.sleep(0.05)

    async def until_locked_out(self, table: str) -> None:
        """Wait until somebody waits for `table`, which the test has locked."""
        locks = "SELECT count(*) FROM pg_locks WHERE relation = $1::text::regclass AND NOT granted"
        async with asyncio.timeout(SLOWEST_RUN):
            for _ in count():
                if await self.desk.owner.fetchval(locks, table):
                    return
                await asyncio.sleep(0.05)


def run_in(url: str) -> int:
    """The key of the run whose page this is."""
    found = re.fullmatch(r"/admin/proof/details/(\d+)", url)
    assert found is not None, url
    return int(found[1])
