"""Whatever is sent: no error of ours, nothing of our insides in the answer, nothing written when refused."""

import re
from typing import Any, Final
from urllib.parse import quote

import pytest
from httpx import Response
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from models import Trashable
from tests.admin.desk import Desk, Visitor
from tests.admin.page_forms import open_form
from tests.admin.records import Records, make_records
from tests.admin.wire import send

TRIES: Final = examples(max_examples=50, deadline=None)
#: What an answer would hold that told about our insides.
INSIDES: Final = re.compile(
    r"Traceback|File \"/|sqlalchemy|asyncpg|SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|site-packages"
    r"|\bpsycopg|UniqueViolation|invalid input (syntax|value)|out of range|null value in column"
)
#: Answers of bad input. A 303 is a change (or the way to a sign-in); a 500 is our fault.
REFUSED: Final = {400, 403, 404, 409, 413}

NUMBERS: Final = [
    "0",
    "-1",
    "1",
    "2",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "1e9",
]
WORDS: Final = [
    "",
    "abc",
    "null",
    "undefined",
    "None",
    "true",
    "open",
    "urgent",
    "me",
    "nobody",
    "only",
    "asc",
    "1",
]
ATTACKS: Final = [
    "'; DROP TABLE tickets; --",
    "1 OR 1=1",
    "\\",
    "%",
    "_",
    "%s%n{}{0}{{7*7}}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\r\nSet-Cookie: a=b",
    "\u202e\u0000",
    "\ufffe\uffff",
    "🙂" * 300,
    "a" * 2_000,
    "[" * 1_000,
    '{"a": ' * 300,
    "2026-13-45",
    "0001-01-01",
    "9999-12-31T23:59:59.999999+23:59",
    "00000000-0000-0000-0000-000000000000",
]
TEXTS: Final = st.one_of(
    st.sampled_from([*NUMBERS, *WORDS, *ATTACKS]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
QUERY_NAMES: Final = (
    "search where do where-0-field where-0-op where-0-value where-1-mode"
    " page pageSize sortBy sort trash status priority assignee creator tags created_at_from"
    " created_at_to is_overdue is_staff is_active is_internal author verb actor_user user action table_name"
    " record_id operation_id uploaded_by name term before after from next inline pks scope csrf_token x"
)
FORM_NAMES: Final = (
    "title description status priority creator assignee tags name color content ticket is_internal filename"
    " file email full_name is_active is_staff groups password permissions base version ancestor resolve"
    " _save choose-title reason pks scope confirm expected word kind time_zone theme current_password"
    " new_password repeat_password username next id"
)
PAGES: Final = st.sampled_from(
    ["ticket", "comment", "attachment", "tag", "user", "group", "operation", "audit-log"]
)
KEYS: Final = st.one_of(
    st.sampled_from(
        [*NUMBERS, "abc", "1.5", "0x1", " 1", "1 ", "+1", "١", "1;2", "..", "~", "a b", "é", "%00", "💥"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
)
PAIRS: Final = st.lists(st.tuples(st.sampled_from(QUERY_NAMES.split()), TEXTS), max_size=5)
FORMS: Final = st.lists(st.tuples(st.sampled_from(FORM_NAMES.split()), TEXTS), max_size=8)


@pytest.fixture(scope="module")
async def records(desk: Desk) -> Records:
    return await make_records(desk)


@pytest.fixture(scope="module")
async def visitor(desk: Desk, records: Records) -> Visitor:
    administrator = await desk.visitor("administrator")
    await administrator.token()
    return administrator


async def take_out_of_the_trash(desk: Desk) -> None:
    for model in Trashable.__subclasses__():
        await desk.owner.execute(
            f"UPDATE {model.__tablename__} SET deleted_at = NULL, deleted_by_id = NULL,"
            " deleted_operation = NULL WHERE deleted_at IS NOT NULL"
        )


def check(answer: Response, *also: int) -> None:
    assert answer.status_code in REFUSED | set(also), answer.text
    assert not INSIDES.search(_without_what_was_sent(answer.text)), answer.text
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert "<main" in answer.text


def _without_what_was_sent(page: str) -> str:
    return re.sub(r"DROP TABLE tickets", "", page)


async def post(visitor: Visitor, url: str, pairs: list[tuple[str, str]]) -> Response:
    form: dict[str, Any] = {"csrf_token": await visitor.token()}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return await visitor.client.post(url, data=form)


class TestAddresses:
    @given(page=PAGES, pairs=PAIRS)
    @TRIES
    async def test_of_lists(self, visitor: Visitor, page: str, pairs: list[tuple[str, str]]) -> None:
        check(await visitor.get(f"/admin/{page}/list", params=pairs), 200, 303)

    @given(page=PAGES, pairs=PAIRS)
    @TRIES
    async def test_of_lookups(self, visitor: Visitor, page: str, pairs: list[tuple[str, str]]) -> None:
        names = [("name", name) for name in ("assignee", "tags", "ticket", "groups")]
        for name in names:
            check(await visitor.get(f"/admin/{page}/ajax/lookup", params=[*pairs, name]), 200)

    @given(page=PAGES, pairs=PAIRS)
    @TRIES
    async def test_of_filters(self, visitor: Visitor, page: str, pairs: list[tuple[str, str]]) -> None:
        for beside in ("where", "facets"):
            check(await visitor.get(f"/admin/{page}/{beside}", params=pairs), 200, 303)

    @given(page=PAGES, key=KEYS, pairs=PAIRS)
    @TRIES
    async def test_of_records(
        self, visitor: Visitor, page: str, key: str, pairs: list[tuple[str, str]]
    ) -> None:
        for kind in ("details", "edit"):
            url = f"/admin/{page}/{kind}/{_quoted(key)}"
            check(await visitor.get(url, params=pairs), 200, 303, 307)
        check(await visitor.get(f"/admin/attachment/{_quoted(key)}/download", params=pairs), 200, 307)

    @given(page=PAGES, pairs=PAIRS)
    @TRIES
    async def test_of_records_that_are_there(
        self, visitor: Visitor, records: Records, page: str, pairs: list[tuple[str, str]]
    ) -> None:
        for kind in ("details", "edit"):
            check(await visitor.get(f"/admin/{page}/{kind}/{records[page]}", params=pairs), 200)

    @given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), pairs=PAIRS)
    @TRIES
    async def test_of_nothing(
        self, desk: Desk, visitor: Visitor, path: str, pairs: list[tuple[str, str]]
    ) -> None:
        for role in ("nobody", "administrator"):
            answer = await (await desk.visitor(role)).get(f"/admin/{_quoted(path)}", params=pairs)
            check(answer, 200, 303, 307)


class TestForms:
    @given(page=PAGES, key=st.one_of(st.none(), KEYS), form=FORMS, pairs=PAIRS)
    @TRIES
    async def test_of_records(
        self,
        desk: Desk,
        visitor: Visitor,
        records: Records,
        page: str,
        key: str | None,
        form: list[tuple[str, str]],
        pairs: list[tuple[str, str]],
    ) -> None:
        key = str(records[page]) if key is None else _quoted(key)
        for url in (f"/admin/{page}/create", f"/admin/{page}/edit/{key}"):
            before = await desk.watermark()
            answer = await visitor.client.post(
                url, params=pairs, data={"csrf_token": await visitor.token(), **_as_form(form)}
            )
            check(answer, 303, 307)
            if answer.status_code != 303:
                assert await desk.watermark() == before

    @given(
        verb=st.sampled_from(
            [
                "assign",
                "set-status",
                "set-priority",
                "add-tags",
                "remove-tags",
                "trash",
                "restore",
                "purge",
                "x",
            ]
        ),
        form=FORMS,
        pairs=PAIRS,
        is_all=st.booleans(),
    )
    @TRIES
    async def test_of_bulk_verbs(
        self,
        desk: Desk,
        visitor: Visitor,
        verb: str,
        form: list[tuple[str, str]],
        pairs: list[tuple[str, str]],
        is_all: bool,
    ) -> None:
        before = await desk.watermark()
        chosen = [("scope", "all")] if is_all else []
        answer = await visitor.client.post(
            f"/admin/ticket/bulk/{verb}",
            params=pairs,
            data={"csrf_token": await visitor.token(), **_as_form([*form, *chosen])},
        )
        check(answer, 200, 303)
        if answer.status_code != 303:
            assert await desk.watermark() == before

    @given(key=st.one_of(st.none(), KEYS), form=FORMS)
    @TRIES
    async def test_of_a_tickets_page(
        self, desk: Desk, visitor: Visitor, records: Records, key: str | None, form: list[tuple[str, str]]
    ) -> None:
        for kind in ("reply", "attach"):
            before = await desk.watermark()
            url = f"/admin/ticket/{records['ticket'] if key is None else _quoted(key)}/{kind}"
            answer = await post(visitor, url, form)
            check(answer, 303, 307)
            if answer.status_code != 303:
                assert await desk.watermark() == before

    @given(key=st.one_of(KEYS, st.uuids().map(str)), form=FORMS)
    @TRIES
    async def test_of_an_undo(
        self, desk: Desk, visitor: Visitor, key: str, form: list[tuple[str, str]]
    ) -> None:
        before = await desk.watermark()
        check(await post(visitor, f"/admin/operation/{_quoted(key)}/undo", form), 307)
        assert await desk.watermark() == before

    @given(form=FORMS, where=st.sampled_from(["/admin/account", "/admin/account/password"]))
    @TRIES
    async def test_of_ones_account(
        self, desk: Desk, visitor: Visitor, form: list[tuple[str, str]], where: str
    ) -> None:
        check(await post(visitor, where, form), 303)
        assert (await visitor.get("/admin/account")).status_code == 200

    @given(email=TEXTS, password=TEXTS, next_url=TEXTS)
    @TRIES
    async def test_of_the_sign_in(self, desk: Desk, email: str, password: str, next_url: str) -> None:
        nobody = await desk.visitor("nobody")
        form = [("username", email), ("password", password), ("next", next_url)]
        answer = await post(nobody, "/admin/login", form)
        check(answer, 429)
        assert not desk.files() or len(desk.files()) == 1

    @given(
        page=st.sampled_from(["ticket", "comment", "attachment", "tag", "user", "group"]),
        is_new=st.booleans(),
        replaced=st.dictionaries(st.integers(0, 11), TEXTS, min_size=1, max_size=2),
    )
    @TRIES
    async def test_of_records_but_for_a_field(
        self,
        desk: Desk,
        visitor: Visitor,
        records: Records,
        page: str,
        is_new: bool,
        replaced: dict[int, str],
    ) -> None:
        # A bulk action that made sense may have moved them to the trash, where nothing is edited.
        await take_out_of_the_trash(desk)
        url = f"/admin/{page}/create" if is_new else f"/admin/{page}/edit/{records[page]}"
        form = await open_form(visitor.client, url)
        names = [name for name, _ in form.pairs if name != "csrf_token"]
        changes = {names[number % len(names)]: text for number, text in replaced.items()}
        before = await desk.watermark()
        answer = await form.send(**changes)
        check(answer, 303)
        if answer.status_code != 303:
            assert await desk.watermark() == before

    @given(body=st.binary(max_size=300), kind=st.sampled_from(["reply", "attach"]))
    @TRIES
    async def test_of_any_bytes(
        self, desk: Desk, visitor: Visitor, records: Records, body: bytes, kind: str
    ) -> None:
        url = f"/admin/ticket/{records['ticket']}/{kind}"
        for content_type in (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=a"):
            answer = await send(desk, visitor, url, [body], content_type=content_type)
            assert answer.status_code in REFUSED, answer.text


def _as_form(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def _quoted(key: str) -> str:
    """A path's segment; dots alone would never leave the browser."""
    return quote(key, safe="").replace(".", "%2E")
