"""Who is who: the people whom rows name, looked up by address and by name, a whole set of rows at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.desk.importing.values import Person
from models import Base, User

USERS: Final = Base.metadata.tables["users"]


@dataclass(frozen=True)
class Known:
    """Somebody who has an account."""

    id: int
    is_active_staff: bool


@dataclass(frozen=True)
class Directory:
    """The people among those who were asked for: one by an address, any number by a name."""

    by_email: Mapping[str, Known]
    by_name: Mapping[str, list[Known]]

    def found(self, person: Person, *, among_staff: bool = False) -> list[Known]:
        """Whoever it may be: nobody, one, or for a name alone several."""
        if person["email"]:
            found = self.by_email.get(person["email"])
            people = [found] if found else []
        else:
            people = self.by_name.get(person["name"], [])
        return [one for one in people if one.is_active_staff] if among_staff else people

    def id_of(self, person: Person) -> int | None:
        """Who it is; None where that is nobody, or nobody knows which of several."""
        found = self.found(person)
        return found[0].id if len(found) == 1 else None


def named_in(fields: Mapping[str, Any]) -> Iterable[Person]:
    """Everybody whom a row for a ticket names."""
    people = [fields.get("requester"), fields.get("assignee")]
    people += [comment["author"] for comment in fields.get("comments", ())]
    return [person for person in people if person]


async def look_up(session: AsyncSession, people: Iterable[Person]) -> Directory:
    """The directory of these people, in one query."""
    asked = [*people]
    emails = sorted({person["email"] for person in asked if person["email"]})
    names = sorted({person["name"] for person in asked if not person["email"]})
    by_email: dict[str, Known] = {}
    by_name: dict[str, list[Known]] = defaultdict(list)
    if not asked:
        return Directory(by_email, by_name)
    columns = select(User.id, User.email, User.full_name, User.is_active, User.is_staff)
    is_asked_for = (User.email == _one_of(emails)) | (User.full_name == _one_of(names))
    for row in await session.execute(columns.where(is_asked_for).order_by(User.id)):
        known = Known(row.id, row.is_active and row.is_staff)
        by_email[row.email] = known
        by_name[row.full_name].append(known)
    return Directory(by_email, by_name)


async def make_customers(session: AsyncSession, people: Iterable[Person]) -> None:
    """Make a customer of each address that nobody has; whoever has it already stays as they are."""
    names: dict[str, str] = {}
    for person in people:
        names[person["email"]] = names.get(person["email"]) or person["name"]
    rows = [{"email": email, "full_name": name or _name_from(email)} for email, name in sorted(names.items())]
    if rows:
        made = insert(USERS).on_conflict_do_nothing(index_elements=["email"])
        await session.execute(made, rows)


def _name_from(email: str) -> str:
    """Something to call somebody by of whom there is an address alone."""
    return email.partition("@")[0]


def _one_of(values: list[str]) -> Any:
    return any_(literal(values, ARRAY(Text)))
