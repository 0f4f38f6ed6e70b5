import re
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import Response

from models import User
from tests.admin.desk import PASSWORD, Desk, Visitor, csrf_token_in

COOKIE = "backoffice_session"
Spoil = Callable[[Desk, Visitor], Awaitable[object]]


@pytest.fixture
async def person(desk: Desk) -> User:
    return await desk.make_member("Agents")


async def is_signed_in(visitor: Visitor) -> bool:
    return (await visitor.get("/admin/account")).status_code == 200


async def from_address(desk: Desk, address: str) -> Visitor:
    return await desk.browser(client=(address, 5000))


class TestSigningIn:
    async def test_with_the_right_password(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        answer = await visitor.sign_in(f"  {person.email.upper()} ")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")
        assert person.full_name in (await visitor.get("/admin/")).text
        entry = await desk.owner.fetchrow("SELECT * FROM audit_logs WHERE action = 'LOGIN' ORDER BY id DESC")
        assert entry is not None
        assert (entry["user_id"], entry["record_id"], str(entry["address"])) == (
            person.id,
            person.id,
            "127.0.0.1",
        )

    async def test_who_is_signed_in_goes_on(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        answer = await visitor.get("/admin/login?next=/admin/tag/list")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/tag/list")

    async def test_the_same_answer_whatever_was_wrong(self, desk: Desk) -> None:
        states = [{}, {"is_active": False}, {"is_staff": False}, {"password_hash": ""}]
        people = [await desk.make_member("Agents", **fields) for fields in states]
        names = ["unknown@example.com", *(person.email for person in people)]
        visitor, pages = await from_address(desk, "192.0.2.1"), []
        for name, password in zip(names, ["wrong", "wrong", PASSWORD, PASSWORD, ""], strict=True):
            answer = await visitor.sign_in(name, password)
            assert answer.status_code == 400
            pages.append(answer.text.replace(name, "NAME"))
        assert len(set(pages)) == 1
        assert "do not go together" in pages[0]

    async def test_what_was_typed_stays_but_for_the_password(self, desk: Desk, person: User) -> None:
        visitor = await from_address(desk, "192.0.2.2")
        answer = await visitor.sign_in(person.email, "the wrong password", next="/admin/tag/list")
        assert f'value="{person.email}"' in answer.text
        assert 'name="next" value="/admin/tag/list"' in answer.text
        assert "the wrong password" not in answer.text

    async def test_a_failure_is_in_the_history_without_the_password(self, desk: Desk, person: User) -> None:
        visitor = await from_address(desk, "192.0.2.3")
        await visitor.sign_in(person.email, "the wrong password")
        entry = await desk.owner.fetchrow(
            "SELECT * FROM audit_logs WHERE action = 'LOGIN_FAILED' ORDER BY id DESC"
        )
        assert entry is not None
        assert (entry["record_id"], entry["user_id"], str(entry["address"])) == (person.id, None, "192.0.2.3")
        assert "the wrong password" not in str(entry)

    @pytest.mark.parametrize("field", ["username", "password"])
    async def test_a_field_is_missing(self, desk: Desk, field: str) -> None:
        visitor = await from_address(desk, "192.0.2.4")
        answer = await visitor.post("/admin/login", {field: "somebody@example.com"})
        assert answer.status_code == 400
        assert "do not go together" in answer.text

    @pytest.mark.parametrize("field", ["username", "password", "next"])
    @pytest.mark.parametrize(
        "text", ["\x00", "x" * 100_000, "\ud83d".encode("utf-16", "surrogatepass"), "ﷺ" * 999]
    )
    async def test_a_field_is_odd(self, desk: Desk, field: str, text: Any) -> None:
        visitor = await from_address(desk, f"192.0.2.{len(text) % 250}")
        answer = await visitor.post(
            "/admin/login", {"username": "a@example.com", "password": "x", field: text}
        )
        assert answer.status_code in {400, 429}


class TestThrottle:
    async def test_an_account_that_is_guessed_at(self, desk: Desk, person: User) -> None:
        visitor = await from_address(desk, "198.51.100.1")
        for _ in range(6):
            answer = await visitor.sign_in(person.email, "wrong")
            if answer.status_code == 429:
                break
        for password in ("wrong", PASSWORD):
            answer = await visitor.sign_in(person.email, password)
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert "Too many attempts. Try again in" in answer.text
            assert f'value="{person.email}"' in answer.text
        assert not await is_signed_in(visitor)
        await self._wait(desk)
        assert (await visitor.sign_in(person.email)).status_code == 303

    async def test_from_wherever_it_is_guessed_at(self, desk: Desk, person: User) -> None:
        for number in range(6):
            await (await from_address(desk, f"198.51.100.{10 + number}")).sign_in(person.email, "wrong")
        answer = await (await from_address(desk, "198.51.100.30")).sign_in(person.email)
        assert answer.status_code == 429

    async def test_an_address_that_guesses(self, desk: Desk, person: User) -> None:
        visitor = await from_address(desk, "198.51.100.40")
        answers = [await visitor.sign_in(f"guess{number}@example.com", "wrong") for number in range(21)]
        assert {answer.status_code for answer in answers[:20]} == {400}
        assert (await visitor.sign_in(person.email)).status_code == 429
        assert (await (await from_address(desk, "198.51.100.41")).sign_in(person.email)).status_code == 303

    async def test_unknown_accounts_are_throttled_alike(self, desk: Desk) -> None:
        visitor = await from_address(desk, "198.51.100.50")
        answers = [await visitor.sign_in("nobody.there@example.com", "wrong") for _ in range(8)]
        assert answers[-1].status_code == 429

    async def _wait(self, desk: Desk) -> None:
        await desk.owner.execute("UPDATE login_throttles SET last_failed_at = now() - interval '1 hour'")


class TestNext:
    """After the sign-in one goes on to where one wanted to go, but nowhere else."""

    async def test_is_kept(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        url = "/admin/ticket/list?status=open&search=a+b%26c"
        asked = await visitor.get(url)
        assert asked.status_code == 303
        page = await visitor.get(asked.headers["location"])
        found = re.search(r'name="next" value="([^"]*)"', page.text)
        assert found is not None
        answer = await visitor.sign_in(person.email, next=found[1].replace("&amp;", "&"))
        assert answer.headers["location"] == url

    @pytest.mark.parametrize(
        "url",
        [
            "//evil.example/admin/",
            "https://evil.example/admin/",
            "http:/admin/",
            "///evil.example/admin/",
            "\\\\evil.example/admin/",
            "/\\evil.example/admin/",
            "/admin/\\..\\..",
            "/admin/../..",
            "/admin/../../evil",
            "/admin/%2e%2e/evil",
            "/admin/.%2E/evil",
            "/administer/",
            "/admin",
            "javascript:alert(1)//admin/",
            "/admin/\r\nSet-Cookie: a=b",
            "/\t/evil.example/admin/",
            "http://[/admin/",
            "//[evil",
            "?next=/admin/",
            "",
        ],
    )
    async def test_elsewhere_is_refused(self, desk: Desk, person: User, url: str) -> None:
        visitor = await desk.browser()
        page = await visitor.get("/admin/login", params={"next": url})
        assert 'name="next" value="/admin/"' in page.text
        answer = await visitor.sign_in(person.email, next=url)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")
        again = await visitor.get("/admin/login", params={"next": url})
        assert (again.status_code, again.headers["location"]) == (303, "/admin/")


class TestSession:
    async def test_cookie_and_token_are_renewed(self, desk: Desk, person: User) -> None:
        """Whoever planted a cookie before the sign-in, or knew its token, holds nothing after it."""
        visitor = await desk.browser()
        planted = csrf_token_in((await visitor.get("/admin/login")).text)
        before = visitor.client.cookies[COOKIE]
        await visitor.sign_in(person.email)
        assert visitor.client.cookies[COOKIE] != before
        assert await visitor.token() != planted
        answer = await visitor.client.post("/admin/account", data={"csrf_token": planted})
        assert answer.status_code == 403
        thief = await desk.browser()
        thief.client.cookies.set(COOKIE, before)
        assert not await is_signed_in(thief)

    async def test_each_sign_in_has_its_own(self, desk: Desk, person: User) -> None:
        one, other = await desk.browser(), await desk.browser()
        for visitor in (one, other):
            await visitor.sign_in(person.email)
        assert await one.token() != await other.token()
        await one.post("/admin/logout")
        assert not await is_signed_in(one)
        assert await is_signed_in(other)

    @pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True)])
    async def test_what_the_cookie_says(self, desk: Desk, person: User, scheme: str, is_secure: bool) -> None:
        visitor = await desk.browser(scheme=scheme)
        answer = await visitor.sign_in(person.email)
        attributes = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]]
        assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= set(attributes)
        assert ("secure" in attributes) == is_secure
        assert not any(attribute.startswith("domain") for attribute in attributes)

    async def test_the_database_ends_it_after_twelve_hours(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        lasts = "SELECT extract(epoch FROM expires_at - created_at) FROM sessions WHERE user_id = $1"
        assert await desk.owner.fetchval(lasts, person.id) == 12 * 3600
        shorten = "UPDATE sessions SET expires_at = now() WHERE user_id = $1"
        await desk.owner.execute(shorten, person.id)
        assert not await is_signed_in(visitor)

    async def test_the_secret_is_not_kept(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        payload = b64decode(visitor.client.cookies[COOKIE].split(".")[0]).decode()
        found = re.search(r'"token": "([^"]+)"', payload)
        assert found is not None
        stored = await desk.owner.fetch(
            "SELECT s::text FROM sessions s UNION ALL SELECT l::text FROM audit_logs l"
        )
        assert not any(found[1] in row[0] for row in stored)

    async def test_a_forged_cookie(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        payload, _, signature = visitor.client.cookies[COOKIE].partition(".")
        forged = b64encode(b64decode(payload).replace(b'"csrf"', b'"crsf"')).decode()
        for cookie in (
            f"{forged}.{signature}",
            payload,
            f"{payload}.x.y",
            "x",
            "%00",
            "null",
            "a.b.c",
            "é" * 9,
        ):
            thief = await desk.browser()
            answer = await thief.get("/admin/account", headers={"Cookie": f"{COOKIE}={cookie}".encode()})
            assert answer.status_code == 303, cookie


class TestSigningOut:
    async def test_by_post(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        kept = visitor.client.cookies[COOKIE]
        answer = await visitor.post("/admin/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        assert not await is_signed_in(visitor)
        assert not await desk.owner.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1", person.id)
        entry = await desk.owner.fetchrow("SELECT * FROM audit_logs WHERE action = 'LOGOUT' ORDER BY id DESC")
        assert entry is not None
        assert entry["user_id"] == person.id
        # The cookie itself lives on; what it holds is worth nothing.
        visitor.client.cookies.set(COOKIE, kept)
        assert not await is_signed_in(visitor)

    async def test_not_by_a_link(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        assert (await visitor.get("/admin/logout")).status_code == 404
        assert await is_signed_in(visitor)

    async def test_without_having_been_signed_in(self, desk: Desk) -> None:
        answer = await (await desk.browser()).post("/admin/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")


class TestAtOnceEverywhere:
    """What is taken away counts from the next request on, in every browser."""

    @pytest.mark.parametrize(
        "form", [{"is_active": None}, {"is_staff": None}, {"password": "a better harbour 77"}]
    )
    async def test_signed_out(self, desk: Desk, person: User, form: dict[str, str | None]) -> None:
        browsers = [await desk.browser(), await desk.browser()]
        for visitor in browsers:
            await visitor.sign_in(person.email)
        answer = await edit_person(desk, person.id, form)
        assert answer.status_code == 303, answer.text
        for visitor in browsers:
            assert not await is_signed_in(visitor)
        assert not await desk.owner.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1", person.id)

    async def test_deactivated_behind_our_back(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        await desk.owner.execute("UPDATE users SET is_active = false WHERE id = $1", person.id)
        assert not await is_signed_in(visitor)

    async def test_in_another_group(self, desk: Desk, person: User) -> None:
        visitor = await desk.browser()
        await visitor.sign_in(person.email)
        assert (await visitor.get("/admin/audit-log/list")).status_code == 403
        auditors = str(await desk.group_id("Auditors"))
        assert (await edit_person(desk, person.id, {"groups": auditors})).status_code == 303
        assert (await visitor.get("/admin/audit-log/list")).status_code == 200
        assert (await visitor.get("/admin/ticket/create")).status_code == 403

    async def test_a_group_that_lost_a_grant(self, desk: Desk) -> None:
        await desk.owner.execute("INSERT INTO groups (name) VALUES ('Readers')")
        group = await desk.group_id("Readers")
        grant = "INSERT INTO group_accesses (group_id, identity, action) VALUES ($1, 'tag', 'list')"
        await desk.owner.execute(grant, group)
        member = await desk.make_member("Readers")
        visitor = await desk.browser()
        await visitor.sign_in(member.email)
        assert (await visitor.get("/admin/tag/list")).status_code == 200
        await desk.owner.execute("DELETE FROM group_accesses WHERE group_id = $1", group)
        assert (await visitor.get("/admin/tag/list")).status_code == 403


async def edit_person(desk: Desk, key: int, changes: dict[str, str | None]) -> Response:
    """Save the form of a person as an administrator, with `changes`; None unticks a box."""
    from tests.admin.page_forms import open_form

    administrator = await desk.visitor("administrator")
    form = await open_form(administrator.client, f"/admin/user/edit/{key}")
    return await form.send(**changes)
