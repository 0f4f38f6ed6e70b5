import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.requests import Request

from backoffice.settings import Settings
from tests.admin.desk import Desk, Visitor, open_desk
from tests.admin.records import PNG, Records, make_records
from tests.admin.wire import MULTIPART, part, send
from tests.databases import Database

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
async def records(desk: Desk) -> Records:
    return await make_records(desk)


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    visitor = await desk.visitor("administrator")
    await visitor.token()
    return visitor


class TestOperation:
    async def test_names_who_what_and_whence(self, desk: Desk, records: Records) -> None:
        agent = await desk.visitor("agent")
        answer = await agent.post(
            f"/admin/ticket/{records['ticket']}/reply", {"content": "Is it plugged in?"}
        )
        assert answer.status_code == 303
        operation = await desk.newest_operation()
        assert (operation["verb"], operation["actor_id"]) == ("ticket.reply", agent.id)
        entry = await desk.owner.fetchrow("SELECT * FROM audit_logs WHERE operation_id = $1", operation["id"])
        assert entry is not None
        assert (entry["user_id"], str(entry["address"])) == (agent.id, "127.0.0.1")
        assert entry["request_id"] == operation["request_id"]
        assert entry["database_user"] == "backoffice_app"

    async def test_of_a_refusal_is_none(self, desk: Desk, records: Records) -> None:
        agent = await desk.visitor("agent")
        await agent.token()
        before = await desk.watermark()
        answer = await agent.post(f"/admin/ticket/{records['ticket']}/reply", {"content": "  "})
        assert answer.status_code == 400
        assert await desk.watermark() == before


class TestReading:
    async def test_cannot_write_whatever_a_page_tries(
        self, desk: Desk, records: Records, administrator: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def write(_view: object, request: Request, _record: object) -> dict[str, Any]:
            await request.state.session.execute(text("UPDATE tags SET name = 'written by a GET'"))
            return {}

        monkeypatch.setattr(type(desk.app.state.site.view("tag")), "details_extra", write)
        before = await desk.watermark()
        for method in ("GET", "HEAD"):
            answer = await administrator.client.request(method, f"/admin/tag/details/{records['tag']}")
            assert answer.status_code == 500
        assert await desk.watermark() == before


class TestSize:
    async def test_of_text(self, desk: Desk, records: Records, administrator: Visitor) -> None:
        before = await desk.watermark()
        ten = "x" * (10 * MEGABYTE)
        for url, field in (
            ("/admin/ticket/create", "description"),
            (f"/admin/ticket/edit/{records['ticket']}", "description"),
            (f"/admin/ticket/{records['ticket']}/reply", "content"),
            ("/admin/ticket/bulk/set-status", "reason"),
            ("/admin/account", "time_zone"),
            ("/admin/login", "username"),
        ):
            answer = await administrator.post(url, {field: ten})
            assert answer.status_code == 413, url
            assert "at most 2 MB" in answer.text
            assert len(answer.text) < 20_000
            parts = await administrator.post(url, files={field: (None, ten)})
            assert parts.status_code == 413, url
        assert await desk.watermark() == before

    async def test_of_text_beside_a_file(self, desk: Desk, records: Records, administrator: Visitor) -> None:
        before = await desk.watermark()
        url = f"/admin/ticket/{records['ticket']}/attach"
        answer = await administrator.post(url, {"note": "x" * 3 * MEGABYTE}, files={"file": ("a", b"a")})
        assert answer.status_code in {400, 413}
        assert await desk.watermark() == before

    @pytest.mark.parametrize("size", [300_001, 3 * MEGABYTE])
    async def test_of_a_file(self, desk: Desk, records: Records, administrator: Visitor, size: int) -> None:
        before = await desk.watermark()
        file = {"file": ("big.bin", b"x" * size)}
        for url, form in (
            (f"/admin/ticket/{records['ticket']}/attach", {}),
            ("/admin/attachment/create", {"ticket": str(records["ticket"])}),
        ):
            answer = await administrator.post(url, form, files=file)
            assert answer.status_code == 413, url
            assert await desk.watermark() == before

    async def test_of_a_body_that_never_says_its_length(self, desk: Desk, administrator: Visitor) -> None:
        answer = await send(desk, administrator, "/admin/ticket/create", [b"a=" + b"x" * 65_536] * 100)
        assert answer.status_code == 413

    async def test_of_the_number_of_fields(self, desk: Desk, administrator: Visitor) -> None:
        answer = await send(desk, administrator, "/admin/ticket/create", [b"a=1&" * 20_001])
        assert answer.status_code == 400


class TestBrokenOff:
    async def test_half_an_upload(self, desk: Desk, records: Records, administrator: Visitor) -> None:
        before = await desk.watermark()
        url = f"/admin/ticket/{records['ticket']}/attach"
        body = part("file", PNG * 2_000, "photo.png", end=False)
        await send(desk, administrator, url, [body], content_type=MULTIPART, breaks_off=True)
        assert await desk.watermark() == before

    # Starlette forgets a file whose part never ends, and leaves closing it to the garbage collector.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    async def test_a_file_without_its_end(self, desk: Desk, records: Records, administrator: Visitor) -> None:
        before = await desk.watermark()
        url = f"/admin/ticket/{records['ticket']}/attach"
        body = part("file", PNG, "photo.png", end=False)
        answer = await send(desk, administrator, url, [body], content_type=MULTIPART)
        gc.collect()
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_half_a_form(self, desk: Desk, records: Records, administrator: Visitor) -> None:
        before = await desk.watermark()
        url = f"/admin/ticket/{records['ticket']}/reply"
        await send(desk, administrator, url, [b"content=Hello"], breaks_off=True)
        assert await desk.watermark() == before


class TestFilesInPlaceOfTexts:
    """A page that takes no files does not see them."""

    @pytest.mark.parametrize(
        ("url", "fields"),
        [
            ("/admin/login", ["username", "password", "next"]),
            ("/admin/account", ["time_zone", "theme"]),
            ("/admin/account/password", ["current_password", "new_password", "repeat_password"]),
            ("/admin/tag/create", ["name", "color", "description", "_save"]),
            ("/admin/ticket/bulk/set-priority", ["pks", "scope"]),
            ("/admin/ticket/{ticket}/reply", ["content", "kind"]),
        ],
    )
    async def test_are_as_good_as_missing(
        self, desk: Desk, records: Records, administrator: Visitor, url: str, fields: list[str]
    ) -> None:
        files = dict.fromkeys(fields, ("text.txt", b"text"))
        answer = await administrator.post(url.format(ticket=records["ticket"]), files=files)
        assert answer.status_code == 400


class TestUnreadable:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            (b"multipart/form-data", b"x"),
            (b"multipart/form-data; boundary=", b"x"),
            (b"multipart/form-data; boundary=" + b"x" * 500, b"x"),
            (b"multipart/form-data; boundary=\xff", b"--\xff\r\n"),
            (MULTIPART, b""),
            (MULTIPART, b"nothing of the kind"),
            (MULTIPART, b"--frontier\r\nContent-Disposition: form-data\r\n\r\nx\r\n--frontier--\r\n"),
            (MULTIPART, b"--frontier\r\n" + b"X: y\r\n" * 20_000),
            (MULTIPART + b"; charset=hex", part("content", b"zz")),
            (MULTIPART + b"; charset=punycode", part("content", b"\xff-\xff")),
            (MULTIPART + b"; charset=utf-16", part("content", b"\x00\xd8")),
            (MULTIPART, part("content", b"\xff\xfe\xed\xa0\x80")),
            (MULTIPART, part("content", b"a", "file-in-place-of-text.txt")),
            (MULTIPART, part("content\x00", b"a")),
            (b"application/x-www-form-urlencoded", b"content=%ff%fe"),
            (b"application/x-www-form-urlencoded", b"content=\xff\xfe\xed\xa0\x80"),
            (b"application/x-www-form-urlencoded", b"content=%00"),
            (b"application/x-www-form-urlencoded", b"&&&==;;%%%"),
            (b"application/x-www-form-urlencoded; charset=latin-1", b"content=\xe4"),
            (b"application/json", b'{"content": ' + b"[" * 50_000),
            (b"application/json", b"{}"),
            (b"text/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]>"),
            (b"\xff\xff", b"content=x"),
            (b"", b"content=x"),
        ],
    )
    async def test_is_no_error_of_ours(
        self, desk: Desk, records: Records, administrator: Visitor, content_type: bytes, body: bytes
    ) -> None:
        for url in (f"/admin/ticket/{records['ticket']}/reply", f"/admin/ticket/{records['ticket']}/attach"):
            before = await desk.watermark()
            answer = await send(desk, administrator, url, [body], content_type=content_type)
            # What can be read as a text is one, if an odd one.
            if answer.status_code == 303:
                assert url.endswith("reply")
                continue
            assert answer.status_code in {400, 413}, answer.text
            assert await desk.watermark() == before

    @pytest.mark.parametrize(
        "host", [b"", b"[", b"[::1", b"evil.example/admin?", b"a b", b"\xff", b"x" * 5_000, b"@", b"a:b:c"]
    )
    async def test_a_host_that_is_none(self, desk: Desk, administrator: Visitor, host: bytes) -> None:
        for url in ("/admin/ticket/list", "/admin/login", "/nonsense"):
            answer = await send(desk, administrator, url, method="GET", host=host)
            assert answer.status_code in {200, 303, 400, 404}
        answer = await send(desk, administrator, "/admin/ticket/bulk/trash", [b"pks=1"], host=host)
        assert answer.status_code in {200, 400, 404}

    @pytest.mark.parametrize(
        "query", [b"\xff=\xff", b"search=%ff", b"search=%ed%a0%80", b"=&=&", b"a" * 60_000]
    )
    async def test_an_address(self, desk: Desk, administrator: Visitor, query: bytes) -> None:
        for url in ("/admin/ticket/list", "/admin/login", "/admin/ticket/ajax/lookup", "/admin/"):
            answer = await send(desk, administrator, url, method="GET", query=query)
            assert answer.status_code in {200, 303, 400, 404}, answer.text


class TestTooSlow:
    """A statement that takes too long is stopped, and the page says so within the site."""

    @pytest.fixture
    async def hasty(self, database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
        settings = Settings(
            database_url=database.app_url,
            secret_key="a secret that only the tests know",
            var_dir=tmp_path,
            statement_timeout_ms=200,
        )
        async with open_desk(database, settings) as desk:
            yield desk

    async def test_reading_and_writing(self, hasty: Desk) -> None:
        records = await make_records(hasty)
        visitor = await hasty.visitor("administrator")
        before = await hasty.watermark()
        async with hasty.owner.transaction():
            await hasty.owner.execute("LOCK TABLE tickets")
            details = await visitor.get(f"/admin/ticket/details/{records['ticket']}")
            form = {"pks": str(records["ticket"]), "priority": "urgent", "confirm": "1"}
            changed = await visitor.post("/admin/ticket/bulk/set-priority", form)
            script = await visitor.get(
                "/admin/ticket/ajax/lookup?name=creator", headers={"Accept": "application/json"}
            )
        assert (details.status_code, changed.status_code, script.status_code) == (503, 503, 200)
        for answer in (details, changed):
            assert "This took too long and was stopped" in answer.text
            assert "/admin/ticket/list" in answer.text
            assert "canceling statement" not in answer.text
        assert await hasty.watermark() == before
        assert (await visitor.get(f"/admin/ticket/details/{records['ticket']}")).status_code == 200

    async def test_two_at_once_do_not_wait_for_ever(self, hasty: Desk) -> None:
        records = await make_records(hasty)
        visitor = await hasty.visitor("administrator")
        form = {"pks": str(records["ticket"]), "priority": "urgent", "confirm": "1"}
        url = "/admin/ticket/bulk/set-priority"
        answers = await asyncio.gather(*(visitor.post(url, form) for _ in range(5)))
        assert {answer.status_code for answer in answers} <= {303, 503}
        assert await hasty.owner.fetchval("SELECT priority::text FROM tickets") == "urgent"
