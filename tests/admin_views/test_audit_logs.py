import pytest

from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
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
