import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from backoffice.admin import listing
from backoffice.admin.security import CONTENT_SECURITY_POLICY
from backoffice.database import transaction
from tests.admin.desk import Desk, Visitor, hidden_in
from tests.admin.records import Records, make_records
from tests.factories import arranging, make_attachment, make_comment, make_tag, make_ticket, make_user

OURS = Path(listing.__file__).parent
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onmouseover=\"alert(1)' style='color:red"


@pytest.fixture(scope="module")
async def records(desk: Desk) -> Records:
    return await make_records(desk)


class TestToken:
    """The token that every change must carry, and that is worth nothing in another browser."""

    async def _tried(self, desk: Desk, visitor: Visitor, records: Records, **sent: Any) -> Response:
        form = {"pks": str(records["ticket"]), "priority": "urgent", "confirm": "1", **sent.pop("form", {})}
        before = await desk.watermark()
        answer = await visitor.client.post("/admin/ticket/bulk/set-priority", data=form, **sent)
        if answer.status_code != 303:
            assert await desk.watermark() == before
        return answer

    async def test_none(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        answer = await self._tried(desk, visitor, records)
        assert answer.status_code == 403
        assert "what you typed is still there" in answer.text

    @pytest.mark.parametrize("token", ["", "wrong", "ü", "null", "0"])
    async def test_a_wrong_one(self, desk: Desk, records: Records, token: str) -> None:
        visitor = await desk.visitor("administrator")
        answer = await self._tried(desk, visitor, records, form={"csrf_token": token})
        assert answer.status_code == 403

    async def test_another_browsers(self, desk: Desk, records: Records) -> None:
        visitor, other = await desk.visitor("administrator"), await desk.visitor("supervisor")
        answer = await self._tried(desk, visitor, records, form={"csrf_token": await other.token()})
        assert answer.status_code == 403

    async def test_in_the_address(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        answer = await self._tried(desk, visitor, records, params={"csrf_token": await visitor.token()})
        assert answer.status_code == 403

    async def test_as_a_file(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        token = {"csrf_token": ("token", (await visitor.token()).encode())}
        answer = await self._tried(desk, visitor, records, files=token)
        assert answer.status_code == 403

    async def test_without_the_cookie_that_it_came_with(self, desk: Desk, records: Records) -> None:
        visitor = await desk.newcomer("administrator")
        token = await visitor.token()
        visitor.client.cookies.clear()
        answer = await self._tried(desk, visitor, records, form={"csrf_token": token})
        assert answer.status_code == 403

    async def test_in_a_session_that_has_expired(self, desk: Desk, records: Records) -> None:
        visitor = await desk.newcomer("administrator")
        token = await visitor.token()
        await desk.owner.execute(
            "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1", visitor.id
        )
        answer = await visitor.post(f"/admin/ticket/{records['ticket']}/reply", {"content": "Hello"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        answer = await visitor.client.post(
            f"/admin/ticket/{records['ticket']}/reply", headers={"X-CSRF-Token": token}
        )
        assert (answer.status_code, answer.json()) == (401, {"error": "Sign in again."})

    async def test_as_scripts_send_it(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        headers = {"X-CSRF-Token": await visitor.token()}
        assert (await self._tried(desk, visitor, records, headers=headers)).status_code == 303

    async def test_a_script_gets_its_refusal_as_json(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        answer = await self._tried(desk, visitor, records, headers={"X-CSRF-Token": "wrong"})
        assert answer.status_code == 403
        assert "did not come from here" in answer.json()["error"]


class TestHeaders:
    """What every answer says to the browser, of whatever kind it is."""

    async def _check(self, answer: Response, status: int, *, policy: str = CONTENT_SECURITY_POLICY) -> None:
        assert answer.status_code == status
        assert answer.headers["content-security-policy"] == policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert "strict-transport-security" not in answer.headers

    @pytest.mark.parametrize(
        ("url", "status"),
        [
            ("/", 307),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/nonsense", 404),
            ("/admin/", 200),
            ("/admin/login", 303),
            ("/admin/ticket/list", 200),
            ("/admin/ticket/list?page=x", 400),
            ("/admin/ticket/details/abc", 404),
            ("/admin/ticket/ajax/lookup?name=assignee", 200),
            ("/admin/ticket/ajax/lookup?name=nothing", 404),
            ("/admin/operation/create", 403),
            ("/admin/nonsense", 404),
            ("/admin/static/nonsense.js", 404),
            ("/admin", 307),
        ],
    )
    async def test_of_what_is_asked_for(self, desk: Desk, url: str, status: int) -> None:
        answer = await (await desk.visitor("administrator")).get(url)
        await self._check(answer, status)
        assert answer.headers["cache-control"] == "no-store"

    async def test_of_the_sign_in(self, desk: Desk) -> None:
        nobody = await desk.visitor("nobody")
        await self._check(await nobody.get("/admin/login"), 200)
        await self._check(await nobody.get("/admin/ticket/list"), 303)
        await self._check(await nobody.post("/admin/login"), 400)

    async def test_of_changes(self, desk: Desk, records: Records) -> None:
        visitor = await desk.visitor("administrator")
        url, form = "/admin/ticket/bulk/set-status", {"pks": str(records["ticket"]), "status": "closed"}
        await self._check(await visitor.client.post(url), 403)
        await self._check(await visitor.post(url), 400)
        await self._check(await visitor.post(url, form), 200)
        await self._check(await visitor.post(url, {**form, "confirm": "1"}), 303)
        await self._check(await visitor.post(url, {"text": "x" * 3_000_000}), 413)

    @pytest.mark.parametrize("url", ["/admin/static/backoffice.css", "/admin/statics/css/tabler.min.css"])
    async def test_of_static_files(self, desk: Desk, url: str) -> None:
        answer = await (await desk.visitor("nobody")).get(url)
        await self._check(answer, 200)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"

    async def test_of_a_download(self, desk: Desk, records: Records) -> None:
        answer = await (await desk.visitor("agent")).get(
            f"/admin/attachment/{records['attachment']}/download"
        )
        await self._check(answer, 200, policy="default-src 'none'; sandbox")
        assert answer.headers["cache-control"].startswith("private")

    async def test_of_what_nobody_expected(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("SELECT password_hash FROM users")

        monkeypatch.setattr(type(desk.app.state.site.view("tag")), "search", fail)
        visitor = await desk.visitor("administrator")
        answer = await visitor.get("/admin/tag/list?search=x")
        await self._check(answer, 500)
        assert "Something went wrong" in answer.text
        assert re.search(r"<code>[0-9a-f]{32}</code>", answer.text)
        assert "SELECT" not in answer.text
        assert "RuntimeError" not in answer.text
        script = await visitor.get("/admin/tag/list?search=x", headers={"Accept": "application/json"})
        await self._check(script, 500)
        assert "SELECT" not in script.text

    async def test_tls_is_asked_for_where_it_is_there(self, desk: Desk) -> None:
        visitor = await desk.browser(scheme="https")
        assert (await visitor.get("/admin/login")).headers["strict-transport-security"] == "max-age=31536000"

    def test_the_policy_lets_nothing_in(self) -> None:
        rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))
        assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
        assert not re.search(r"unsafe|\*|https?:|nonce", CONTENT_SECURITY_POLICY)


class _Inspector(HTMLParser):
    """Notes what a page must not hold: code of its own, and anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in {"style", "base", "iframe", "object", "embed"} or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            if name.startswith("on") or name in {"style", "srcdoc"}:
                self.found.append(f"{tag} {name}={value}")
            if name in {"href", "src", "action", "formaction"} and not self._is_ours(value or ""):
                self.found.append(f"{tag} {name}={value}")

    @staticmethod
    def _is_ours(url: str) -> bool:
        return bool(re.match(r"/admin/|#|\?|$", url))


def inspected(answer: Response) -> list[str]:
    inspector = _Inspector()
    inspector.feed(answer.text)
    return inspector.found


class TestNoCodeInPages:
    """No inline script, style or handler, whatever people have typed."""

    @pytest.fixture(scope="class")
    async def hostile(self, desk: Desk) -> dict[str, Any]:
        """A record of each page that is called what an attacker would call it."""
        change = arranging(verb=HOSTILE[:90], selection=HOSTILE, reason=HOSTILE)
        async with transaction(desk.factory, change) as session:
            person = await make_user(session, full_name=HOSTILE, email='"<script>"@example.com')
            ticket = await make_ticket(session, title=HOSTILE, description=HOSTILE, creator_id=person.id)
            comment = await make_comment(session, ticket=ticket, content=HOSTILE)
            tag = await make_tag(session, name=HOSTILE[:50], description=HOSTILE)
            attachment = await make_attachment(session, ticket=ticket, filename=HOSTILE)
        await desk.owner.execute("INSERT INTO ticket_tags VALUES ($1, $2)", ticket.id, tag.id)
        await desk.owner.execute("INSERT INTO groups (name) VALUES ($1)", HOSTILE)
        return {
            "ticket": ticket.id,
            "comment": comment.id,
            "attachment": attachment.id,
            "tag": tag.id,
            "user": person.id,
            "group": await desk.group_id(HOSTILE),
            "operation": change.operation_id,
            "audit-log": await desk.owner.fetchval(
                "SELECT max(id) FROM audit_logs WHERE table_name <> 'operations'"
            ),
        }

    async def test_pages(self, desk: Desk, hostile: dict[str, Any]) -> None:
        visitor = await desk.newcomer("administrator", full_name=HOSTILE)
        urls = [f"/admin/{page}/{kind}" for page in hostile for kind in ("list", "create")]
        urls += [
            f"/admin/{page}/{kind}/{key}" for page, key in hostile.items() for kind in ("details", "edit")
        ]
        urls += ["/admin/", "/admin/account", "/admin/nonsense", "/admin/ticket/list?trash=only"]
        urls += [f"/admin/{page}/list?search={HOSTILE}&page={HOSTILE}" for page in hostile]
        urls += [f"/admin/user/details/{HOSTILE.replace('/', '')}", f"/admin/{HOSTILE.replace('/', '')}/list"]
        for url in urls:
            answer = await visitor.get(url)
            assert answer.status_code in {200, 400, 403, 404}, url
            assert inspected(answer) == [], url

    async def test_answers_to_forms(self, desk: Desk, hostile: dict[str, Any]) -> None:
        visitor = await desk.newcomer("administrator")
        for page, key in hostile.items():
            for url in (f"/admin/{page}/create", f"/admin/{page}/edit/{key}"):
                form = dict.fromkeys(["title", "name", "content", "email", "full_name", "filename"], HOSTILE)
                assert inspected(await visitor.post(url, form)) == [], url
        for verb in ("trash", "add-tags", "assign"):
            url = f"/admin/ticket/bulk/{verb}?search={HOSTILE}"
            form = {"pks": str(hostile["ticket"]), "tags": str(hostile["tag"]), "reason": HOSTILE}
            assert inspected(await visitor.post(url, form)) == []
            assert inspected(await visitor.post(url, {**form, "scope": "all"})) == []

    async def test_messages(self, desk: Desk, hostile: dict[str, Any]) -> None:
        visitor = await desk.newcomer("administrator")
        form = {"pks": str(hostile["ticket"]), "status": "closed", "confirm": "1", "reason": HOSTILE}
        assert (await visitor.post("/admin/ticket/bulk/set-status", form)).status_code == 303
        answer = await visitor.get("/admin/ticket/list")
        assert "data-flash" in answer.text
        assert inspected(answer) == []
        fields = {"file": (HOSTILE, b"x", "text/html")}
        assert (
            await visitor.post(f"/admin/ticket/{hostile['ticket']}/attach", files=fields)
        ).status_code == 303
        assert inspected(await visitor.get(f"/admin/ticket/details/{hostile['ticket']}")) == []

    async def test_the_conflict_page(self, desk: Desk, hostile: dict[str, Any]) -> None:
        visitor, url = await desk.newcomer("administrator"), f"/admin/comment/edit/{hostile['comment']}"
        page = await visitor.get(url)
        hidden = {name: values[0] for name, values in hidden_in(page.text).items()}
        await desk.owner.execute(
            "UPDATE comments SET content = $2 WHERE id = $1", hostile["comment"], f"{HOSTILE}!"
        )
        form = {**hidden, "content": f"{HOSTILE}?", "ticket": str(hostile["ticket"])}
        answer = await visitor.post(url, form)
        assert answer.status_code == 409
        assert inspected(answer) == []

    async def test_the_sign_in(self, desk: Desk) -> None:
        nobody = await desk.browser()
        for answer in (
            await nobody.get("/admin/login", params={"next": f"/admin/{HOSTILE}"}),
            await nobody.post("/admin/login", {"username": HOSTILE, "next": f"/admin/{HOSTILE}"}),
            await nobody.get("/admin/nonsense"),
        ):
            assert inspected(answer) == []

    def test_this_inspection_finds_something(self) -> None:
        page = '<p style="x"><script>1</script><a href="//evil" onclick="x"><a href="javascript:x"><style>'
        inspector = _Inspector()
        inspector.feed(page)
        assert len(inspector.found) == 6

    @pytest.mark.parametrize("path", sorted(OURS.glob("static/*")), ids=lambda path: path.name)
    def test_static_files(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|document\.write", text)
        assert not re.search(r"setTimeout\(['\"]|url\(['\"]?(?!data:)(?:https?:)?//|@import", text)
        if path.suffix == ".svg":
            assert not re.search(r"<script|<style|\son\w+=|style=|href=", text)
