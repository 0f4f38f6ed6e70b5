"""One record of each page, for tests that knock at every door."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.sealer import seal
from backoffice.database import transaction
from backoffice.desk.importing.plan import first_plan
from backoffice.desk.importing.source import Format, Source
from models import ImportKind, RemovalKind
from tests.admin.desk import Desk
from tests.audit.proof.conftest import KEY
from tests.factories import arranging, make_comment, make_tag, make_ticket, make_user

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


@dataclass(frozen=True)
class Records:
    """The key of one record a page, each by its page's identity; `undone` is an operation that was undone."""

    keys: dict[str, Any]
    undone: str

    def __getitem__(self, identity: str) -> Any:
        return self.keys[identity]


async def make_records(desk: Desk) -> Records:
    """A ticket of a customer's, with what hangs on it, done by the administrator and by the system."""
    change = arranging()
    async with transaction(desk.factory, change) as session:
        customer = await make_user(session, full_name="Cleo Customer")
        ticket = await make_ticket(session, creator_id=customer.id)
        comment = await make_comment(session, ticket=ticket)
        tag = await make_tag(session)
    keys = {
        "ticket": ticket.id,
        "comment": comment.id,
        "attachment": await upload(desk, ticket.id),
        "tag": tag.id,
        "user": customer.id,
        "group": await desk.group_id("Agents"),
        "operation": change.operation_id,
        "audit-log": await desk.owner.fetchval(
            "SELECT max(id) FROM audit_logs WHERE table_name <> 'operations'"
        ),
        "import": await _make_import(desk),
        "job": await _make_job(desk, customer.id),
        **await _make_proofs(desk),
    }
    return Records(keys, await _undone(desk, ticket.id))


async def upload(
    desk: Desk, ticket_id: int, content: bytes = PNG, name: str = "photo.png", content_type: str = "image/png"
) -> int:
    """Attach a file as the administrator; the key of the attachment."""
    administrator = await desk.visitor("administrator")
    file = (name, content, content_type)
    answer = await administrator.post(f"/admin/ticket/{ticket_id}/attach", files={"file": file})
    assert answer.status_code == 303, answer.text
    return int(await desk.owner.fetchval("SELECT max(id) FROM attachments"))


async def _make_import(desk: Desk) -> str:
    """A file that cannot be imported as it is, and lies nowhere any more."""
    return str(
        await desk.owner.fetchval(
            "INSERT INTO imports (user_id, kind, filename, size_bytes, source, columns, row_count, plan)"
            " SELECT min(id), 'people', 'people.csv', 7, $1::text::jsonb, $2::text::jsonb, 1, $3::text::jsonb"
            " FROM users RETURNING id",
            json.dumps(Source(Format.CSV, "utf-8-sig").as_json()),
            json.dumps([{"name": "Name", "samples": ["Ana"], "values": {"Ana": 1}}]),
            json.dumps(first_plan(ImportKind.PEOPLE, ["Name"]).as_json()),
        )
    )


async def _make_proofs(desk: Desk) -> dict[str, int]:
    """A seal, a removal, and a verification that was cut off."""
    key = SigningKey(KEY)
    await seal(desk.factory, key)
    async with transaction(desk.factory, arranging()) as session:
        removal = await record_removal(session, key, RemovalKind.ERASURE, [1], {"basis": "a letter"})
    run = "INSERT INTO audit_verifications (state) VALUES ('interrupted') RETURNING id"
    return {"seal": 1, "removal": removal.id, "proof": await desk.owner.fetchval(run)}


async def _make_job(desk: Desk, user_id: int) -> UUID:
    """A job that has ended, of somebody who is in no test."""
    job: UUID = await desk.owner.fetchval(
        "INSERT INTO jobs (id, user_id, state, kind, verb, page, title, rows_total, chunks_total, ended_at)"
        " VALUES (gen_random_uuid(), $1, 'done', 'bulk', 'ticket.assign', 'ticket', 'Assign', 0, 0, now())"
        " RETURNING id",
        user_id,
    )
    return job


async def _undone(desk: Desk, ticket_id: int) -> str:
    administrator = await desk.visitor("administrator")
    form = {"pks": str(ticket_id), "priority": "low", "confirm": "1"}
    assert (await administrator.post("/admin/ticket/bulk/set-priority", form)).status_code == 303
    operation = str((await desk.newest_operation())["id"])
    assert (await administrator.post(f"/admin/operation/{operation}/undo")).status_code == 303
    return operation


async def row(desk: Desk, table: str, key: int) -> asyncpg.Record:
    """A row as it lies in the table."""
    found = await desk.owner.fetchrow(f"SELECT * FROM {table} WHERE id = $1", key)
    assert found is not None
    return found
