"""The edge: every request passes here, gets one transaction, and leaves with one answer.

In order: the body is bounded and read, the CSRF token checked, the transaction opened, the person
found, the handler called. An answer below 400 commits; anything else rolls back. Errors become pages
in one place (`answer_to_error`).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from backoffice.accounts.addresses import parse_address
from backoffice.accounts.sessions import find_signed_in
from backoffice.admin.pages import ErrorPage
from backoffice.admin.reading import reads_of
from backoffice.admin.request import see_other, unsay_flashes
from backoffice.admin.security import (
    CSRF_HEADER,
    SAFE_METHODS,
    check_csrf,
    limited,
    refuse_control_characters,
)
from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.errors import BackofficeError, TooManyAttempts

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
Question = Callable[[Request], bool]

#: A form without a file: text alone never needs more.
TEXT_LIMIT: Final = 2 * 1024 * 1024
#: As many ticked rows as anybody ticks, and then some.
MAX_FIELDS: Final = 20_000
QUERY_CANCELED: Final = "57014"
CROSSED: Final = "Somebody else changed the same records at this moment. Try again."
#: What PostgreSQL gave up on, by SQLSTATE: a slow query, a deadlock, a failure to serialise.
TRY_AGAIN: Final[Mapping[Any, str]] = {
    QUERY_CANCELED: "This took too long and was stopped. Narrow it down and try again.",
    "40P01": CROSSED,
    "40001": CROSSED,
}

TITLES: Final = {
    400: "That does not work",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    409: "Somebody was faster",
    413: "Too large",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Too slow, or too busy",
}


def _always(request: Request) -> bool:
    return True


class _Refusal(Exception):
    """Carries an answer out of a transaction that must not be committed."""

    def __init__(self, response: Response) -> None:
        self.response = response


class Edge:
    """Wraps handlers for the routes of `site`."""

    def __init__(self, site: "AdminSite") -> None:
        self.site = site

    def __call__(
        self,
        handler: Handler,
        *,
        verb: str = "",
        is_public: bool = False,
        keeps_refusals: bool = False,
        ignores_body: bool = False,
        plans_by_value: Question = _always,
    ) -> Handler:
        """An endpoint that runs `handler` at the edge.

        `verb` names the operation (by default page and handler, as in `ticket.edit`); a public page needs no
        sign-in; `keeps_refusals` commits also what an answer of 400 or more has written (a failed sign-in).
        A page that `ignores_body` reads no form, whatever the method, and so writes nothing. PostgreSQL makes
        the plans for what is read anew for its values, but for requests of which `plans_by_value` says no.
        """

        async def endpoint(request: Request) -> Response:
            request = self._prepare(request, handler, verb, ignores_body, plans_by_value)
            try:
                if not request.state.change.read_only:
                    await self._read(request)
                refuse_control_characters(request, request.state.form)
                return await self._run(handler, request, is_public, keeps_refusals)
            except Exception as error:  # noqa: BLE001 - the one translator of errors to pages
                return self.answer_to_error(request, error)
            finally:
                # Uploads lie in files that nobody else closes.
                await request.close()

        return endpoint

    def _prepare(
        self, request: Request, handler: Handler, verb: str, ignores_body: bool, plans_by_value: Question
    ) -> Request:
        request.scope["query_string"] = _as_browsers_send_it(request.scope["query_string"])
        request = Request(request.scope, limited(request.receive, self._body_limit(request)))
        page = request.path_params.get("identity", "")
        what = verb or ".".join(filter(None, (page, request.path_params.get("verb") or handler.__name__)))
        request.state.user = None
        request.state.form = FormData()
        request.state.reads = []
        request.state.earlier_flashes = request.session.get("flashes", [])
        request.state.change = Change(
            verb=what,
            actor="anonymous",
            request_id=uuid4().hex,
            address=_address(request),
            statement_timeout_ms=self.site.settings.statement_timeout_ms,
            read_only=ignores_body or request.method in SAFE_METHODS,
            plans_by_value=plans_by_value(request),
            # Who it is comes first, in one query with the context.
            sets_context_first=True,
        )
        return request

    async def _read(self, request: Request) -> None:
        form = await request.form(max_fields=MAX_FIELDS, max_part_size=TEXT_LIMIT)
        request.state.form = form if self.site.upload_limit(request) else _texts_of(form)
        check_csrf(request, request.state.form)

    def _body_limit(self, request: Request) -> int:
        """In bytes: a page of text takes little, one that takes files as much as a file may have."""
        takes_files = request.method not in SAFE_METHODS
        return TEXT_LIMIT + (self.site.upload_limit(request) if takes_files else 0)

    async def _run(
        self,
        handler: Handler,
        request: Request,
        is_public: bool,
        keeps_refusals: bool,
    ) -> Response:
        change: Change = request.state.change
        try:
            async with transaction(self.site.factory, change) as session:
                request.state.session = session
                user = await find_signed_in(session, request.session.get("token", ""))
                request.state.user = user
                if user is not None and not change.read_only:
                    change.actor_id, change.actor = user.id, user.full_name
                if user is None and not is_public:
                    return self._ask_to_sign_in(request)
                response = await handler(request)
                if response.status_code >= 400 and not keeps_refusals:
                    raise _Refusal(response)  # noqa: TRY301 - leaves the transaction, too
        except _Refusal as refusal:
            return refusal.response
        for read in reads_of(request):
            self.site.reads.note(read)
        return response

    def _ask_to_sign_in(self, request: Request) -> Response:
        if _is_from_a_script(request):
            return JSONResponse({"error": "Sign in again."}, status_code=401)
        next_url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        suffix = f"?next={quote(next_url)}" if request.method in SAFE_METHODS else ""
        return see_other(f"{self.site.base_url}/login{suffix}")

    def answer_to_error(self, request: Request, error: Exception) -> Response:
        """The page (or the JSON) that says what went wrong, as far as it is anybody's business."""
        unsay_flashes(request)
        status, sentence = _explain(error)
        if status == 500:
            log.error(
                "request %s failed: %s", request.state.change.request_id, request.url.path, exc_info=error
            )
        if _is_from_a_script(request):
            return JSONResponse({"error": sentence}, status_code=status)
        page = ErrorPage(
            status, TITLES.get(status, "That does not work"), sentence, request.state.change.request_id
        )
        response = self.site.render(request, "error.html", page, status_code=status)
        if isinstance(error, TooManyAttempts):
            response.headers["Retry-After"] = str(error.retry_after)
        return response


def _address(request: Request) -> str | None:
    """The client's address, as far as it is one: a local socket has none."""
    address = parse_address(request.client.host if request.client else None)
    return None if address is None else str(address)


def _as_browsers_send_it(query: bytes) -> bytes:
    """The query in ASCII alone: nothing else that reads the address has to expect more."""
    return query if query.isascii() else quote(query, safe="%&+=;/?:@").encode()


def _texts_of(form: FormData) -> FormData:
    """The form without the files that somebody sent to a page that takes none."""
    return FormData([(name, value) for name, value in form.multi_items() if isinstance(value, str)])


def _is_from_a_script(request: Request) -> bool:
    return CSRF_HEADER in request.headers or "application/json" in request.headers.get("accept", "")


def _explain(error: Exception) -> tuple[int, str]:
    """The status and the sentence for an error; 500 for what nobody expected, giving nothing away."""
    match error:
        case BackofficeError():
            return error.status_code, str(error)
        case HTTPException(status_code=404 | 405):
            return 404, "There is no such page."
        case HTTPException(status_code=status) if status < 500:
            return status, "The request could not be read."
        case ClientDisconnect():
            return 400, "The upload broke off; nothing was saved."
        case StaleDataError():
            return 409, "Somebody changed this in the meantime. Go back, reload the page and try again."
        case IntegrityError():
            return 409, "This contradicts something that is already stored; nothing was changed."
        case DBAPIError() if (sqlstate := getattr(error.orig, "sqlstate", None)) in TRY_AGAIN:
            return 503, TRY_AGAIN[sqlstate]
        case PoolTimeout():
            return 503, "The server is busy. Try again in a moment."
        case UnicodeError():
            return 400, "The request could not be read."
        case _:
            return 500, "This is our fault, and it has been logged. Nothing was changed."
