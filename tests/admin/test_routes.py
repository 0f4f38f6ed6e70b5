"""Every route, every role, with and without a token: what each answers, written down by hand.

`WHO` is the table "Who may" of the design, page by page; nothing in it is worked out from the code, and
a route that it does not name fails the test.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from starlette.routing import BaseRoute, Mount, Route

from tests.admin.desk import GROUPS, ROLES, STRANGERS, Desk, Visitor
from tests.admin.records import Records, make_records

EVERYBODY: Final = "no group, agent, supervisor, auditor, administrator"
STAFF: Final = "agent, supervisor, auditor, administrator"
DESK: Final = "agent, supervisor, administrator"
BOSSES: Final = "supervisor, administrator"
OVERSEERS: Final = "auditor, administrator"
EXPORTERS: Final = "supervisor, auditor, administrator"
ADMIN: Final = "administrator"
NOBODY: Final = ""

#: Who may, and what they are answered; other staff gets 403, but who stands third 404; strangers the sign-in.
Rule = tuple[str, int] | tuple[str, int, str]

WHO: Final[Mapping[str, Rule]] = {
    "GET /admin/": (EVERYBODY, 200),
    "GET /admin/account": (EVERYBODY, 200),
    "POST /admin/account": (EVERYBODY, 400),
    "POST /admin/account/password": (EVERYBODY, 400),
    #
    "GET /admin/ticket/list": (STAFF, 200),
    "GET /admin/comment/list": (STAFF, 200),
    "GET /admin/attachment/list": (STAFF, 200),
    "GET /admin/tag/list": (STAFF, 200),
    "GET /admin/user/list": (STAFF, 200),
    "GET /admin/group/list": (OVERSEERS, 200),
    "GET /admin/operation/list": (STAFF, 200),
    "GET /admin/audit-log/list": (OVERSEERS, 200),
    "GET /admin/proof/list": (OVERSEERS, 200),
    "GET /admin/seal/list": (OVERSEERS, 200),
    "GET /admin/removal/list": (OVERSEERS, 200),
    #
    # It goes on record, and is all that reading ever writes.
    **{
        f"GET /admin/{one}/export/{{format}}": (EXPORTERS, 200) for one in ("ticket", "comment", "attachment")
    },
    **{f"GET /admin/{one}/export/{{format}}": (EXPORTERS, 200) for one in ("tag", "user", "operation")},
    **{f"GET /admin/{one}/export/{{format}}": (OVERSEERS, 200) for one in ("group", "audit-log")},
    **{f"GET /admin/{one}/export/{{format}}": (NOBODY, 200) for one in ("proof", "seal", "removal")},
    #
    "GET /admin/ticket/details/{pk}": (STAFF, 200),
    "GET /admin/comment/details/{pk}": (STAFF, 200),
    "GET /admin/attachment/details/{pk}": (STAFF, 200),
    "GET /admin/tag/details/{pk}": (STAFF, 200),
    "GET /admin/user/details/{pk}": (STAFF, 200),
    "GET /admin/group/details/{pk}": (OVERSEERS, 200),
    # Somebody else's: who may not see it is not told that it is there.
    "GET /admin/operation/details/{pk}": ("supervisor, auditor, administrator", 200, "agent, no group"),
    "GET /admin/audit-log/details/{pk}": (OVERSEERS, 200),
    "GET /admin/proof/details/{pk}": (OVERSEERS, 200),
    "GET /admin/seal/details/{pk}": (OVERSEERS, 200),
    "GET /admin/removal/details/{pk}": (OVERSEERS, 200),
    #
    "GET /admin/ticket/create": (DESK, 200),
    "GET /admin/comment/create": (DESK, 200),
    "GET /admin/attachment/create": (DESK, 200),
    "GET /admin/tag/create": (BOSSES, 200),
    "GET /admin/user/create": (DESK, 200),
    "GET /admin/group/create": (ADMIN, 200),
    "GET /admin/operation/create": (NOBODY, 200),
    "GET /admin/audit-log/create": (NOBODY, 200),
    "GET /admin/proof/create": (NOBODY, 200),
    "GET /admin/seal/create": (NOBODY, 200),
    "GET /admin/removal/create": (NOBODY, 200),
    # What is sent is an empty form: 400 is what somebody gets who may.
    "POST /admin/ticket/create": (DESK, 400),
    "POST /admin/comment/create": (DESK, 400),
    "POST /admin/attachment/create": (DESK, 400),
    "POST /admin/tag/create": (BOSSES, 400),
    "POST /admin/user/create": (DESK, 400),
    "POST /admin/group/create": (ADMIN, 400),
    "POST /admin/operation/create": (NOBODY, 400),
    "POST /admin/audit-log/create": (NOBODY, 400),
    "POST /admin/proof/create": (NOBODY, 400),
    "POST /admin/seal/create": (NOBODY, 400),
    "POST /admin/removal/create": (NOBODY, 400),
    #
    "GET /admin/ticket/edit/{pk}": (DESK, 200),
    "GET /admin/comment/edit/{pk}": (DESK, 200),
    "GET /admin/attachment/edit/{pk}": (DESK, 200),
    "GET /admin/tag/edit/{pk}": (BOSSES, 200),
    "GET /admin/user/edit/{pk}": (BOSSES, 200),
    "GET /admin/group/edit/{pk}": (ADMIN, 200),
    "GET /admin/operation/edit/{pk}": (NOBODY, 200),
    "GET /admin/audit-log/edit/{pk}": (NOBODY, 200),
    "GET /admin/proof/edit/{pk}": (NOBODY, 200),
    "GET /admin/seal/edit/{pk}": (NOBODY, 200),
    "GET /admin/removal/edit/{pk}": (NOBODY, 200),
    "POST /admin/ticket/edit/{pk}": (DESK, 400),
    "POST /admin/comment/edit/{pk}": (DESK, 400),
    "POST /admin/attachment/edit/{pk}": (DESK, 400),
    "POST /admin/tag/edit/{pk}": (BOSSES, 400),
    "POST /admin/user/edit/{pk}": (BOSSES, 400),
    "POST /admin/group/edit/{pk}": (ADMIN, 400),
    "POST /admin/operation/edit/{pk}": (NOBODY, 400),
    "POST /admin/audit-log/edit/{pk}": (NOBODY, 400),
    "POST /admin/proof/edit/{pk}": (NOBODY, 400),
    "POST /admin/seal/edit/{pk}": (NOBODY, 400),
    "POST /admin/removal/edit/{pk}": (NOBODY, 400),
    # What is not known by a number has no past; whoever may see it is told so.
    "GET /admin/ticket/past/{pk}": (STAFF, 200),
    "GET /admin/comment/past/{pk}": (STAFF, 200),
    "GET /admin/attachment/past/{pk}": (STAFF, 200),
    "GET /admin/tag/past/{pk}": (STAFF, 200),
    "GET /admin/user/past/{pk}": (STAFF, 200),
    "GET /admin/group/past/{pk}": (OVERSEERS, 200),
    "GET /admin/operation/past/{pk}": (NOBODY, 200, STAFF),
    "GET /admin/audit-log/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/proof/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/seal/past/{pk}": (NOBODY, 200, OVERSEERS),
    "GET /admin/removal/past/{pk}": (NOBODY, 200, OVERSEERS),
    # Nothing is ticked: 400 is what somebody gets who may.
    "POST /admin/ticket/past/{pk}": (DESK, 400),
    "POST /admin/comment/past/{pk}": (DESK, 400),
    "POST /admin/attachment/past/{pk}": (DESK, 400),
    "POST /admin/tag/past/{pk}": (BOSSES, 400),
    "POST /admin/user/past/{pk}": (BOSSES, 400),
    "POST /admin/group/past/{pk}": (ADMIN, 400),
    "POST /admin/operation/past/{pk}": (NOBODY, 400),
    "POST /admin/audit-log/past/{pk}": (NOBODY, 400),
    "POST /admin/proof/past/{pk}": (NOBODY, 400),
    "POST /admin/seal/past/{pk}": (NOBODY, 400),
    "POST /admin/removal/past/{pk}": (NOBODY, 400),
    # It is there already: 409 is what somebody gets who may.
    "POST /admin/ticket/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/comment/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/attachment/bring-back/{pk}": (ADMIN, 409),
    "POST /admin/tag/bring-back/{pk}": (BOSSES, 409),
    "POST /admin/user/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/group/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/operation/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/audit-log/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/proof/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/seal/bring-back/{pk}": (NOBODY, 409),
    "POST /admin/removal/bring-back/{pk}": (NOBODY, 409),
    # Asked for nothing in particular: 404 is what somebody gets who may look up.
    "GET /admin/ticket/ajax/lookup": (STAFF, 404),
    "GET /admin/comment/ajax/lookup": (STAFF, 404),
    "GET /admin/attachment/ajax/lookup": (STAFF, 404),
    "GET /admin/tag/ajax/lookup": (STAFF, 404),
    "GET /admin/user/ajax/lookup": (STAFF, 404),
    "GET /admin/group/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/operation/ajax/lookup": (STAFF, 404),
    "GET /admin/audit-log/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/proof/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/seal/ajax/lookup": (OVERSEERS, 404),
    "GET /admin/removal/ajax/lookup": (OVERSEERS, 404),
    # One row is ticked and nothing confirmed: 200 is the question.
    "POST /admin/ticket/bulk/assign": (BOSSES, 200),
    "POST /admin/ticket/bulk/set-status": (BOSSES, 200),
    "POST /admin/ticket/bulk/set-priority": (BOSSES, 200),
    "POST /admin/ticket/bulk/add-tags": (BOSSES, 200),
    "POST /admin/ticket/bulk/remove-tags": (BOSSES, 200),
    "POST /admin/ticket/bulk/trash": (DESK, 200),
    "POST /admin/ticket/bulk/restore": (BOSSES, 200),
    "POST /admin/ticket/bulk/purge": (ADMIN, 200),
    "POST /admin/comment/bulk/trash": (BOSSES, 200),
    "POST /admin/comment/bulk/restore": (BOSSES, 200),
    "POST /admin/comment/bulk/purge": (ADMIN, 200),
    "POST /admin/attachment/bulk/trash": (BOSSES, 200),
    "POST /admin/attachment/bulk/restore": (BOSSES, 200),
    "POST /admin/attachment/bulk/purge": (ADMIN, 200),
    "POST /admin/tag/bulk/delete": (BOSSES, 200),
    "POST /admin/group/bulk/delete": (ADMIN, 200),
    #
    "POST /admin/ticket/{pk}/reply": (DESK, 400),
    "POST /admin/ticket/{pk}/attach": (DESK, 400),
    "GET /admin/attachment/{pk}/download": (STAFF, 200),
    "GET /admin/user/erase/{pk}": (ADMIN, 200),
    "POST /admin/user/erase/{pk}": (ADMIN, 400),
    "GET /admin/proof/overview": (OVERSEERS, 200),
    # There is no key to verify by here: 409 is what somebody gets who may.
    "POST /admin/proof/verify": (OVERSEERS, 409),
    "POST /admin/proof/export": (OVERSEERS, 200),
    # Undone already: 409 is what somebody gets who may undo it.
    "POST /admin/operation/{pk}/undo": (BOSSES, 409, "agent"),
}
#: Nothing secret, for everybody.
OPEN: Final[Mapping[str, int]] = {
    "GET /": 307,
    "GET /healthz": 200,
    "GET /readyz": 200,
    "GET /admin/static": 200,
    "GET /admin/statics": 200,
}
#: Signing in and out have tests of their own: here, what the two kinds of visitors get.
DOORS: Final[Mapping[str, tuple[int, int]]] = {
    "GET /admin/login": (200, 303),
    "POST /admin/login": (400, 400),
    "POST /admin/logout": (303, 303),
}
SAMPLES: Final = {
    "/admin/static": "/admin/static/backoffice.css",
    "/admin/statics": "/admin/statics/css/tabler.min.css",
}
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
        keys = [key for key in (*WHO, *OPEN, *DOORS) if key.startswith("GET ") and "/export/" not in key]
        for key in keys:
            await administrator.get(address(key, records))
            assert await desk.watermark() == before, key


async def _token(visitor: Visitor) -> dict[str, str]:
    return {"X-CSRF-Token": await visitor.token(), "Accept": "text/html"}
