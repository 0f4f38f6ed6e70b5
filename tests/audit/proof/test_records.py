"""Records that were changed past the triggers are not what the history says, and are named."""

import asyncpg
import pytest

from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.proof.report import FindingKind
from backoffice.database import SessionFactory, transaction
from models import RemovalKind, Ticket
from tests.audit.proof.tampering import Sealed, only
from tests.factories import make_attachment, make_comment, make_group, make_staff, make_tag, make_ticket
from tests.performing import acting, sql


@pytest.fixture
async def desk(factory: SessionFactory, owner: asyncpg.Connection, key: SigningKey) -> Sealed:
    """A desk with records of every kind, whose history nobody passed by."""
    async with transaction(factory, acting(reason="because")) as session:
        staff = await make_staff(session, full_name="Sue “Zoë” Müller\\")
        await make_group(session, grants=[("ticket", "list")], users=[staff])
        tags = [await make_tag(session), await make_tag(session)]
        ticket = await make_ticket(session, assignee_id=staff.id, tags=tags)
        await make_comment(session, ticket=ticket)
        await make_attachment(session, ticket=ticket)
    await sql(factory, f"UPDATE tickets SET status = 'resolved', title = 'Changed' WHERE id = {ticket.id}")
    await sql(factory, f"UPDATE tickets SET title = 'And again', assignee_id = NULL WHERE id = {ticket.id}")
    await sql(factory, f"DELETE FROM ticket_tags WHERE tag_id = {tags[0].id}")
    await sql(factory, "DELETE FROM attachments")
    await sql(factory, "UPDATE users SET password_hash = 'x', last_login = now()")
    return Sealed(factory, owner, key)


async def unseen(desk: Sealed, table: str, statement: str) -> None:
    """Change a table as an owner can, with its trigger switched off for a moment."""
    await desk.owner.execute(
        f"ALTER TABLE {table} DISABLE TRIGGER audit_capture; {statement};"
        f" ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_capture"
    )


ATTACHMENT = (
    "INSERT INTO attachments (id, filename, content_type, size_bytes, sha256, ticket_id, uploaded_by_id)"
    " OVERRIDING SYSTEM VALUE VALUES (1, 'a', 'a/b', 1, repeat('0', 64), 1, 1)"
)

CHANGES = {
    (
        "users",
        "UPDATE users SET email = 'evil@example.com' WHERE id = 1",
    ): "users 1 is not what the history says: email",
    ("users", "UPDATE users SET is_staff = NOT is_staff, full_name = 'x' WHERE id = 1"): (
        "users 1 is not what the history says: full_name, is_staff"
    ),
    ("tickets", "UPDATE tickets SET title = 'Changed'"): "tickets 1 is not what the history says: title",
    ("tickets", "UPDATE tickets SET assignee_id = 1"): "tickets 1 is not what the history says: assignee_id",
    ("tickets", "UPDATE tickets SET created_at = created_at - interval '1 second'"): (
        "tickets 1 is not what the history says: created_at"
    ),
    ("comments", "UPDATE comments SET is_internal = true"): (
        "comments 1 is not what the history says: is_internal"
    ),
    (
        "comments",
        "DELETE FROM comments",
    ): "comments 1 is gone, and the history does not say that it was deleted",
    ("tags", "INSERT INTO tags (name) VALUES ('x')"): (
        "tags 3 is there, and the history does not say that it was created"
    ),
    ("ticket_tags", "DELETE FROM ticket_tags"): (
        "ticket_tags 1 to 2 is gone, and the history does not say that it was deleted"
    ),
    ("ticket_tags", "INSERT INTO ticket_tags VALUES (1, 1)"): (
        "ticket_tags 1 to 1 is there, and the history says that it was deleted"
    ),
    ("user_groups", "INSERT INTO user_groups VALUES (1, 1)"): (
        "user_groups 1 to 1 is there, and the history does not say that it was created"
    ),
    ("group_accesses", "UPDATE group_accesses SET action = 'all' WHERE id = 1"): (
        "group_accesses 1 is not what the history says: action"
    ),
    ("groups", "UPDATE groups SET name = 'Everybody' WHERE id = 1"): (
        "groups 1 is not what the history says: name"
    ),
    ("attachments", ATTACHMENT): "attachments 1 is there, and the history says that it was deleted",
}


class TestRecords:
    async def test_as_the_history_says(self, desk: Sealed, owner: asyncpg.Connection) -> None:
        report = await desk.verify()
        tables = ["users", "groups", "group_accesses", "user_groups", "tickets", "ticket_tags", "tags"]
        tables += ["comments", "attachments", "operations"]
        counts = [await owner.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        assert (report.findings, report.records) == ([], sum(counts))

    @pytest.mark.parametrize(("table", "statement"), CHANGES)
    async def test_changed_past_the_trigger(self, desk: Sealed, table: str, statement: str) -> None:
        await unseen(desk, table, statement)
        finding = only(await desk.verify())
        assert (finding.kind, finding.sentence) == (FindingKind.RECORD, f"{CHANGES[table, statement]}.")

    async def test_an_operation(self, desk: Sealed) -> None:
        await unseen(desk, "operations", "UPDATE operations SET reason = NULL WHERE reason = 'because'")
        finding = only(await desk.verify())
        assert finding.sentence.endswith("is not what the history says: reason.")

    async def test_only_a_secret_cannot_be_told(self, desk: Sealed) -> None:
        await unseen(desk, "users", "UPDATE users SET password_hash = 'y'")
        assert (await desk.verify()).is_whole

    async def test_not_looked_at_when_not_wanted(self, desk: Sealed) -> None:
        await unseen(desk, "comments", "DELETE FROM comments")
        report = await desk.verify(rows=False)
        assert (report.is_whole, report.records) == (True, None)


class TestBeginAgain:
    async def test_deleted_and_brought_back(self, desk: Sealed, factory: SessionFactory) -> None:
        await sql(factory, "UPDATE tags SET name = 'other' WHERE id = 1")
        await sql(factory, "DELETE FROM tags WHERE id = 1")
        await desk.owner.execute("INSERT INTO tags (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'first')")
        assert (await desk.verify()).is_whole
        await sql(factory, "INSERT INTO ticket_tags VALUES (1, 1)")
        assert (await desk.verify()).is_whole


class TestErased:
    async def test_says_nothing_of_values_that_were_erased(
        self, desk: Sealed, owner: asyncpg.Connection
    ) -> None:
        entry = await owner.fetchval("SELECT min(id) FROM audit_logs WHERE table_name = 'users'")
        await desk.seal()
        await desk.erase(entry)
        await unseen(desk, "users", "UPDATE users SET full_name = 'Erased person' WHERE id = 1")
        assert (await desk.verify()).findings == []


class TestRetained:
    async def test_what_is_older_than_the_history_is_counted(
        self, desk: Sealed, owner: asyncpg.Connection, factory: SessionFactory
    ) -> None:
        await desk.seal()
        kept = "SELECT id FROM audit_logs WHERE table_name = 'tickets' AND action = 'CREATE'"
        entry = await owner.fetchval(kept)
        async with transaction(factory, acting()) as session:
            await record_removal(session, desk.key, RemovalKind.RETENTION, [entry], {"reason": "old"})
        await desk.tamper(f"DELETE FROM audit_logs WHERE id = {entry}")
        report = await desk.verify()
        assert report.findings == []
        assert report.notes == ["1 of tickets began before the history that was kept."]
        await unseen(desk, Ticket.__tablename__, "UPDATE tickets SET title = 'Past it'")
        assert only(await desk.verify()).sentence == "tickets 1 is not what the history says: title."
