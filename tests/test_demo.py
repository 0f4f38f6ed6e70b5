import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import asyncpg
import pytest

from backoffice.accounts.passwords import verify_password
from backoffice.attachments import HEAD_SIZE, FileStore, safe_type
from backoffice.database import SessionFactory, create_engine, session_factory
from backoffice.demo import DEMO_ACCOUNTS, DEMO_PASSWORD, demo_accounts_present, load_demo
from backoffice.demo.files import draw_file
from backoffice.demo.library import scenarios, singles, vocabulary
from backoffice.demo.people import customers, staff
from backoffice.demo.stories import Story, Storyteller
from backoffice.settings import Settings
from tests.admin.desk import open_desk
from tests.admin.lists import keys_in, links_in, listed, main_of
from tests.conftest import NAMED_FOR_TESTS
from tests.databases import Database, Server

NOW = datetime.now(UTC)
REPEATABLE = Random(1)  # noqa: S311 - chance that repeats itself is what is wanted


@dataclass(frozen=True)
class Loaded:
    """A database after a load, and what its two callers were answered."""

    factory: SessionFactory
    owner: asyncpg.Connection
    store: FileStore
    answers: list[bool]

    async def number(self, query: str) -> float:
        return float(await self.owner.fetchval(query))


async def load(factory: SessionFactory, store: FileStore) -> bool:
    return await load_demo(factory, store, now=NOW, report=lambda sentence: None)


@asynccontextmanager
async def factory_of(database: Database) -> AsyncIterator[SessionFactory]:
    engine = create_engine(database.app_url)
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture(scope="module")
def demo_database(server: Server, template: str) -> Iterator[Database]:
    name = f"{NAMED_FOR_TESTS}demo_{uuid4().hex[:12]}"
    server.copy(template, name)
    yield server.database(name)
    server.drop(name)


@pytest.fixture(scope="module")
async def loaded(demo_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Loaded]:
    """One load for all tests that only look, begun by two programs at the same time."""
    store = FileStore(tmp_path_factory.mktemp("demo") / "attachments")
    async with factory_of(demo_database) as factory, factory_of(demo_database) as other:
        answers = await asyncio.gather(load(factory, store), load(other, store))
        owner = await asyncpg.connect(demo_database.owner_url)
        yield Loaded(factory, owner, store, answers)
        await owner.close()


class TestPeople:
    async def test_twelve_of_two_hundred_are_staff(self, loaded: Loaded) -> None:
        assert await loaded.number("SELECT count(*) FROM users") == 200
        assert await loaded.number("SELECT count(*) FROM users WHERE is_staff") == 12

    async def test_accounts_are_in_their_groups_and_share_a_password(self, loaded: Loaded) -> None:
        rows = await loaded.owner.fetch(
            "SELECT u.email, g.name, u.password_hash FROM users u JOIN user_groups ON user_id = u.id"
            " JOIN groups g ON g.id = group_id WHERE u.email LIKE '%@example.com' ORDER BY u.id"
        )

        assert tuple((row["email"], row["name"]) for row in rows) == DEMO_ACCOUNTS
        assert await verify_password(rows[0]["password_hash"], DEMO_PASSWORD)
        assert len({row["password_hash"] for row in rows}) == 4

    async def test_customers_have_no_password(self, loaded: Loaded) -> None:
        query = "SELECT count(*) FROM users WHERE NOT is_staff AND password_hash <> ''"
        assert await loaded.number(query) == 0


class TestTickets:
    async def test_are_three_thousand_of_ninety_days(self, loaded: Loaded) -> None:
        dates = await loaded.owner.fetchrow("SELECT count(*), min(created_at), max(created_at) FROM tickets")

        assert dates is not None
        assert dates[0] == 3_000
        assert NOW - timedelta(days=91) < dates[1] < NOW - timedelta(days=85)
        assert NOW - timedelta(days=1) < dates[2] < NOW

    async def test_stand_as_on_a_desk_that_copes(self, loaded: Loaded) -> None:
        rows = await loaded.owner.fetch("SELECT status, count(*) FROM tickets GROUP BY status")
        by_status = {row[0]: row[1] for row in rows}
        unsettled = "FROM tickets WHERE status NOT IN ('resolved', 'closed') AND deleted_at IS NULL"

        assert by_status["closed"] > 2_000
        assert min(by_status.values()) > 40
        assert await loaded.number(f"SELECT count(*) {unsettled} AND assignee_id IS NULL") > 15
        overdue = await loaded.number(
            f"SELECT count(*) {unsettled} AND created_at < now() - interval '7 days'"
        )
        assert 60 < overdue < 250
        assert await loaded.number(f"SELECT count(*) {unsettled} AND priority = 'urgent'") > 10

    async def test_come_on_workdays_more_than_on_sundays(self, loaded: Loaded) -> None:
        weekday = "SELECT count(*) FROM tickets WHERE extract(isodow FROM created_at) = "
        assert await loaded.number(f"{weekday} 1") > 2.5 * await loaded.number(f"{weekday} 7")

    async def test_hardly_two_are_alike(self, loaded: Loaded) -> None:
        assert await loaded.number("SELECT count(DISTINCT title) FROM tickets") > 2_400
        assert await loaded.number("SELECT count(DISTINCT description) FROM tickets") > 2_950

    async def test_leave_no_brace_unfilled(self, loaded: Loaded) -> None:
        for column, table in (("title", "tickets"), ("description", "tickets"), ("content", "comments")):
            assert await loaded.number(rf"SELECT count(*) FROM {table} WHERE {column} ~ '\{{\w+\}}'") == 0

    async def test_speak_other_languages_too(self, loaded: Loaded) -> None:
        for word in ("Kassenschublade", "القارئ|قارئ", "הקופה", "レシート", "🔥"):
            assert await loaded.number(f"SELECT count(*) FROM tickets WHERE title ~ '{word}'") >= 1

    async def test_have_tags_that_fit(self, loaded: Loaded) -> None:
        assert 20 <= await loaded.number("SELECT count(*) FROM tags") <= 30
        untagged = (
            "SELECT count(*) FROM tickets t WHERE NOT EXISTS (SELECT FROM ticket_tags WHERE ticket_id = t.id)"
        )
        assert await loaded.number(untagged) < 10


class TestComments:
    async def test_are_two_or_three_a_ticket(self, loaded: Loaded) -> None:
        assert 2.3 < await loaded.number("SELECT count(*) / 3000.0 FROM comments") < 3

    async def test_follow_their_ticket_and_are_not_of_the_future(self, loaded: Loaded) -> None:
        query = (
            "SELECT count(*) FROM comments c JOIN tickets t ON t.id = c.ticket_id"
            " WHERE c.created_at < t.created_at OR c.created_at > now()"
        )
        assert await loaded.number(query) == 0

    async def test_are_of_customers_and_staff_and_notes_of_staff_alone(self, loaded: Loaded) -> None:
        by = "SELECT count(*) FROM comments c JOIN users u ON u.id = c.author_id WHERE"

        assert await loaded.number(f"{by} u.is_staff AND NOT is_internal") > 2_000
        assert await loaded.number(f"{by} NOT u.is_staff") > 1_500
        assert await loaded.number(f"{by} is_internal AND u.is_staff") > 400
        assert await loaded.number(f"{by} is_internal AND NOT u.is_staff") == 0


class TestAttachments:
    async def test_lie_in_the_store(self, loaded: Loaded) -> None:
        rows = await loaded.owner.fetch("SELECT sha256, size_bytes, content_type, filename FROM attachments")

        assert 110 < len(rows) < 200
        for row in rows:
            content = loaded.store.path(row["sha256"]).read_bytes()
            assert len(content) == row["size_bytes"]
            assert safe_type(row["filename"], None, content[:HEAD_SIZE]) == row["content_type"]
        types = Counter(row["content_type"] for row in rows)
        assert set(types) == {"image/png", "text/plain", "application/pdf"}

    def test_documents_say_where_their_objects_are(self) -> None:
        document = draw_file(REPEATABLE, ["billing"], "Invoice", NOW).content

        offsets = [int(entry) for entry in re.findall(rb"(\d{10}) 00000 n", document)]
        assert [document[offset:].split()[0] for offset in offsets] == [b"1", b"2", b"3", b"4", b"5", b"6"]
        table = int(document.rpartition(b"startxref\n")[2].split()[0])
        assert document[table : table + 4] == b"xref"


class TestHistory:
    async def test_was_made_by_running_verbs(self, loaded: Loaded) -> None:
        rows = await loaded.owner.fetch("SELECT verb, actor_id IS NULL AS by_system FROM operations")
        verbs = Counter(row["verb"] for row in rows)

        assert 30 <= len(rows) <= 60
        assert [row["verb"] for row in rows if row["by_system"]] == ["system.demo"]
        assert set(verbs) == {
            "system.demo",
            "operation.undo",
            "ticket.add-tags",
            "ticket.assign",
            "ticket.edit",
            "ticket.remove-tags",
            "ticket.reply",
            "ticket.restore",
            "ticket.set-priority",
            "ticket.set-status",
            "ticket.trash",
            "user.edit",
        }

    async def test_says_who_did_it(self, loaded: Loaded) -> None:
        query = (
            "SELECT count(*) FROM audit_logs a LEFT JOIN operations o ON o.id = a.operation_id"
            # The first groups are the migration's.
            " WHERE a.database_user = 'backoffice_app'"
            " AND (o.id IS NULL OR a.user_id IS DISTINCT FROM o.actor_id)"
        )
        assert await loaded.number(query) == 0
        assert await loaded.number("SELECT count(*) FROM audit_logs WHERE action = 'UPDATE'") > 100

    async def test_knows_when_each_row_was_made(self, loaded: Loaded) -> None:
        for table in ("users", "tags", "tickets", "comments", "attachments"):
            query = (
                f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT FROM audit_logs"
                f" WHERE table_name = '{table}' AND record_id = t.id AND action = 'CREATE')"
            )
            assert await loaded.number(query) == 0

    async def test_holds_an_undo_and_something_in_the_trash(self, loaded: Loaded) -> None:
        undone = await loaded.owner.fetchval(
            "SELECT o.outcome->>'changed' FROM operations u JOIN operations o ON o.id = u.reverts_id"
        )

        assert int(undone) > 3
        assert await loaded.number("SELECT count(*) FROM tickets WHERE deleted_at IS NOT NULL") >= 5
        restored = "SELECT count(*) FROM tickets WHERE title LIKE 'Fw: Re: Fw:%' AND deleted_at IS NULL"
        assert await loaded.number(restored) == 1


class TestViews:
    async def test_open_and_find_something(
        self, loaded: Loaded, demo_database: Database, tmp_path: Path
    ) -> None:
        settings = Settings(
            database_url=demo_database.app_url,
            secret_key="a secret that only the tests know",
            var_dir=tmp_path,
        )
        known = {}
        async with open_desk(demo_database, settings) as desk:
            for email, _ in DEMO_ACCOUNTS:
                visitor = await desk.browser()
                await visitor.sign_in(email, DEMO_PASSWORD)
                known[email] = {
                    link for link in links_in(await listed(visitor.client)) if re.search(r"view=\d", link)
                }
                for link in known[email]:
                    shown = await visitor.get(link)
                    assert "This view asks" not in main_of(shown)
                    assert "Discard changes" not in main_of(shown)
                    assert keys_in(shown) or "assignee=me" in link
        assert [len(known[email]) for email, _ in DEMO_ACCOUNTS] == [4, 3, 4, 3]


class TestLoadDemo:
    async def test_happens_once_even_if_two_ask(self, loaded: Loaded) -> None:
        before = await loaded.number("SELECT count(*) FROM audit_logs")

        assert sorted(loaded.answers) == [False, True]
        assert not await load(loaded.factory, loaded.store)
        assert await loaded.number("SELECT count(*) FROM audit_logs") == before

    async def test_leaves_a_desk_in_use_alone(
        self, factory: SessionFactory, owner: asyncpg.Connection, tmp_path: Path
    ) -> None:
        await owner.execute("INSERT INTO users (email, full_name) VALUES ('a@example.com', 'A')")

        assert not await load(factory, FileStore(tmp_path))
        assert await owner.fetchval("SELECT count(*) FROM users") == 1

    @pytest.mark.slow
    async def test_goes_on_after_an_interruption(
        self, factory: SessionFactory, owner: asyncpg.Connection, tmp_path: Path, loaded: Loaded
    ) -> None:
        store = FileStore(tmp_path)
        first = asyncio.create_task(load(factory, store))
        while await owner.fetchval("SELECT count(*) FROM operations") < 5:  # noqa: ASYNC110 - others commit
            await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

        assert await load(factory, store)
        done = "SELECT count(*) FROM operations WHERE request_id LIKE 'demo-%'"
        assert await owner.fetchval(done) == await loaded.number(done)
        assert not await load(factory, store)


class TestDemoAccountsPresent:
    async def test_names_those_whose_password_is_known_to_all(
        self, factory: SessionFactory, loaded: Loaded, owner: asyncpg.Connection
    ) -> None:
        async with loaded.factory() as session, factory() as elsewhere:
            assert await demo_accounts_present(session) == [email for email, _ in DEMO_ACCOUNTS]
            assert await demo_accounts_present(elsewhere) == []
            await owner.execute(
                "INSERT INTO users (email, full_name, is_staff, is_active, password_hash)"
                " VALUES ('admin@example.com', 'A', true, true, ''),"
                " ('agent@example.com', 'B', true, false, $1)",
                await loaded.owner.fetchval(
                    "SELECT password_hash FROM users WHERE email = 'agent@example.com'"
                ),
            )
            assert await demo_accounts_present(elsewhere) == []


class TestStoryteller:
    def test_tells_the_same_stories_again(self) -> None:
        assert self.told() == self.told()

    def test_uses_words_and_tags_that_exist(self) -> None:
        known = vocabulary().tags
        used = {tag for entry in (*scenarios(), *singles()) for tag in entry.tags}
        assert used <= set(known)

    def told(self) -> list[Story]:
        random = Random(7)  # noqa: S311 - the same
        employees = staff(vocabulary(), NOW)
        teller = Storyteller(random, vocabulary(), employees, customers(random, vocabulary(), NOW))
        return teller.tell(NOW)
