import pytest

from admin_views import sealed
from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin_views.proved import Proved
from tests.factories import arranging, make_tag, make_ticket


@pytest.fixture
async def auditor(desk: Desk) -> Visitor:
    return await desk.visitor("auditor")


async def newest_entry(desk: Desk) -> int:
    return int(await desk.owner.fetchval("SELECT max(id) FROM audit_logs WHERE table_name <> 'operations'"))


@pytest.mark.parametrize("role", ["supervisor", "auditor", "administrator"])
async def test_is_read_only_for_everyone(desk: Desk, role: str) -> None:
    visitor, key = await desk.visitor(role), await newest_entry(desk)
    await visitor.token()
    key, before = await newest_entry(desk), await desk.watermark()
    for url in ("/admin/audit-log/create", f"/admin/audit-log/edit/{key}"):
        assert (await visitor.get(url)).status_code == 403
        assert (await visitor.post(url, {"table_name": "x", "version": "1", "base": "{}"})).status_code == 403
    for verb in ("delete", "trash", "purge", "edit"):
        answer = await visitor.post(f"/admin/audit-log/bulk/{verb}", {"pks": str(key), "confirm": "1"})
        assert answer.status_code == 404
    assert await desk.watermark() == before


class TestEntry:
    async def test_says_what_was_changed_by_whom(self, desk: Desk, auditor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        supervisor = await desk.visitor("supervisor")
        form = {"pks": str(ticket.id), "priority": "urgent", "confirm": "1"}
        await supervisor.post("/admin/ticket/bulk/set-priority", form)
        assert supervisor.user is not None
        page = await auditor.get(f"/admin/audit-log/details/{await newest_entry(desk)}")
        text = main_of(page).lower()
        operation = await desk.newest_operation()
        for words in (supervisor.user.full_name, "tickets", "urgent", "backoffice_app"):
            assert words.lower() in text
        assert f"/admin/operation/details/{operation['id']}" in page.text

    async def test_of_a_sign_in(self, desk: Desk, auditor: Visitor) -> None:
        newcomer = await desk.newcomer("agent")
        page = await auditor.get(f"/admin/audit-log/list?action=LOGIN&user={newcomer.id}")
        assert "1–1 of 1" in main_of(page)


class TestList:
    async def test_tells_moments_in_words(self, desk: Desk, auditor: Visitor) -> None:
        async with transaction(desk.factory, arranging()) as session:
            ticket = await make_ticket(session)
        await desk.owner.execute(
            "UPDATE tickets SET deleted_at = '2026-05-03T10:00:00Z' WHERE id = $1", ticket.id
        )
        page = await auditor.get(f"/admin/audit-log/list?table_name=tickets&record_id={ticket.id}")
        assert "deleted at: – → 3 May 2026, 10:00" in main_of(page)
        assert "deleted at: –;" not in main_of(page)

    async def test_filters(self, desk: Desk, auditor: Visitor) -> None:
        change = arranging()
        async with transaction(desk.factory, change) as session:
            tag, _ = await make_tag(session), await make_tag(session)
        for query, count in (
            (f"table_name=tags&record_id={tag.id}", 1),
            (f"operation_id={change.operation_id}", 2),
            (f"operation_id={change.operation_id}&action=DELETE", 0),
            (f"operation_id={change.operation_id}&created_at_from=2000-01-01", 2),
            (f"operation_id={change.operation_id}&created_at_to=2000-01-01", 0),
        ):
            page = main_of(await auditor.get(f"/admin/audit-log/list?{query}"))
            assert (f"1–{count} of {count}" if count else "Nothing matches") in page, query

    @pytest.mark.parametrize(
        "query", ["record_id=abc", "operation_id=abc", "action=EXPLODE", "user=abc", "record_id=9" + "9" * 30]
    )
    async def test_nonsense(self, auditor: Visitor, query: str) -> None:
        answer = await auditor.get(f"/admin/audit-log/list?{query}")
        assert answer.status_code == 400


class TestSealed:
    async def test_says_through_when_and_what_waits(
        self, proved: Proved, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = main_of(await proved.auditor.get("/admin/audit-log/list"))
        assert "Nothing is sealed yet" in before
        assert "There is no key" not in before
        await proved.seal()
        # For some seconds it is not asked again.
        assert "Nothing is sealed yet" in main_of(await proved.auditor.get("/admin/audit-log/list"))
        monkeypatch.setattr(sealed, "LATELY", 0.0)
        page = main_of(await proved.auditor.get("/admin/audit-log/list"))
        assert "Sealed through" in page
        assert "Nothing waits for a seal" in page
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('one'), ('two')")
        assert "2 entries wait for a seal" in main_of(await proved.auditor.get("/admin/audit-log/list"))

    async def test_warns_when_entries_wait_for_long(self, proved: Proved) -> None:
        await proved.seal()
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('waiting')")
        late = "UPDATE audit_logs SET created_at = created_at - interval '11 minutes' WHERE id = $1"
        await proved.tamper(late, await proved.newest_entry())
        for url in ("list", f"details/{await proved.newest_entry()}"):
            page = main_of(await proved.auditor.get(f"/admin/audit-log/{url}"))
            assert "Sealing lags" in page, url
            assert "1 entry waits for a seal" in page, url


class TestProofOfAnEntry:
    @pytest.fixture
    async def entry(self, proved: Proved) -> int:
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('sealed')")
        return await proved.newest_entry()

    async def page(self, proved: Proved, entry: int) -> str:
        page = await proved.auditor.get(f"/admin/audit-log/details/{entry}")
        assert page.status_code == 200
        return main_of(page)

    async def test_that_waits(self, proved: Proved, entry: int) -> None:
        text = await self.page(proved, entry)
        assert "Not sealed yet. The next seal covers it." in text
        xid = await proved.desk.owner.fetchval("SELECT xid FROM audit_logs WHERE id = $1", entry)
        assert f"Transaction {xid}" in text

    async def test_that_is_as_it_was_sealed(self, proved: Proved, entry: int) -> None:
        first = await proved.seal()
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('later')")
        second = await proved.seal()
        assert f"As it was sealed , in seal {first}" in await self.page(proved, entry)
        assert f"As it was sealed , in seal {second}" in await self.page(proved, await proved.newest_entry())

    async def test_that_was_edited(self, proved: Proved, entry: int) -> None:
        await proved.seal()
        await proved.tamper("UPDATE audit_logs SET user_id = 1 WHERE id = $1", entry)
        assert "This is not what was sealed in seal 1" in await self.page(proved, entry)

    async def test_that_was_slipped_in(self, proved: Proved, entry: int) -> None:
        await proved.seal()
        forged = (
            "INSERT INTO audit_logs (id, created_at, xid, table_name, action, changes, database_user)"
            " OVERRIDING SYSTEM VALUE SELECT id + 1000, created_at, xid, 'tags', 'DELETE', '{}', 'nobody'"
            " FROM audit_logs WHERE id = $1"
        )
        await proved.desk.owner.execute("INSERT INTO tags (name) VALUES ('later')")
        await proved.seal()
        await proved.tamper(forged, entry)
        text = await self.page(proved, entry + 1000)
        assert "This was not there when its place was sealed , in seal 2" in text

    async def test_in_a_seal_of_another_key(self, proved: Proved, entry: int) -> None:
        await proved.seal()
        await proved.tamper("UPDATE audit_seals SET signature = decode(repeat('00', 64), 'hex')")
        assert "Its seal cannot be relied on" in await self.page(proved, entry)
