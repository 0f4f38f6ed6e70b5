"""Exports: a list as a file, with the rows that its address selects, in its order, sent while it is made.

The request's own transaction is over before the first byte leaves. What is sent comes from one statement in a
transaction of its own, read by a cursor, so that it is of one moment and takes little memory at any size.
"""

import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anyio import CancelScope, CapacityLimiter, WouldBlock, create_task_group
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.export_columns import ExportColumn, export_columns
from backoffice.admin.export_cursor import cursor_of
from backoffice.admin.export_formats import FORMATS, ExportFormat
from backoffice.admin.filtered import filtered_query
from backoffice.admin.layout import arranged, usual_columns
from backoffice.admin.list_address import COLUMNS, VIEW, ListAddress
from backoffice.admin.pages import Link
from backoffice.admin.places import ordering, place_of
from backoffice.admin.request import current_user
from backoffice.audit.context import Change
from backoffice.audit.record import record_event
from backoffice.database import transaction
from backoffice.errors import BadInput, NotFound, TooLarge, TooManyAttempts
from models import AuditAction

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

log = logging.getLogger(__name__)

#: At once, in one process: each holds a connection for as long as its reader takes.
MOST_AT_ONCE: Final = 5
#: What is better not in the name of a file.
_UNFIT: Final = re.compile(r"[^a-z0-9]+")
BUSY: Final = "Several exports are being made at this moment. Try again in a minute."


@dataclass(frozen=True)
class Export:
    """What is exported, and how."""

    view: "View"
    format: ExportFormat
    columns: list[ExportColumn]
    statement: Select[Any]
    words: str


async def export(site: "AdminSite", view: "View", request: Request) -> Response:
    """The file of the list that the address asks for; BadInput or NotFound before anything is sent."""
    view.require(request, "list")
    view.require(request, "export")
    made = format_of(request)
    wanted = await wanted_export(site, view, request, made)
    headers = {"Content-Disposition": _disposition(view, made), "Cache-Control": "no-store"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=made.media_type)
    await _check_size(request, wanted)
    return Download(site, request, wanted, headers)


def export_links(view: "View", request: Request, address: ListAddress, columns: Sequence[str]) -> list[Link]:
    """Where the list at `address`, which shows `columns`, is exported to each format, for who may."""
    if not view.may(request, "export"):
        return []
    asked = address.without("pageSize", VIEW, COLUMNS)
    chosen = arranged(view, columns)
    if chosen != usual_columns(view):
        asked = asked.having(columns=",".join(chosen))
    return [
        Link(each.label, str(ListAddress(view.url("export", each.name), asked.pairs)))
        for each in FORMATS.values()
    ]


def format_of(request: Request) -> ExportFormat:
    """The format that the path names; NotFound for what is none."""
    made = FORMATS.get(request.path_params["format"])
    if made is None:
        raise NotFound("There is no such format: a list is exported as csv, xlsx or jsonl.")
    return made


async def wanted_export(site: "AdminSite", view: "View", request: Request, made: ExportFormat) -> Export:
    """What the request's address exports; BadInput where it makes no sense."""
    filtered = await filtered_query(site, view, request)
    place = place_of(view, request.query_params, is_trash=filtered.is_trash)
    if place.problem:
        raise BadInput(place.problem)
    chosen = arranged(view, request.query_params.get(COLUMNS, "").split(","))
    columns = export_columns(view, is_trash=filtered.is_trash, chosen=chosen)
    rows = made.selected(filtered.statement, view.model, columns)
    order = ordering(view.model, place.sort_by, is_descending=place.is_descending)
    return Export(view, made, columns, rows.order_by(*order), filtered.words)


async def _check_size(request: Request, wanted: Export) -> None:
    most = wanted.format.most_rows
    if most is not None and await count_rows(request.state.session, wanted, most=most + 1) > most:
        raise TooLarge(
            f"A sheet of {wanted.format.label} holds at most {most:,} rows, and these are more."
            " Export them in the background, or as CSV, or narrow the list."
        )


async def count_rows(session: AsyncSession, wanted: Export, *, most: int | None = None) -> int:
    """How many rows the export has; of more than `most` no more are counted."""
    rows = wanted.statement.with_only_columns(wanted.view.key, maintain_column_froms=True).order_by(None)
    counted = select(func.count()).select_from(rows.limit(most).subquery())
    options = wanted.statement.get_execution_options()
    return (await session.execute(counted.execution_options(**options))).scalar_one()


def facts_of(wanted: Export) -> dict[str, Any]:
    """What the history says of who takes it."""
    return {
        "table_name": wanted.view.model.__tablename__,
        "record_id": None,
        "facts": {"format": wanted.format.name, "for": wanted.words},
        # The words that were searched for may be somebody's name.
        "personal": ["for"],
    }


def file_name(view: "View", made: ExportFormat) -> str:
    """Such as `tickets-2026-05-31.csv`."""
    page = _UNFIT.sub("-", view.name_plural.lower()).strip("-") or view.identity
    return f"{page}-{datetime.now(UTC):%Y-%m-%d}.{made.name}"


def _disposition(view: "View", made: ExportFormat) -> str:
    return f'attachment; filename="{file_name(view, made)}"'


# Sending it ------------------------------------------------------------------------------------


class Download(StreamingResponse):
    """Sends an export. What fails before the first byte answers a page; what fails later breaks it off.

    Whoever receives it can tell: the last piece of a whole answer says that it is the last.
    """

    def __init__(self, site: "AdminSite", request: Request, wanted: Export, headers: dict[str, str]) -> None:
        super().__init__(_nothing(), headers=headers, media_type=wanted.format.media_type)
        self._site, self._request, self._wanted = site, request, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_sending = False
        try:
            async with self._made() as chunks:
                first = await _first(chunks, receive)
                is_sending = True
                self.body_iterator = _after(first, chunks)
                await super().__call__(scope, receive, send)
        except Exception as error:
            if is_sending:
                log.warning("request %s: the export broke off", self._request.state.change.request_id)
                raise
            page = self._site.edge.answer_to_error(self._request, error)
            await page(scope, receive, send)

    @asynccontextmanager
    async def _made(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """The file, piece by piece; that it is taken is on record before."""
        with _taking_turns(self._site.exports):
            change = self._change(read_only=False)
            async with transaction(self._site.factory, change) as session:
                await record_event(session, AuditAction.EXPORT, **facts_of(self._wanted))
            async with (
                transaction(self._site.factory, self._change(read_only=True)) as session,
                cursor_of(session, self._wanted.statement) as batches,
            ):
                made = self._wanted.format.chunks(self._wanted.columns, batches)
                async with aclosing(made) as chunks:
                    yield chunks

    def _change(self, *, read_only: bool) -> Change:
        asked: Change = self._request.state.change
        user: CurrentUser = current_user(self._request)
        return Change(
            verb=asked.verb,
            actor=user.full_name,
            actor_id=user.id,
            request_id=asked.request_id,
            address=asked.address,
            statement_timeout_ms=asked.statement_timeout_ms,
            read_only=read_only,
        )


async def _first(chunks: AsyncIterator[bytes], receive: Receive) -> bytes:
    """The first piece, however long it takes; ClientDisconnect as soon as nobody waits for it any more."""
    try:
        async with create_task_group() as group:
            group.start_soon(_cancel_when_gone, receive, group.cancel_scope)
            first = await anext(chunks, b"")
            group.cancel_scope.cancel()
            return first
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    raise ClientDisconnect


async def _cancel_when_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


@contextmanager
def _taking_turns(turns: CapacityLimiter) -> Iterator[None]:
    holder = object()
    try:
        turns.acquire_on_behalf_of_nowait(holder)
    except WouldBlock:
        raise TooManyAttempts(BUSY, retry_after=60) from None
    try:
        yield
    finally:
        turns.release_on_behalf_of(holder)
