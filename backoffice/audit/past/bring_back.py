"""Bringing back a record that was deleted forever, under its own number, with its links and what hung on it.

It comes back as it was just before it was deleted, in the trash if it was in the trash, and its history
goes on. What cannot come with it stays away, and is said.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backoffice.audit.context import current_change
from backoffice.audit.links import record_column
from backoffice.audit.past.as_of import Past, other_column, past_before
from backoffice.audit.past.family import Family, one_of
from backoffice.audit.past.images import Image
from backoffice.audit.past.moments import Cutoff, just_before
from backoffice.audit.past.obstacles import Refusal, why_not_stored
from backoffice.errors import Conflict, NotFound
from models import AuditAction, AuditLog

GONE: Final = "gone themselves"


@dataclass(frozen=True)
class Return:
    """What comes back, and what stays away.

    `obstacle` says why the record itself cannot, if so; `left_out` counts what stays away, by table and
    reason.
    """

    past: Past
    children: Mapping[Table, Sequence[Image]]
    links: Mapping[Table, Sequence[int]]
    left_out: Mapping[tuple[str, str], int]
    obstacle: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How much comes back with the record, by table."""
        return {
            table.name: len(rows) for table, rows in (*self.children.items(), *self.links.items()) if rows
        }


async def deletion_of(session: AsyncSession, table: Table, record_id: int) -> AuditLog | None:
    """The entry of the record's deletion; None for what is there, or never was."""
    newest = (
        select(AuditLog)
        .where(
            AuditLog.table_name == table.name,
            AuditLog.record_id == record_id,
            AuditLog.action.in_((AuditAction.CREATE, AuditAction.DELETE)),
        )
        .order_by(AuditLog.created_at.desc(), AuditLog.id.desc())
        .limit(1)
    )
    entry: AuditLog | None = await session.scalar(newest)
    return entry if entry is not None and entry.action is AuditAction.DELETE else None


async def before_deletion(session: AsyncSession, table: Table, record_id: int) -> Cutoff:
    """The last moment of a record that was deleted forever; NotFound for one that was not."""
    if await deletion_of(session, table, record_id) is None:
        raise NotFound("Nothing of this number was deleted forever, as far as the history goes.")
    deletion = await session.scalar(_last_seen(table, record_id))
    if deletion is None:
        raise NotFound("This was never there for anybody: it was made and deleted in one go.")
    return just_before(deletion)


def _last_seen(table: Table, record_id: int) -> Select[AuditLog]:
    """The last deletion of what others could see: a record may come and go within one transaction."""
    earlier = aliased(AuditLog)
    is_made_with_it = (
        select(earlier.id)
        .where(
            earlier.table_name == table.name,
            earlier.record_id == record_id,
            earlier.action == AuditAction.CREATE,
            earlier.xid == AuditLog.xid,
            earlier.xid != 0,
            earlier.id < AuditLog.id,
        )
        .exists()
    )
    return (
        select(AuditLog)
        .where(
            AuditLog.table_name == table.name,
            AuditLog.record_id == record_id,
            AuditLog.action == AuditAction.DELETE,
            ~is_made_with_it,
        )
        .order_by(AuditLog.created_at.desc(), AuditLog.id.desc())
        .limit(1)
    )


async def plan_return(session: AsyncSession, family: Family, refuse: Refusal) -> Return:
    """What would come back of a record that was deleted forever."""
    cutoff = await before_deletion(session, family.table, family.record_id)
    past = await past_before(session, family, cutoff)
    if past is None or not past.image.is_there:
        raise NotFound("The history does not reach back to what this was.")
    images = [image for rows in past.children.values() for image in rows]
    own = await why_not_stored(session, [past.image], refuse)
    reasons = await why_not_stored(session, images, refuse, coming=past.image)
    links = {link: await _present(session, link, past.links[link.name]) for link in family.links}
    return Return(
        past=past,
        children={
            child: [image for image in past.children[child.name] if image not in reasons]
            for child in family.children
        },
        links=links,
        left_out=_left_out(reasons, past, links),
        obstacle=own.get(past.image, ""),
    )


async def bring_back(session: AsyncSession, family: Family, refuse: Refusal) -> Return:
    """Store the record again, as part of the operation under way; Conflict where that cannot be."""
    done = await plan_return(session, family, refuse)
    if done.obstacle:
        raise Conflict(f"It cannot come back: it would be {done.obstacle}.")
    await _insert(session, family.table, [done.past.image])
    for child, images in done.children.items():
        await _insert(session, child, images)
    for link, keys in done.links.items():
        await _link(session, link, family.record_id, keys)
    change = current_change()
    change.outcome |= {"changed": 1 + sum(len(images) for images in done.children.values())}
    return done


def _left_out(
    reasons: Mapping[Image, str], past: Past, links: Mapping[Table, Sequence[int]]
) -> dict[tuple[str, str], int]:
    counts = Counter((image.table.name, reason) for image, reason in reasons.items())
    for link, keys in links.items():
        if lost := len(past.links[link.name]) - len(keys):
            counts[link.name, GONE] = lost
    return dict(counts)


async def _present(session: AsyncSession, link: Table, keys: Sequence[int]) -> list[int]:
    """Of what the record was linked to, what is there still."""
    (reference,) = other_column(link).foreign_keys
    other = reference.column.table
    rows = select(other.c.id).where(other.c.id == one_of(keys)).order_by(other.c.id)
    return [*await session.scalars(rows.with_for_update(read=True, key_share=True))]


async def _insert(session: AsyncSession, table: Table, images: Iterable[Image]) -> None:
    if rows := [dict(image.values) for image in images]:
        await session.execute(insert(table), rows)


async def _link(session: AsyncSession, link: Table, record_id: int, keys: Sequence[int]) -> None:
    if keys:
        own, other = record_column(link).name, other_column(link).name
        await session.execute(insert(link), [{own: record_id, other: key} for key in keys])
