"""The auditor's page of the proof: what it shows, verifying, and what a verification's page says."""

import asyncio
import json
import re
from pathlib import Path

import asyncpg
import pytest
from httpx import Response
from pydantic import SecretStr

from backoffice.audit.proof.anchor import anchor_newest, anchor_places
from backoffice.audit.proof.bundle import verify_bundle
from backoffice.audit.proof.keys import KeyRing, SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.database import transaction
from backoffice.settings import Settings
from models import RemovalKind
from tests.admin.desk import open_desk
from tests.admin.lists import links_in, main_of
from tests.admin_views.proved import Proved, run_in
from tests.audit.proof.conftest import KEY
from tests.databases import Database
from tests.factories import arranging

OVERVIEW = "/admin/proof/overview"
INTERRUPTED = "It was cut off, as by a restart"


async def begin_by_hand(proved: Proved, *, silent_for: str = "0 seconds") -> int:
    """A run that somebody else's process has on record."""
    return int(
        await proved.desk.owner.fetchval(
            "INSERT INTO audit_verifications (user_id, seen_at) VALUES ($1, now() - $2::text::interval)"
            " RETURNING id",
            proved.auditor.id,
            silent_for,
        )
    )


async def state_of(proved: Proved, run: int) -> str:
    row = "SELECT state::text FROM audit_verifications WHERE id = $1"
    return str(await proved.desk.owner.fetchval(row, run))


class TestOverview:
    async def test_shows_seals_keys_and_anchors(self, proved: Proved) -> None:
        await proved.seal()
        seal = await proved.desk.owner.fetchrow("SELECT hash, key_id FROM audit_seals")
        assert seal is not None
        page = await proved.auditor.get(OVERVIEW)
        text = main_of(page)
        public = SigningKey(KEY).public
        assert public.text in text
        assert seal["key_id"] == public.key_id
        assert f"Key {public.key_id}" in text
        assert seal["hash"].hex()[:16] in text
        assert f'data-copy="{seal["hash"].hex()}"' in page.text
        assert "/admin/seal/details/1" in page.text

    async def test_shows_what_was_removed(self, proved: Proved) -> None:
        facts = {"basis": "a letter of 3 May", "by": "Ana Ruiz"}
        async with transaction(proved.desk.factory, arranging()) as session:
            removal = await record_removal(session, SigningKey(KEY), RemovalKind.ERASURE, [1, 2, 7], facts)
        text = main_of(await proved.auditor.get(OVERVIEW))
        shown = text.partition("Removed on purpose")[2]
        for words in ("Erasure", "a letter of 3 May; by Ana Ruiz", "Entries 3"):
            assert words in shown
        page = main_of(await proved.auditor.get(f"/admin/removal/details/{removal.id}"))
        assert "by a trusted key" in page
        await proved.tamper("UPDATE audit_removals SET statement = replace(statement, 'May', 'June')")
        assert "NOT by any trusted key" in main_of(
            await proved.auditor.get(f"/admin/removal/details/{removal.id}")
        )

    async def test_an_anchor_that_the_chain_does_not_know(self, proved: Proved) -> None:
        await proved.seal()
        await anchor_newest(proved.desk.factory, anchor_places(proved.desk.settings))
        assert "In the chain Yes" in main_of(await proved.auditor.get(OVERVIEW))
        for forgery in ("UPDATE audit_seals SET hash = root", "DELETE FROM audit_seals"):
            await proved.tamper(forgery)
            assert "In the chain No" in main_of(await proved.auditor.get(OVERVIEW)), forgery

    async def test_an_administrator_may_verify_and_export_too(self, proved: Proved) -> None:
        administrator = await proved.desk.visitor("administrator")
        page = await administrator.get(OVERVIEW)
        assert 'action="/admin/proof/verify"' in page.text
        assert 'action="/admin/proof/export"' in page.text

    async def test_offers_nothing_to_who_may_only_see(self, proved: Proved) -> None:
        await proved.desk.owner.execute(
            "DELETE FROM group_accesses WHERE action IN ('action:verify', 'action:export')"
        )
        page = await proved.auditor.get(OVERVIEW)
        assert page.status_code == 200
        assert "/admin/proof/verify" not in page.text
        for verb in ("verify", "export"):
            assert (await proved.auditor.post(f"/admin/proof/{verb}")).status_code == 403

    async def test_in_the_sidebar_stands_one_page_for_all(self, proved: Proved) -> None:
        await proved.seal()
        for url in (OVERVIEW, "/admin/proof/list", "/admin/seal/details/1", "/admin/removal/list"):
            page = (await proved.auditor.get(url)).text
            sidebar = page.partition('class="sidebar"')[2].partition("</nav>")[0]
            assert re.findall(r'href="([^"]+)" aria-current', sidebar) == [OVERVIEW], url
            assert "/admin/seal/list" not in sidebar


class TestSeal:
    async def test_that_is_sound(self, proved: Proved) -> None:
        await proved.seal()
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('later')")
        await proved.seal()
        page = await proved.auditor.get("/admin/seal/details/2")
        assert "Sound" in main_of(page)
        assert {"/admin/seal/details/1", "/admin/seal/list"} <= set(links_in(page))

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ("entry_count = entry_count", None),
            ("root = hash", "its root is not that of its entries"),
            ("previous_hash = hash", "it was made on top of another seal"),
            ("signature = decode(repeat('00', 64), 'hex')", "no trusted key has signed it"),
        ],
    )
    async def test_that_was_changed(self, proved: Proved, change: str, fault: str | None) -> None:
        await proved.seal()
        await proved.tamper(f"UPDATE audit_seals SET {change}")
        text = main_of(await proved.auditor.get("/admin/seal/details/1"))
        assert ("NOT sound" in text) == (fault is not None)
        assert fault is None or fault in text


class TestVerify:
    async def test_a_whole_history(self, proved: Proved) -> None:
        await proved.seal()
        page = await proved.verify()
        text = main_of(page)
        assert "The history is whole" in text
        assert "in 1 seal (1 to 1" in text
        row = await proved.desk.owner.fetchrow("SELECT * FROM audit_verifications")
        assert row is not None
        assert (row["state"], row["user_id"]) == ("whole", proved.auditor.id)
        assert row["ended_at"] is not None
        assert row["entries_done"] == row["entries_total"] > 0
        asked = "SELECT user_id FROM audit_logs WHERE action = 'VERIFY' AND table_name = 'audit_logs'"
        assert await proved.desk.owner.fetchval(asked) == proved.auditor.id
        assert "Last verified: whole" in main_of(await proved.auditor.get(OVERVIEW))

    async def test_names_the_first_bad_entry_and_all(self, proved: Proved) -> None:
        for name in ("one", "two", "three"):
            await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ($1)", name)
        ids = [
            row["id"]
            for row in await proved.desk.owner.fetch("SELECT id FROM audit_logs WHERE table_name = 'tags'")
        ]
        await proved.seal()
        await proved.tamper("UPDATE audit_logs SET action = 'UPDATE' WHERE id = ANY($1)", ids[:2])
        page = await proved.verify()
        text = main_of(page)
        assert "The history is NOT whole" in text
        assert f"The first bad entry Entry {ids[0]} was" in text
        links = links_in(page)
        assert f"/admin/audit-log/details/{ids[0]}" in links
        assert f"/admin/audit-log/details/{ids[1]}" in links
        assert f"/admin/audit-log/details/{ids[2]}" not in links
        assert "Last verified: NOT whole" in main_of(await proved.auditor.get(OVERVIEW))

    async def test_links_nowhere_where_the_entry_is_gone(self, proved: Proved) -> None:
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('gone')")
        gone = await proved.newest_entry()
        await proved.seal()
        await proved.tamper("DELETE FROM audit_logs WHERE id = $1", gone)
        page = await proved.verify()
        assert f"Entry {gone}" in main_of(page)
        assert f"/admin/audit-log/details/{gone}" not in links_in(page)

    async def test_links_to_a_record_that_is_not_what_the_history_says(self, proved: Proved) -> None:
        owner = proved.desk.owner
        changed = await owner.fetchval("INSERT INTO tags (name) VALUES ('odd') RETURNING id")
        gone = await owner.fetchval("INSERT INTO tags (name) VALUES ('gone') RETURNING id")
        await proved.seal()
        async with owner.transaction():
            await owner.execute("ALTER TABLE tags DISABLE TRIGGER audit_capture")
            await owner.execute("UPDATE tags SET name = 'other' WHERE id = $1", changed)
            await owner.execute("DELETE FROM tags WHERE id = $1", gone)
        page = await proved.verify()
        assert f"Tags {changed} is not what the history says: name. See Tag {changed}" in main_of(page)
        assert f"/admin/tag/details/{changed}" in links_in(page)
        assert f"/admin/tag/details/{gone}" not in links_in(page)

    async def test_a_period(self, proved: Proved) -> None:
        zone = "UPDATE users SET time_zone = 'Asia/Tokyo' WHERE id = $1"
        await proved.desk.owner.execute(zone, proved.auditor.id)
        await proved.seal()
        page = await proved.verify(since="2026-05-01", until="2026-05-31")
        assert "from 2026-04-30T15:00:00+00:00 to 2026-05-31T15:00:00+00:00" in main_of(page)
        assert "Period 1 May 2026, 00:00 – 1 Jun 2026, 00:00" in main_of(page)

    @pytest.mark.parametrize(
        ("days", "sentence"),
        [
            ({"since": "yesterday"}, "Write a day like 2026-05-31."),
            ({"until": "0001-01-01"}, "Write a day like 2026-05-31."),
            ({"since": "2026-05-31", "until": "2026-05-01"}, "The last day comes before the first."),
        ],
    )
    @pytest.mark.parametrize("verb", ["verify", "export"])
    async def test_a_period_that_makes_no_sense(
        self, proved: Proved, verb: str, days: dict[str, str], sentence: str
    ) -> None:
        page = await proved.auditor.post(f"/admin/proof/{verb}", days)
        assert page.status_code == 400
        assert main_of(page).count(sentence) == 1
        for value in days.values():
            assert f'value="{value}"' in page.text
        assert await proved.desk.owner.fetchval("SELECT count(*) FROM audit_verifications") == 0


class TestExport:
    async def export(self, proved: Proved, **days: str) -> Response:
        return await proved.auditor.post("/admin/proof/export", days)

    async def test_is_a_bundle_that_is_verified_without_the_database(
        self, proved: Proved, tmp_path: Path
    ) -> None:
        await proved.seal()
        sealed = await proved.desk.owner.fetchval("SELECT count(*) FROM audit_logs")
        answer = await self.export(proved)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"].startswith('attachment; filename="history.zip"')
        file = tmp_path / "history.zip"
        file.write_bytes(answer.content)
        report = verify_bundle(file, KeyRing([SigningKey(KEY).public]), lambda done, total: None)
        assert report.is_whole, report.findings
        assert report.entries == sealed

    async def test_is_on_record(self, proved: Proved) -> None:
        await proved.seal()
        await self.export(proved, since="2026-01-01", until="2999-12-31")
        entry = await proved.desk.owner.fetchrow(
            "SELECT user_id, changes FROM audit_logs WHERE action = 'EXPORT' AND table_name = 'audit_logs'"
        )
        assert entry is not None
        assert entry["user_id"] == proved.auditor.id
        facts = json.loads(entry["changes"])
        assert facts["from"] == {"new": "2026-01-01T00:00:00+00:00"}
        assert facts["to"] == {"new": "3000-01-01T00:00:00+00:00"}
        assert facts["entries"]["new"] > 0

    @pytest.mark.parametrize("days", [{"until": "2001-05-31"}, {"since": "2998-01-01"}])
    async def test_of_days_without_entries(self, proved: Proved, days: dict[str, str]) -> None:
        await proved.seal()
        answer = await self.export(proved, **days)
        assert answer.status_code == 400
        assert "Nothing is sealed of these days" in main_of(answer)
        assert (
            await proved.desk.owner.fetchval("SELECT count(*) FROM audit_logs WHERE action = 'EXPORT'") == 0
        )

    async def test_of_a_history_that_is_not_sealed(self, proved: Proved) -> None:
        answer = await self.export(proved)
        assert answer.status_code == 400
        assert "Nothing is sealed of these days" in main_of(answer)


class TestOneAtATime:
    async def test_a_second_one_leads_to_the_first(self, proved: Proved) -> None:
        run = await begin_by_hand(proved)
        answer = await proved.auditor.post("/admin/proof/verify")
        assert run_in(answer.headers["location"]) == run
        page = await proved.auditor.get(answer.headers["location"])
        assert "A verification is running already" in main_of(page)
        assert 'data-live="1000"' in page.text
        assert await proved.desk.owner.fetchval("SELECT count(*) FROM audit_verifications") == 1

    async def test_two_at_the_same_moment_are_one(self, proved: Proved) -> None:
        await proved.seal()
        answers = await asyncio.gather(*(proved.auditor.post("/admin/proof/verify") for _ in range(4)))
        urls = {answer.headers["location"] for answer in answers}
        for url in urls:
            assert "The history is whole" in main_of(await proved.ended(url))
        overlapping = (
            "SELECT count(*) FROM audit_verifications AS a, audit_verifications AS b"
            " WHERE a.id < b.id AND b.started_at < a.ended_at"
        )
        assert await proved.desk.owner.fetchval(overlapping) == 0

    async def test_one_that_fell_silent_is_interrupted(self, proved: Proved) -> None:
        run = await begin_by_hand(proved, silent_for="31 seconds")
        page = await proved.auditor.get(f"/admin/proof/details/{run}")
        assert INTERRUPTED in main_of(page)
        assert "data-live" not in page.text
        assert "Interrupted" in main_of(await proved.auditor.get("/admin/proof/list"))
        assert "The history is whole" in main_of(await proved.verify())
        assert await state_of(proved, run) == "interrupted"


class TestInterruption:
    async def test_by_the_end_of_the_application(
        self, database: Database, proof_settings: Settings, owner: asyncpg.Connection
    ) -> None:
        async with owner.transaction():
            async with open_desk(database, proof_settings) as desk:
                proved = Proved(desk, await desk.visitor("auditor"))
                await proved.seal()
                await owner.execute("LOCK TABLE audit_seals")
                answer = await proved.auditor.post("/admin/proof/verify")
                run = run_in(answer.headers["location"])
                await proved.until_locked_out("audit_seals")
                assert await state_of(proved, run) == "running"
            ended = "SELECT state::text FROM audit_verifications WHERE id = $1"
            assert await owner.fetchval(ended, run) == "interrupted"
        async with open_desk(database, proof_settings) as desk:
            again = Proved(desk, await desk.newcomer("auditor"))
            assert INTERRUPTED in main_of(await again.auditor.get(answer.headers["location"]))
            assert "The history is whole" in main_of(await again.verify())


class TestAnotherKey:
    @pytest.fixture
    def proof_settings(self, proof_settings: Settings) -> Settings:
        other = "A" * 43 + "="
        return proof_settings.model_copy(update={"audit_key": SecretStr(other)})

    async def test_is_not_taken_for_ours(self, proved: Proved) -> None:
        await proved.seal()
        page = await proved.verify()
        assert "The history is NOT whole" in main_of(page)
        assert "Seal 1" in main_of(page)


class TestNoKey:
    @pytest.fixture
    def proof_settings(self, proof_settings: Settings) -> Settings:
        return proof_settings.model_copy(update={"audit_key": SecretStr("")})

    async def test_the_pages_say_so(self, proved: Proved) -> None:
        text = main_of(await proved.auditor.get(OVERVIEW))
        for words in ("Nothing is sealed yet", "There is no key to sign with", "Never verified", "none yet"):
            assert words in text
        assert "There is no key to sign with" in main_of(await proved.auditor.get("/admin/audit-log/list"))
        entry = await proved.auditor.get(f"/admin/audit-log/details/{await proved.newest_entry()}")
        assert "Not sealed yet. There is no key to sign with" in main_of(entry)

    async def test_there_is_nothing_to_verify_by(self, proved: Proved) -> None:
        answer = await proved.auditor.post("/admin/proof/verify")
        assert answer.status_code == 409
        assert "There is no key to check the seals with" in main_of(answer)
        assert await proved.desk.owner.fetchval("SELECT count(*) FROM audit_verifications") == 0
