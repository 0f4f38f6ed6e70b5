import asyncio
import os
from pathlib import Path

import pytest
from httpx import Response

from backoffice.attachments import FileStore
from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor
from tests.admin.lists import main_of
from tests.admin.page_forms import open_form
from tests.admin.records import PNG, upload
from tests.factories import arranging, make_ticket

HTML = b"<!DOCTYPE html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.fixture
async def ticket(desk: Desk) -> int:
    async with transaction(desk.factory, arranging()) as session:
        return (await make_ticket(session)).id


@pytest.fixture
async def administrator(desk: Desk) -> Visitor:
    return await desk.visitor("administrator")


async def download(visitor: Visitor, key: int, query: str = "") -> Response:
    return await visitor.get(f"/admin/attachment/{key}/download{query}")


class TestUploading:
    async def test_on_a_tickets_page(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        key = await upload(desk, ticket, PNG, "Füße & <b>.png", "text/html")
        page = await administrator.get(f"/admin/ticket/details/{ticket}")
        assert "Füße &amp; &lt;b&gt;.png is attached." in page.text
        own = await administrator.get(f"/admin/attachment/details/{key}")
        assert all(f'src="/admin/attachment/{key}/download?inline=1"' in each.text for each in (page, own))
        row = await desk.owner.fetchrow("SELECT * FROM attachments WHERE id = $1", key)
        assert row is not None
        assert (row["filename"], row["content_type"], row["size_bytes"]) == (
            "Füße & <b>.png",
            "image/png",
            len(PNG),
        )
        assert row["uploaded_by_id"] == administrator.id

    async def test_from_the_list(self, desk: Desk, ticket: int) -> None:
        agent = await desk.visitor("agent")
        form = await open_form(agent.client, "/admin/attachment/create")
        fields = {"ticket": str(ticket), "csrf_token": form["csrf_token"]}
        answer = await agent.client.post(form.action, data=fields, files={"file": ("a.txt", b"Hello")})
        assert answer.status_code == 303, main_of(answer)
        made = await desk.owner.fetchrow("SELECT * FROM attachments ORDER BY id DESC LIMIT 1")
        assert made is not None
        assert (made["filename"], made["content_type"], made["ticket_id"]) == ("a.txt", "text/plain", ticket)
        assert made["uploaded_by_id"] == agent.id

    @pytest.mark.parametrize("name", ["", "."])
    async def test_of_nothing(self, desk: Desk, administrator: Visitor, ticket: int, name: str) -> None:
        before = await desk.watermark()
        answer = await administrator.post(f"/admin/ticket/{ticket}/attach", {"file": name})
        assert answer.status_code == 400
        assert "Choose a file first." in main_of(answer)
        assert await desk.watermark() == before

    async def test_of_an_empty_file(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        key = await upload(desk, ticket, b"", "empty.txt")
        answer = await download(administrator, key)
        assert (answer.status_code, answer.content) == (200, b"")

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\fakepath\\report.pdf", "report.pdf"),
            ("a\r\nSet-Cookie: b=c", "aSet-Cookie: b=c"),
            ("..", "attachment"),
            ("x" * 300 + ".png", "x" * 251 + ".png"),
        ],
    )
    async def test_a_name_with_tricks(self, desk: Desk, ticket: int, name: str, kept: str) -> None:
        key = await upload(desk, ticket, PNG, name)
        stored = await desk.owner.fetchval("SELECT filename FROM attachments WHERE id = $1", key)
        # What the browser escapes on the way stays harmless text.
        assert stored.replace("%0D%0A", "") == kept
        assert "/" not in stored

    async def test_to_a_ticket_in_the_trash(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        await desk.owner.execute("UPDATE tickets SET deleted_at = now() WHERE id = $1", ticket)
        before = await desk.watermark()
        files = {"file": ("a.txt", b"Never seen before")}
        answer = await administrator.post(f"/admin/ticket/{ticket}/attach", files=files)
        assert answer.status_code == 409
        answer = await administrator.post("/admin/attachment/create", {"ticket": str(ticket)}, files=files)
        assert answer.status_code == 400
        assert await desk.watermark() == before

    async def test_by_who_may_only_look(self, desk: Desk, ticket: int) -> None:
        auditor = await desk.visitor("auditor")
        await auditor.token()
        before = await desk.watermark()
        files = {"file": ("a.txt", b"Never seen before")}
        for url in (f"/admin/ticket/{ticket}/attach", "/admin/attachment/create"):
            assert (await auditor.post(url, {"ticket": str(ticket)}, files=files)).status_code == 403
        assert await desk.watermark() == before


class TestDownloading:
    @pytest.mark.parametrize(
        ("content", "name", "declared", "shown_as"),
        [
            (PNG, "photo.png", "image/png", "image/png"),
            (PNG, "photo.html", "text/html", "image/png"),
            (HTML, "page.html", "text/html", None),
            (HTML, "photo.png", "image/png", None),
            (SVG, "drawing.svg", "image/svg+xml", None),
            (b"GIF89a" + HTML, "both.gif", "image/gif", "image/gif"),
            (b"%PDF-1.7", "paper.pdf", "application/pdf", None),
            (b"Hello", "a.txt", "text/plain", None),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_is_safe_whatever_it_holds(
        self,
        desk: Desk,
        administrator: Visitor,
        ticket: int,
        content: bytes,
        name: str,
        declared: str,
        shown_as: str | None,
    ) -> None:
        key = await upload(desk, ticket, content, name, declared)
        plain, inline = await download(administrator, key), await download(administrator, key, "?inline=1")
        for answer in (plain, inline):
            assert answer.content == content
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["cache-control"].startswith("private")
        assert plain.headers["content-type"] == "application/octet-stream"
        assert plain.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert inline.headers["content-type"] == (shown_as or "application/octet-stream")
        place = "inline" if shown_as else "attachment"
        assert inline.headers["content-disposition"] == f'{place}; filename="{name}"'

    async def test_under_a_name_in_any_script(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        key = await upload(desk, ticket, PNG, "Привет “x”.png")
        answer = await download(administrator, key)
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith('attachment; filename="')
        assert (
            "filename*=UTF-8''%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82%20%E2%80%9Cx%E2%80%9D.png" in disposition
        )

    async def test_a_part_of_it(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        key = await upload(desk, ticket, PNG)
        url = f"/admin/attachment/{key}/download"
        part = await administrator.get(url, headers={"Range": "bytes=0-7"})
        assert (part.status_code, part.content) == (206, PNG[:8])
        for asked in ("bytes=9999-", "bytes=x", "lines=1-2", "bytes=" + "0-1," * 500):
            answer = await administrator.get(url, headers={"Range": asked})
            assert answer.status_code in {200, 206, 400, 416}
            assert answer.headers["x-content-type-options"] == "nosniff"

    async def test_whose_bytes_are_gone(self, desk: Desk, administrator: Visitor, ticket: int) -> None:
        key = await upload(desk, ticket, b"Soon gone")
        sha256 = await desk.owner.fetchval("SELECT sha256 FROM attachments WHERE id = $1", key)
        FileStore(desk.settings.attachments_dir).delete(sha256)
        answer = await download(administrator, key)
        assert answer.status_code == 404
        assert "The content of this file is missing." in main_of(answer)

    async def test_by_a_stranger(self, desk: Desk, ticket: int) -> None:
        key = await upload(desk, ticket)
        for role in ("nobody", "customer"):
            answer = await download(await desk.visitor(role), key)
            assert (answer.status_code, answer.content) == (303, b"")
        assert (await download(await desk.visitor("no group"), key)).status_code == 403

    @pytest.mark.parametrize("key", ["abc", "0", "999999", "..%2F..%2Fsecret_key", "1%00"])
    async def test_that_there_is_not(self, administrator: Visitor, key: str) -> None:
        answer = await administrator.get(f"/admin/attachment/{key}/download")
        assert answer.status_code in {400, 404}


class TestStore:
    async def test_equal_files_share_their_bytes(self, desk: Desk, ticket: int) -> None:
        content = b"The same in every copy"
        before = len(desk.files())
        keys = [await upload(desk, ticket, content, f"copy{number}.txt") for number in range(3)]
        assert len(desk.files()) == before + 1
        rows = await desk.owner.fetch("SELECT sha256 FROM attachments WHERE id = ANY($1)", keys)
        assert len({row["sha256"] for row in rows}) == 1

    async def test_files_lie_outside_of_what_is_served(self, desk: Desk, ticket: int) -> None:
        await upload(desk, ticket)
        folder = desk.settings.attachments_dir
        assert folder.stat().st_mode & 0o077 == 0
        assert not folder.is_relative_to(Path(__file__).parents[2])

    async def test_a_purge_takes_the_bytes_that_nobody_needs(
        self, desk: Desk, administrator: Visitor, ticket: int
    ) -> None:
        shared, alone = b"Shared with another", b"Needed by this one alone"
        keys = [await upload(desk, ticket, content) for content in (shared, alone)]
        async with transaction(desk.factory, arranging()) as session:
            other = await make_ticket(session)
        await upload(desk, other.id, shared)
        hashes = await self._hashes(desk, keys)
        self._age(desk)
        form = {"pks": [str(key) for key in keys], "confirm": "1", "word": "DELETE"}
        assert (await administrator.post("/admin/attachment/bulk/trash", form)).status_code == 303
        assert (await download(administrator, keys[1])).content == alone
        assert (await administrator.post("/admin/attachment/bulk/purge", form)).status_code == 303
        await asyncio.sleep(0)
        assert hashes[0] in desk.files()
        assert hashes[1] not in desk.files()

    async def test_a_purged_ticket_takes_its_files_along(
        self, desk: Desk, administrator: Visitor, ticket: int
    ) -> None:
        key = await upload(desk, ticket, b"Goes with its ticket")
        (sha256,) = await self._hashes(desk, [key])
        self._age(desk)
        form = {"pks": str(ticket), "confirm": "1", "word": "DELETE"}
        await administrator.post("/admin/ticket/bulk/trash", form)
        await administrator.post("/admin/ticket/bulk/purge", form)
        assert sha256 not in desk.files()
        assert (await download(administrator, key)).status_code == 404

    async def _hashes(self, desk: Desk, keys: list[int]) -> list[str]:
        rows = await desk.owner.fetch("SELECT sha256 FROM attachments WHERE id = ANY($1) ORDER BY id", keys)
        return [row["sha256"] for row in rows]

    def _age(self, desk: Desk) -> None:
        """Make all files old enough to be taken: what was saved just now may belong to an open request."""
        for path in desk.settings.attachments_dir.rglob("*"):
            if path.is_file():
                os.utime(path, (1, 1))


class TestRenaming:
    async def test_changes_the_name_alone(self, desk: Desk, ticket: int) -> None:
        agent, key = await desk.visitor("agent"), await upload(desk, ticket)
        form = await open_form(agent.client, f"/admin/attachment/edit/{key}")
        before = await desk.owner.fetchrow("SELECT * FROM attachments WHERE id = $1", key)
        assert before is not None
        answer = await form.send(filename="invoice.png", content_type="text/html", sha256="0" * 64)
        assert answer.status_code == 303
        after = await desk.owner.fetchrow("SELECT * FROM attachments WHERE id = $1", key)
        assert after is not None
        changed = {name for name in after.keys() if after[name] != before[name]}  # noqa: SIM118 - a record
        assert changed == {"filename", "updated_at"}

    @pytest.mark.parametrize("name", ["../x", "a/b", "a\r\nb", "\u202egnp.exe"])
    async def test_to_a_name_with_tricks(self, desk: Desk, ticket: int, name: str) -> None:
        administrator, key = await desk.visitor("administrator"), await upload(desk, ticket)
        form = await open_form(administrator.client, f"/admin/attachment/edit/{key}")
        await form.send(filename=name)
        answer = await download(administrator, key)
        assert answer.status_code == 200
        disposition = answer.headers["content-disposition"]
        assert not {"/", "\\", "\r", "\n"} & set(disposition.partition("filename=")[2])
        assert "%E2%80%AE" not in disposition
