"""Rows that a job left alone, by what they are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from backoffice.admin.cells import key_of, naming_options
from backoffice.admin.field_changes import view_of_table
from backoffice.admin.history import record_link
from backoffice.admin.pages import Link
from backoffice.admin.view import View
from backoffice.database import INCLUDE_TRASHED
from backoffice.jobs import LeftAlone

#: A record: its table and its key.
Record = tuple[str, int]


@dataclass(frozen=True)
class ShownRow:
    """A row that was left alone: where it can be seen, what it is called, and why."""

    link: Link
    title: str
    reason: str


async def shown_rows(view: View, request: Request, rows: Sequence[LeftAlone]) -> list[ShownRow]:
    """The rows with their names, in one query a table."""
    titles = await titles_of(
        view, request, request.state.session, [(row.table_name, row.record_id) for row in rows]
    )
    return [
        ShownRow(
            record_link(view.site, request, row.table_name, row.record_id),
            titles.get((row.table_name, row.record_id), ""),
            row.reason,
        )
        for row in rows
    ]


async def titles_of(
    view: View, request: Request, session: AsyncSession, records: Sequence[Record]
) -> Mapping[Record, str]:
    """What the records are called that are still there, as far as this person may see them."""
    titles: dict[Record, str] = {}
    for table in dict.fromkeys(table for table, _ in records):
        owner = view_of_table(view.site, table)
        if owner is not None and owner.may(request, "details"):
            keys = [key for of, key in records if of == table]
            found = await _titles(owner, request, session, keys)
            titles |= {(table, key): title for key, title in found.items()}
    return titles


async def _titles(
    owner: View, request: Request, session: AsyncSession, keys: Sequence[int]
) -> Mapping[int, str]:
    wanted = owner.key == literal(keys, ARRAY(owner.key.type)).any_()
    statement = owner.rows(request.state.user).where(wanted).options(*naming_options(owner.model))
    records = await session.scalars(statement, execution_options=INCLUDE_TRASHED)
    return {key_of(record): owner.title(record) for record in records}
