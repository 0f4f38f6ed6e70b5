"""Rows for people: what would become of each, and doing it.

Staff accounts that are there are nobody's to change by a file, and a file gives nobody a password or a group.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Row, Text, any_, cast, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.desk.importing.directory import USERS
from backoffice.desk.importing.judging import Judged, beforehand, in_words, not_matched
from backoffice.desk.importing.plan import Plan
from backoffice.desk.importing.wanted import Wanted
from backoffice.desk.importing.writing import change_rows, insert_rows, moment, next_ids
from models import User, Verdict

CHANGEABLE: Final = ("full_name", "is_active", "time_zone")
_LABELS: Final = {"full_name": "name", "is_active": "active", "time_zone": "time zone"}


async def judge_people(
    session: AsyncSession, plan: Plan, rows: Sequence[Wanted], *, lock: bool = False
) -> list[Judged]:
    """A verdict for each row; with `lock` the people who are there stay as they are until the commit."""
    emails = sorted({wanted.key for wanted in rows if wanted.key})
    there = {row.email: row for row in await session.execute(_people(emails, lock=lock))}
    return [_judged(plan, wanted, there) for wanted in rows]


async def create_people(session: AsyncSession, rows: Sequence[Wanted]) -> list[int]:
    """Make an account of each row, without a password or a group; their ids, in the order of the rows."""
    ids = await next_ids(session, USERS, len(rows))
    await insert_rows(session, USERS, [_new(id_, wanted) for id_, wanted in zip(ids, rows, strict=True)])
    return ids


async def update_people(session: AsyncSession, rows: Mapping[int, Wanted]) -> None:
    """Change those with these ids as their rows say."""
    await change_rows(session, USERS, CHANGEABLE, {id_: wanted.fields for id_, wanted in rows.items()})


def _new(id_: int, wanted: Wanted) -> dict[str, Any]:
    fields = wanted.fields
    return {
        "id": id_,
        "email": wanted.key,
        "full_name": fields["full_name"],
        "is_staff": fields.get("is_staff", False),
        "is_active": fields.get("is_active", True),
        "time_zone": fields.get("time_zone", "UTC"),
        "created_at": moment(fields.get("created_at")),
        "updated_at": moment(fields.get("created_at")),
    }


def _judged(plan: Plan, wanted: Wanted, there: Mapping[str, Row[Any]]) -> Judged:
    if (known := beforehand(wanted)) is not None:
        return known
    person = there.get(wanted.key or "")
    if person is None:
        if not wanted.fields.get("full_name"):
            return Judged(Verdict.ERROR, "it has no name")
        return Judged(Verdict.CREATE)
    if (kept := not_matched(plan, person.id, "person")) is not None:
        return kept
    changes = [
        _LABELS[name]
        for name in CHANGEABLE
        if name in wanted.fields and wanted.fields[name] != getattr(person, name)
    ]
    is_promoted = "is_staff" in wanted.fields and wanted.fields["is_staff"] != person.is_staff
    if changes and person.is_staff:
        return Judged(Verdict.ERROR, "a staff account is changed on its own page", person.id)
    if is_promoted:
        return Judged(Verdict.ERROR, "who is staff is changed on the person’s own page", person.id)
    verdict = Verdict.UPDATE if changes else Verdict.SKIP
    return Judged(verdict, in_words(changes) or "it is so already", person.id, person.version)


def _people(emails: list[str], *, lock: bool) -> Any:
    statement = (
        select(
            *(User.id, User.email, User.full_name, User.is_active, User.is_staff, User.time_zone),
            cast(cast(User.version, Text), BigInteger).label("version"),
        )
        .where(User.email == any_(literal(emails, ARRAY(Text))))
        .order_by(User.id)
    )
    return statement.with_for_update() if lock else statement
