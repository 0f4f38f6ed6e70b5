"""Erasing a person: nothing of theirs is left anywhere, and the history can be proved as before."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backoffice.accounts import people
from backoffice.accounts.sessions import open_session
from backoffice.attachments import FileStore
from backoffice.audit.context import Change
from backoffice.audit.leaf import IS_BLANK, LEAF
from backoffice.audit.proof.keys import KeyRing
from backoffice.audit.proof.removals import removed_entries
from backoffice.audit.proof.sealer import seal
from backoffice.audit.proof.verify import verify
from backoffice.audit.record import record_event
from backoffice.database import SessionFactory, transaction
from backoffice.desk import delete_forever, move_to_trash
from backoffice.desk.erased_files import remove_erased_files
from backoffice.desk.erasure import ERASED, preview_erasure
from backoffice.errors import BadInput, Conflict, NotFound
from models import AuditAction, AuditRemoval, FrozenSelection, RemovalKind, SavedView, Ticket, User
from tests.desk.erasing import BASIS, KEY, erase, whereabouts
from tests.factories import (
    arranging,
    make_attachment,
    make_comment,
    make_job,
    make_staff,
    make_ticket,
    make_user,
)
from tests.performing import acting, perform, sql, take_back

NAME, EMAIL = "Zoë Quill O'Hara", "zoe.quill@example.com"
FORMER_NAME, FORMER_EMAIL = "Zoë Vintage", "zvintage@example.net"
#: Words that only this person wrote, one for each place.
WORDS = (
    "aubergine",
    "bandicoot",
    "cardamom",
    "dulcimer",
    "elderflower",
    "fandango",
    "gingham",
    "halibut",
    "iguana",
    "juniper",
)
ADDRESS = "203.0.113.77"
TRACES = ("Zoë", "Quill", "Vintage", "zoe.quill", "zvintage", ADDRESS, *WORDS)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@dataclass(frozen=True)
class Scene:
    """A person of staff who left something everywhere, and a colleague."""

    zoe: User
    colleague: User
    ticket: Ticket
    store: FileStore
    shared: str


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
async def scene(factory: SessionFactory, store: FileStore) -> Scene:
    async with transaction(factory, arranging()) as session:
        zoe = await make_staff(session, full_name=FORMER_NAME, email=FORMER_EMAIL)
        colleague = await people.create_superuser(
            session, email="carl@example.com", full_name="Carl Colleague", password="violet harbour 42"
        )
    await _live(factory, zoe, colleague)
    theirs = acting(zoe, address=ADDRESS, reason="halibut", selection="tickets of halibut")
    async with transaction(factory, theirs) as session:
        ticket = await make_ticket(session, creator_id=zoe.id, title=WORDS[0], description=WORDS[1])
        other = await make_ticket(session)
        await make_comment(session, ticket=other, author_id=zoe.id, content=WORDS[2])
        trashed = await make_ticket(session, creator_id=zoe.id, title=WORDS[3])
        purged = await make_ticket(session, creator_id=zoe.id, title=WORDS[4], description=WORDS[5])
        await make_comment(session, ticket=purged, author_id=zoe.id, content=WORDS[6])
        shared = await _attach(session, store, zoe, other, colleague)
    await perform(factory, move_to_trash(), [trashed.id, purged.id], acting(zoe, address=ADDRESS))
    await perform(factory, delete_forever(), [purged.id])
    await _quarrel(factory, ticket, colleague)
    return Scene(zoe, colleague, ticket, store, shared)


async def _live(factory: SessionFactory, zoe: User, colleague: User) -> None:
    """Sign in and fail to, change the name, be named and searched for by somebody else."""
    signing_in = {"password": "not the password", "hours": 12, "user_agent": f"Browser of {FORMER_NAME}"}
    for email in (FORMER_EMAIL, f" {FORMER_EMAIL.upper()}"):
        async with transaction(factory, Change(verb="x", actor="anonymous", address=ADDRESS)) as session:
            await people.sign_in(session, email=email, address=ADDRESS, **signing_in)
    async with transaction(factory, acting(zoe, address=ADDRESS)) as session:
        user = await session.get_one(User, zoe.id)
        user.full_name, user.email = NAME, EMAIL
        await open_session(session, zoe.id, hours=1, address=ADDRESS, user_agent="Zoë's")
    naming = acting(colleague, reason=f"as {NAME} asked", parameters={"assignee": NAME})
    async with transaction(factory, naming) as session:
        await make_ticket(session)
        await record_event(
            session,
            AuditAction.SEARCH,
            table_name="audit_logs",
            record_id=None,
            facts={"terms": f"from {EMAIL}"},
            personal=["terms"],
        )


async def _quarrel(factory: SessionFactory, ticket: Ticket, colleague: User) -> None:
    """Leave their title in the conflicts of an undo by somebody else, and their name in a selection."""
    edits = [
        f"UPDATE tickets SET title = '{title}', priority = 'low' WHERE id = {ticket.id}"
        for title in WORDS[8:]
    ]
    first, _ = [await sql(factory, edit, change=acting(colleague)) for edit in edits]
    result, _ = await take_back(factory, first, colleague)
    assert [(one.expected, one.current) for one in result.conflicts] == [("iguana", "juniper")]
    async with transaction(factory, acting(colleague)) as session:
        words = f"12 tickets of {NAME}"
        session.add(FrozenSelection(user_id=colleague.id, table_name="tickets", words=words, record_ids=[]))
        conflict = {"table": "tickets", "record_id": ticket.id, "expected": "iguana", "current": "juniper"}
        await make_job(session, user_id=colleague.id, outcome={"conflicts": [conflict]})
        await make_job(session, user_id=colleague.id, selection=words, in_words={"to": NAME}, reason=EMAIL)
        for name, query in ((f"Of {NAME}", []), ("Theirs", [["search", NAME]])):
            session.add(SavedView(owner_id=colleague.id, page="ticket", name=name, query=query, columns=[]))


async def _attach(session: Any, store: FileStore, zoe: User, ticket: Ticket, colleague: User) -> str:
    """One file of theirs alone, in two attachments, and one that a colleague has attached, too."""
    own = await store.save(_once(b"halibut, as bytes"), limit=100)
    shared = await store.save(_once(b"the logo"), limit=100)
    for sha256, person in (
        (own.sha256, zoe),
        (own.sha256, zoe),
        (shared.sha256, zoe),
        (shared.sha256, colleague),
    ):
        name = "logo.png" if person is colleague else f"{WORDS[7]}.png"
        await make_attachment(session, ticket=ticket, uploaded_by_id=person.id, filename=name, sha256=sha256)
    return shared.sha256


async def leaves(owner: asyncpg.Connection) -> dict[int, bytes]:
    return {row[0]: row[1] for row in await owner.fetch(f"SELECT id, {LEAF} FROM audit_logs AS entry")}


class TestErase:
    async def test_leaves_nothing_anywhere(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        assert {found.partition(": ")[2] for found in await whereabouts(owner, TRACES)} == set(TRACES)
        _, change = await erase(factory, scene.zoe)
        await remove_erased_files(factory, scene.store, change.operation_id)
        assert await whereabouts(owner, TRACES) == []
        files = [path for path in scene.store.directory.rglob("*") if path.is_file()]
        assert not [path for path in files if b"halibut" in path.read_bytes()]

    async def test_keeps_every_proof(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        before = await leaves(owner)
        erasure, change = await erase(factory, scene.zoe)
        after = await leaves(owner)
        assert {id_: after[id_] for id_ in before} == before
        blank = await owner.fetch("SELECT id FROM audit_logs WHERE salt IS NULL ORDER BY id")
        assert len(blank) == erasure.entries > 20
        unfit = f"SELECT id FROM audit_logs AS entry WHERE salt IS NULL AND NOT {IS_BLANK}"
        assert await owner.fetch(unfit) == []
        async with transaction(factory, acting(read_only=True)) as session:
            removal = await session.get_one(AuditRemoval, 1)
        ranges = removed_entries(removal, KeyRing([KEY.public]))
        assert ranges is not None
        assert [id_ for ids in ranges for id_ in ids] == [row["id"] for row in blank]
        statement = json.loads(removal.statement)
        assert removal.kind is RemovalKind.ERASURE
        assert (statement["person"], statement["basis"]) == (scene.zoe.id, BASIS)
        assert statement["operation"] == str(change.operation_id)

    async def test_leaves_the_history_whole(self, factory: SessionFactory, scene: Scene) -> None:
        await seal(factory, KEY)
        erasure, _ = await erase(factory, scene.zoe, acting(scene.colleague, address="192.0.2.1"))
        await seal(factory, KEY)
        report = await verify(factory, KeyRing([KEY.public]))
        assert report.is_whole, report
        assert report.erased == erasure.entries

    async def test_takes_the_account_but_its_number(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        id_ = scene.zoe.id
        await erase(factory, scene.zoe)
        row = await owner.fetchrow("SELECT * FROM users WHERE id = $1", id_)
        assert row is not None
        assert (row["full_name"], row["email"]) == (f"Erased person {id_}", f"erased-{id_}@erased.invalid")
        assert (row["is_active"], row["password_hash"], row["last_login"]) == (False, "", None)
        for table in ("sessions", "user_groups"):
            assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", id_) == 0
        assert await owner.fetchval("SELECT count(*) FROM login_throttles") == 0

    async def test_keeps_what_others_share(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        _, change = await erase(factory, scene.zoe)
        assert await remove_erased_files(factory, scene.store, change.operation_id) == 1
        assert scene.store.path(scene.shared).read_bytes() == b"the logo"
        left = await owner.fetch("SELECT filename, uploaded_by_id FROM attachments")
        assert [tuple(row) for row in left] == [("logo.png", scene.colleague.id)]

    async def test_is_on_record(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        by = acting(scene.colleague, verb="user.erase")
        erasure, change = await erase(factory, scene.zoe, by)
        entry = await owner.fetchrow("SELECT * FROM audit_logs WHERE action = 'ERASE'")
        assert entry is not None
        assert (entry["table_name"], entry["record_id"]) == ("users", scene.zoe.id)
        assert entry["user_id"] == scene.colleague.id
        facts = {name: change["new"] for name, change in json.loads(entry["changes"]).items()}
        assert facts == {"basis": BASIS, **erasure.counts}
        assert erasure.counts | {"entries": 0} == {
            "tickets": 2,
            "comments": 1,
            "attachments": 3,
            "sign_ins": 1,
            "operations": 5,
            "imports": 0,
            "entries": 0,
        }
        operation = await owner.fetchrow("SELECT * FROM operations WHERE id = $1", change.operation_id)
        assert operation is not None
        assert (operation["actor"], operation["reason"]) == ("Carl Colleague", BASIS)
        assert operation["selection"] == f"Person #{scene.zoe.id}"

    async def test_leaves_others_alone(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        reason = f"for {NAME}ld, who calls"
        calling = acting(scene.colleague, address="192.0.2.1", reason=reason)
        async with transaction(factory, calling) as session:
            namesake = await make_user(session, full_name=f"{NAME}ld")
            await make_ticket(session, creator_id=namesake.id, title=f"{NAME}ld writes")
        before = await owner.fetchval("SELECT max(id) FROM audit_logs")
        count = await owner.fetchval("SELECT count(*) FROM audit_logs WHERE address = '192.0.2.1'")
        await erase(factory, scene.zoe)
        title = await owner.fetchval("SELECT title FROM tickets WHERE creator_id = $1", namesake.id)
        assert title == f"{NAME}ld writes"
        kept_reason = "SELECT reason FROM operations WHERE id = $1"
        assert await owner.fetchval(kept_reason, calling.operation_id) == reason
        kept = "SELECT count(*) FROM audit_logs WHERE address = '192.0.2.1' AND salt IS NOT NULL AND id <= $1"
        assert await owner.fetchval(kept, before) == count > 0


class TestPreview:
    async def test_counts_what_goes_and_changes_nothing(self, factory: SessionFactory, scene: Scene) -> None:
        async with transaction(factory, acting(read_only=True)) as session:
            preview = await preview_erasure(session, await session.get_one(User, scene.zoe.id))
        erasure, _ = await erase(factory, scene.zoe)
        assert preview.is_named
        assert preview.counts | {"entries": 0} == erasure.counts | {"entries": 0}
        assert 0 < preview.entries < erasure.entries


class TestRefusals:
    async def test_a_second_time(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        await erase(factory, scene.zoe)
        with pytest.raises(Conflict, match="erased already"):
            await erase(factory, scene.zoe)
        assert await owner.fetchval("SELECT count(*) FROM audit_removals") == 1

    async def test_what_came_since_can_be_erased_too(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        await erase(factory, scene.zoe)
        async with transaction(factory, acting(scene.colleague)) as session:
            await make_ticket(session, creator_id=scene.zoe.id, title="aubergine")
        erasure, _ = await erase(factory, scene.zoe)
        assert (erasure.is_named, erasure.tickets) == (False, 1)
        assert await whereabouts(owner, (*TRACES[: -len(WORDS)], "aubergine")) == []

    @pytest.mark.parametrize(
        "basis", ["", "  ", "x" * 501, "two\nlines", f"Request of {NAME.lower()}", f"mail of {FORMER_EMAIL}"]
    )
    async def test_a_basis_that_says_nothing_or_too_much(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene, basis: str
    ) -> None:
        with pytest.raises(BadInput) as refusal:
            await erase(factory, scene.zoe, basis=basis)
        assert "basis" in refusal.value.fields
        assert await owner.fetchval("SELECT full_name FROM users WHERE id = $1", scene.zoe.id) == NAME

    async def test_oneself_and_nobody(self, factory: SessionFactory, scene: Scene) -> None:
        with pytest.raises(Conflict, match="yourself"):
            await erase(factory, scene.zoe, acting(scene.zoe))
        with pytest.raises(NotFound):
            await erase(factory, User(id=999_999))

    async def test_the_last_administrator(self, factory: SessionFactory, owner: asyncpg.Connection) -> None:
        async with transaction(factory, arranging()) as session:
            root = await people.create_superuser(
                session, email="root@example.com", full_name="Ruth Root", password="violet harbour 42"
            )
        with pytest.raises(Conflict, match="Nobody would be left"):
            await erase(factory, root)
        assert await owner.fetchval("SELECT full_name FROM users WHERE id = $1", root.id) == "Ruth Root"


class TestUndo:
    async def test_of_an_erasure_is_refused(self, factory: SessionFactory, scene: Scene) -> None:
        _, change = await erase(factory, scene.zoe)
        with pytest.raises(Conflict, match="It erased somebody for good"):
            await take_back(factory, change)

    async def test_of_earlier_changes_skips_what_was_erased(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        edit = await sql(
            factory, f"UPDATE tickets SET title = 'x', priority = 'low' WHERE id = {scene.ticket.id}"
        )
        await erase(factory, scene.zoe)
        result, _ = await take_back(factory, edit)
        assert result.changed == {"tickets": 1}
        assert result.refused == {"erased for good": 1}
        row = await owner.fetchrow("SELECT title, priority FROM tickets WHERE id = $1", scene.ticket.id)
        assert row is not None
        assert tuple(row) == (ERASED, "medium")


class TestAtOnce:
    async def test_two_erasures_are_one(self, factory: SessionFactory, scene: Scene) -> None:
        results = await asyncio.gather(*(erase(factory, scene.zoe) for _ in range(2)), return_exceptions=True)
        assert {type(result) for result in results} == {Conflict, tuple}

    async def test_what_is_being_written_is_waited_for(
        self, factory: SessionFactory, owner: asyncpg.Connection, scene: Scene
    ) -> None:
        async with transaction(factory, acting(scene.zoe, address=ADDRESS)) as session:
            await make_comment(session, ticket=scene.ticket, author_id=scene.zoe.id, content="halibut")
            erasing = asyncio.create_task(erase(factory, scene.zoe))
            await asyncio.sleep(0.2)
            assert not erasing.done()
        await erasing
        assert await whereabouts(owner, TRACES) == []

    async def test_a_file_saved_meanwhile_stays(self, factory: SessionFactory, scene: Scene) -> None:
        _, change = await erase(factory, scene.zoe)
        async with transaction(factory, acting(scene.colleague)) as session:
            stored = await scene.store.save(_once(b"halibut, as bytes"), limit=100)
            await make_attachment(
                session, ticket=scene.ticket, uploaded_by_id=scene.colleague.id, sha256=stored.sha256
            )
            removing = asyncio.create_task(remove_erased_files(factory, scene.store, change.operation_id))
            await asyncio.sleep(0.3)
            assert not removing.done()
        assert await removing == 0
