"""Every route, every role, with and without a token: each answers what `doors` says."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from starlette.routing import BaseRoute, Mount, Route

from tests.admin.desk import GROUPS, ROLES, STRANGERS, Desk, Visitor
from tests.admin.doors import DOORS, OPEN, WHO
from tests.admin.records import Records, make_records

SAMPLES: Final = {
    "/admin/static": "/admin/static/backoffice.css",
    "/admin/statics": "/admin/statics/css/tabler.min.css",
}
#: Who takes a file is on record.
TAKEN: Final = ("/export/", ".csv", "/import/report/")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture(scope="module")
async def records(desk: Desk) -> Records:
    return await make_records(desk)


def all_routes(desk: Desk) -> Iterator[str]:
    """`GET /admin/ticket/list` and so on: every route for every page, every verb of its view included."""
    for method, path in _walk(desk.app.routes):
        if "{identity}" not in path:
            yield f"{method} {path}"
            continue
        for view in desk.app.state.site.declared:
            page = path.replace("{identity}", view.identity)
            verbs = [action.slug for action in view.bulk_actions] if "{verb}" in page else [""]
            yield from (f"{method} {page.replace('{verb}', verb)}" for verb in verbs)


def _walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in route.methods or () if method != "HEAD")
        else:
            assert isinstance(route, Mount), f"{route!r} is of a kind that this test does not know"
            assert route.name in {"admin", "static", "statics"}
            below = route.routes
            yield from _walk(below, prefix + route.path) if below else [("GET", prefix + route.path)]


def expected(role: str, key: str) -> int:
    """The status for a request with all that it takes."""
    if key in OPEN:
        return OPEN[key]
    if key in DOORS:
        stranger, staff = DOORS[key]
        return stranger if role in STRANGERS else staff
    who, status, *unknowing = WHO[key]
    if role in STRANGERS:
        return 303
    if role in who.split(", "):
        return status
    return 404 if unknowing and role in str(unknowing[0]).split(", ") else 403


def address(key: str, records: Records) -> str:
    path = key.partition(" ")[2].replace("{format}", "csv")
    if path in SAMPLES:
        return SAMPLES[path]
    if path.endswith("/undo"):
        return path.replace("{pk}", records.undone)
    return path.replace("{pk}", str(records[path.split("/")[2]])) if "{pk}" in path else path


def form_for(key: str, records: Records) -> dict[str, Any]:
    return {"pks": str(records[key.split("/")[2]])} if "/bulk/" in key else {}


class TestTable:
    async def test_every_route_is_declared(self, desk: Desk) -> None:
        assert sorted(all_routes(desk)) == sorted([*WHO, *OPEN, *DOORS])

    def test_every_role_is_known(self) -> None:
        named = {role for who, *_ in WHO.values() for role in who.split(", ") if role}
        assert named == set(GROUPS)


@pytest.mark.parametrize("role", ROLES)
class TestRoles:
    async def test_reading(self, desk: Desk, records: Records, role: str) -> None:
        visitor = await desk.visitor(role)
        keys = [key for key in (*WHO, *OPEN, *DOORS) if key.startswith("GET ")]
        answers = {key: (await visitor.get(address(key, records))).status_code for key in keys}
        assert answers == {key: expected(role, key) for key in keys}
        heads = {key: await visitor.client.head(address(key, records)) for key in keys}
        assert {key: answer.status_code for key, answer in heads.items()} == answers
        assert not any(answer.content for answer in heads.values())

    async def test_changing_with_a_token(self, desk: Desk, records: Records, role: str) -> None:
        visitor = await desk.visitor(role)
        keys = [key for key in WHO if key.startswith("POST ")]
        answers = {}
        for key in keys:
            answer = await visitor.post(address(key, records), form_for(key, records))
            answers[key] = answer.status_code
            assert role not in STRANGERS or answer.headers["location"] == "/admin/login"
        assert answers == {key: expected(role, key) for key in keys}

    async def test_changing_without_a_token(self, desk: Desk, records: Records, role: str) -> None:
        visitor = await desk.visitor(role)
        keys = [key for key in (*WHO, *DOORS) if key.startswith("POST ")]
        before = await desk.watermark()
        for key in keys:
            answer = await visitor.client.post(address(key, records), data=form_for(key, records))
            assert answer.status_code == 403, key
            assert "did not come from here" in answer.text
        assert await desk.watermark() == before

    async def test_signing_in_and_out(self, desk: Desk, role: str) -> None:
        visitor = await desk.newcomer(role)
        for key in ("POST /admin/login", "POST /admin/logout"):
            answer = await visitor.post(key.partition(" ")[2], {"username": f"{role}@example.com"})
            assert answer.status_code == expected(role, key), key


@pytest.mark.parametrize("role", ["nobody", "administrator"])
async def test_no_other_method_is_answered(desk: Desk, records: Records, role: str) -> None:
    visitor = await desk.visitor(role)
    known: dict[str, set[str]] = {}
    for key in (*WHO, *DOORS):
        known.setdefault(address(key, records), set()).add(key.partition(" ")[0])
    for url, methods in known.items():
        # What the pages share is tried on one of them.
        if url.startswith("/admin/ticket") or url.count("/") != 4:
            for method in set(METHODS) - methods:
                answer = await visitor.client.request(method, url, headers=await _token(visitor))
                assert answer.status_code == 404, f"{method} {url}"


class TestNotFromSqladmin:
    """What SQLAdmin routes, and we do not: nobody reaches it, whatever they may do."""

    @pytest.mark.parametrize(
        "url",
        [
            "/admin/ticket/delete?pks={ticket}",
            "/admin/ticket/export/json",
            "/admin/ticket/import",
            "/admin/ticket/import/preview",
            "/admin/ticket/action/trash?pks={ticket}",
            "/admin/ticket/action/delete",
            "/admin/ticket/{ticket}/title/download/",
            "/admin/ticket/{ticket}/title/preview/",
            "/admin/attachment/{attachment}/filename/download/",
            "/admin/ticket/inline-edit/{ticket}",
            "/admin/ticket/details/{ticket}/more",
            "/admin/ticket/edit/{ticket}/more",
            "/admin/ajax/lookup",
            "/admin/logout",
            "/admin/session/list",
            "/admin/login-throttle/list",
            "/admin/group-access/list",
        ],
    )
    async def test_is_not_there(self, desk: Desk, records: Records, url: str) -> None:
        administrator = await desk.visitor("administrator")
        url = url.format(**{name.replace("-", "_"): key for name, key in records.keys.items()})
        before = await desk.watermark()
        for method in ("GET", "POST", "DELETE"):
            if (method, url) == ("POST", "/admin/logout"):
                continue
            answer = await administrator.client.request(method, url, headers=await _token(administrator))
            assert answer.status_code == 404, method
            assert "There is no such page" in answer.text or "error" in answer.json()
        assert await desk.watermark() == before

    async def test_its_own_handlers_are_in_no_route(self, desk: Desk) -> None:
        routes = desk.app.state.site.admin.router.routes
        endpoints = [route.endpoint for route in routes if isinstance(route, Route)]
        assert {endpoint.__module__ for endpoint in endpoints} == {"backoffice.admin.edge"}


class TestReading:
    async def test_nothing_is_written(self, desk: Desk, records: Records) -> None:
        administrator = await desk.visitor("administrator")
        await administrator.token()
        before = await desk.watermark()
        keys = [
            key
            for key in (*WHO, *OPEN, *DOORS)
            if key.startswith("GET ") and not any(part in key for part in TAKEN)
        ]
        for key in keys:
            await administrator.get(address(key, records))
            assert await desk.watermark() == before, key


async def _token(visitor: Visitor) -> dict[str, str]:
    return {"X-CSRF-Token": await visitor.token(), "Accept": "text/html"}
