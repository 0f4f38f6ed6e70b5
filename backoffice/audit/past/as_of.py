"""A record as of a moment: its fields, its links and what was below it, even if it is deleted by now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Select,
    Table,
    TableValuedAlias,
    cast,
    false,
    func,
    select,
    true,
)
from sqlalchemy import column as named_column
from sqlalchemy.dialects.postgresql import array, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.links import RECORD_ID, parent_column, record_column, written_out
from backoffice.audit.newest import IS_CHANGE_OF_A_ROW, LOG
from backoffice.audit.past.family import Family, family_of
from backoffice.audit.past.images import Image, Presence, images_of
from backoffice.audit.past.moments import IS_AFTER, Cutoff, cutoff_at, known_since
from models import INCLUDE_TRASHED, AuditLog


@dataclass(frozen=True)
class Past:
    """A record as it was.

    `links` has, by association table, the ids of what it was linked to, in order; `links_now` the same as it
    is. `children` has the rows that were below it, by table, in the order of their ids.
    """

    family: Family
    cutoff: Cutoff
    known_since: datetime | None
    image: Image
    links: Mapping[str, Sequence[int]]
    links_now: Mapping[str, Sequence[int]]
    children: Mapping[str, Sequence[Image]]


async def as_of(session: AsyncSession, table: Table, record_id: int, at: datetime) -> Image | None:
    """The row as it was at `at`; None when neither table nor history know of it.

    `Image.presence` says whether it was there, not yet, not any more, or whether nobody knows.
    """
    past = await past_of(session, table, record_id, at)
    return None if past is None else past.image


async def past_of(
    session: AsyncSession, table: Table, record_id: int, at: datetime, children: Sequence[Table] = ()
) -> Past | None:
    """The record with its links and its rows of `children` as they were at `at`; None when it never was.

    `at` is aware. The number of queries depends on the number of tables alone.
    """
    family = await family_of(session, table, record_id, children)
    return await past_before(session, family, await cutoff_at(session, family, at))


async def past_before(session: AsyncSession, family: Family, cutoff: Cutoff) -> Past | None:
    """The same for a family and a cutoff that are known."""
    beginning = await known_since(session)
    images = await images_of(session, family.table, [family.record_id], cutoff, known_since=beginning)
    if (image := images.get(family.record_id)) is None:
        return None
    links = {link.name: await _links(session, family, link, cutoff) for link in family.links}
    is_there = image.presence is Presence.THERE
    return Past(
        family=family,
        cutoff=cutoff,
        known_since=beginning,
        image=image,
        links={name: then if is_there else [] for name, (then, _) in links.items()},
        links_now={name: now for name, (_, now) in links.items()},
        children={child.name: await _children(session, family, child, cutoff) for child in family.children},
    )


async def _children(session: AsyncSession, family: Family, child: Table, cutoff: Cutoff) -> list[Image]:
    """The rows that were below the record then: by now they may be gone, or below another one."""
    column = parent_column(child, family.table).name
    images = await images_of(session, child, family.children[child], cutoff)
    return [
        image for image in images.values() if image.is_there and image.values.get(column) == family.record_id
    ]


async def _links(
    session: AsyncSession, family: Family, link: Table, cutoff: Cutoff
) -> tuple[list[int], list[int]]:
    """What the record was linked to, and what it is linked to: what changed first since tells the one
    from the other."""
    given = {"record_id": family.record_id, **cutoff.given}
    rows = [*await session.execute(_links_statement(link), given)]
    was, now = ([row.key for row in rows if row[side]] for side in (1, 2))
    return was, now


@cache
def _links_statement(link: Table) -> Select[*tuple[Any, ...]]:
    # Made once for each table: to make it takes longer than to run it.
    other = other_column(link)
    present = select(other.label("key")).where(record_column(link) == RECORD_ID).cte("present")
    side = _sides(other)
    first = (
        select(side.c.key, side.c.was_linked)
        .select_from(AuditLog.__table__.join(side, true()))
        .where(
            LOG.table_name == written_out(link.name),
            LOG.record_id == RECORD_ID,
            IS_CHANGE_OF_A_ROW,
            IS_AFTER,
            side.c.key.is_not(None),
        )
        .ext(distinct_on(side.c.key))
        .order_by(side.c.key, LOG.id)
        .cte("first_changes")
    )
    is_linked = present.c.key.is_not(None)
    was_linked = func.coalesce(first.c.was_linked, is_linked)
    key = func.coalesce(present.c.key, first.c.key).label("key")
    joined = present.join(first, first.c.key == present.c.key, full=True)
    return (
        select(key, was_linked, is_linked)
        .select_from(joined)
        .order_by(key)
        .execution_options(**INCLUDE_TRASHED)
    )


def _sides(other: Column[Any]) -> TableValuedAlias:
    """What an entry took off, which was linked before it, and what it linked, which was not."""
    change = LOG.changes[other.name]
    old, new = (cast(change[side].astext, BigInteger) for side in ("old", "new"))
    return (
        func.unnest(array([old, new]), array([true(), false()]))
        .table_valued(named_column("key", BigInteger), named_column("was_linked", Boolean))
        .render_derived(name="side")
    )


def other_column(link: Table) -> Column[Any]:
    """The column of an association table that leads to what a record is linked to."""
    (key,) = (key for key in link.primary_key if key is not record_column(link))
    return key
