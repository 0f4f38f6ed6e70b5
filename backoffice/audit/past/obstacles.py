"""What keeps a row of the past from coming back: what it refers to is gone, or its values are taken."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, UniqueConstraint, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.past.family import one_of
from backoffice.audit.past.images import Image, Unknown

#: Says why a row stays away for a reason that only the desk knows; empty where there is none.
Refusal = Callable[[Table, Mapping[str, Any]], str]


async def why_not_stored(
    session: AsyncSession, images: Sequence[Image], refuse: Refusal, *, coming: Image | None = None
) -> dict[Image, str]:
    """Why rows that are gone cannot come back, of those that cannot; `coming` is there when they come.

    One query for each table that they refer to, and one for the unique columns of each row.
    """
    present = await _present(session, images)
    if coming is not None:
        present[coming.table].add(coming.record_id)
    reasons = {image: await _reason(session, image, present, refuse) for image in images}
    return {image: reason for image, reason in reasons.items() if reason}


async def taken_values(
    session: AsyncSession, table: Table, record_id: int, values: Mapping[str, Any]
) -> set[str]:
    """The unique columns among `values` whose value another row has."""
    wanted = {name: values[name] for name in _unique_columns(table) if values.get(name) is not None}
    if not wanted:
        return set()
    others = [
        exists().where(table.c[name] == literal(value, table.c[name].type), table.c.id != record_id)
        for name, value in wanted.items()
    ]
    row = (await session.execute(select(*others))).one()
    return {name for name, is_taken in zip(wanted, row, strict=True) if is_taken}


async def _reason(
    session: AsyncSession, image: Image, present: Mapping[Table, set[int]], refuse: Refusal
) -> str:
    if image.now is not None:
        return "there already"
    if unknown := [name for name, why in image.unknown.items() if why is not Unknown.SECRET]:
        return f"of unknown {_words(unknown)}: {image.unknown[unknown[0]]}"
    if gone := [*_gone(image, present)]:
        return f"without {_words(gone)}, which {'is' if len(gone) == 1 else 'are'} gone"
    if taken := await taken_values(session, image.table, image.record_id, image.values):
        return f"in the way of another one with the same {_words(sorted(taken))}"
    return refuse(image.table, image.values)


async def _present(session: AsyncSession, images: Iterable[Image]) -> dict[Table, set[int]]:
    """Of all rows that the images refer to, those that are there."""
    wanted: dict[Table, set[int]] = defaultdict(set)
    for image in images:
        for name, table in _references(image.table):
            if image.values.get(name) is not None:
                wanted[table].add(image.values[name])
    present: dict[Table, set[int]] = defaultdict(set)
    for table, ids in wanted.items():
        rows = select(table.c.id).where(table.c.id == one_of(sorted(ids)))
        # Nobody deletes them until we are done.
        present[table] = {*await session.scalars(rows.with_for_update(read=True, key_share=True))}
    return present


def _gone(image: Image, present: Mapping[Table, set[int]]) -> Iterable[str]:
    for name, table in _references(image.table):
        key = image.values.get(name)
        if key is not None and key not in present[table]:
            yield name


def _references(table: Table) -> list[tuple[str, Table]]:
    return [(key.parent.name, key.column.table) for key in table.foreign_keys]


def _unique_columns(table: Table) -> set[str]:
    constraints = [[*one.columns.keys()] for one in table.constraints if isinstance(one, UniqueConstraint)]
    indexes = [[*one.columns.keys()] for one in table.indexes if one.unique]
    return {names[0] for names in (*constraints, *indexes) if len(names) == 1}


def _words(names: Sequence[str]) -> str:
    return ", ".join(name.removesuffix("_id").replace("_", " ") for name in names)
