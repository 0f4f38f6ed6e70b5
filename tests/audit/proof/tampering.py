"""A sealed history, and what an owner of the database can do to it."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.report import Finding, FindingKind, Report
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.verify import verify
from backoffice.database import SessionFactory, transaction
from models import RemovalKind
from tests.factories import make_comment, make_tag, make_ticket
from tests.performing import acting, sql

GUARDED = ("audit_logs", "audit_seals", "audit_removals")

# What an erasure does to an entry.
BLANK = """UPDATE audit_logs SET salt = NULL, address = NULL, personal_digest = (
  SELECT sha256(uuid_send(salt) || convert_to(jsonb_build_object('address', host(address), 'changes', (
    SELECT jsonb_object_agg(field, changes -> field) FROM unnest(personal) AS field))::text, 'UTF8'))),
  changes = changes || (
    SELECT jsonb_object_agg(field, '{{"erased": true}}'::jsonb) FROM unnest(personal) AS field)
WHERE id = {entry}"""


@dataclass(frozen=True)
class Sealed:
    """A history with three seals, the key that made them, and a connection of the tables' owner."""

    factory: SessionFactory
    owner: asyncpg.Connection
    key: SigningKey

    async def verify(self, **options: Any) -> Report:
        return await verify(self.factory, KeyRing([self.key.public]), **options)

    async def ids(self, seal: int, table: str = "users") -> list[int]:
        """The entries of a seal about records of a table, in order."""
        rows = await self.owner.fetch(
            "SELECT entry.id FROM audit_logs AS entry, audit_seals AS seal"
            " WHERE table_name = $2 AND seal.number = $1"
            " AND (entry.xid, entry.id) <= (through_xid, through_id)"
            " AND NOT EXISTS (SELECT FROM audit_seals AS earlier WHERE earlier.number < $1"
            "   AND (entry.xid, entry.id) <= (earlier.through_xid, earlier.through_id)) ORDER BY entry.id",
            seal,
            table,
        )
        return [row["id"] for row in rows]

    async def tamper(self, *statements: str) -> None:
        """Do as the owner can: without the guards, and put them back so that nothing shows."""
        async with self.owner.transaction():
            for table in GUARDED:
                await self.owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER audit_guard")
            for statement in statements:
                await self.owner.execute(statement)
            for table in GUARDED:
                await self.owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_guard")

    async def erase(self, entry: int, key: SigningKey | None = None) -> None:
        """Blank an entry, and put it on record."""
        async with transaction(self.factory, acting()) as session:
            await record_removal(session, key or self.key, RemovalKind.ERASURE, [entry], {"basis": "asked"})
        await self.tamper(BLANK.format(entry=entry))

    async def seal(self, key: SigningKey | None = None) -> None:
        await seal(self.factory, key or self.key)


async def sealed_history(factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey) -> Sealed:
    """Three seals with the work of several transactions each; the first has what there was before, too."""
    sealed = Sealed(factory, owner, key)
    for number in range(1, 4):
        async with transaction(factory, acting(address="192.0.2.7", request_id=f"r{number}")) as session:
            ticket = await make_ticket(session, title=f"Ticket {number}")
            await make_comment(session, ticket=ticket)
            tag = await make_tag(session, name=f"tag {number}")
        await sql(factory, f"INSERT INTO ticket_tags (ticket_id, tag_id) VALUES ({ticket.id}, {tag.id})")
        await sql(factory, "UPDATE users SET full_name = full_name || ' Smith', time_zone = 'Europe/Paris'")
        await sealed.seal()
    return sealed


def found(report: Report) -> list[tuple[FindingKind, int | None]]:
    """What was found, of which entries."""
    return [(finding.kind, finding.entry_id) for finding in report.findings]


def only(report: Report) -> Finding:
    """The one thing that was found."""
    assert len(report.findings) == report.found == 1, report.findings
    return report.findings[0]
