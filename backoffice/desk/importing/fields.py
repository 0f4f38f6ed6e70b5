"""What a column can be: the fields of tickets and people, and by which names other programs know them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models import ImportKind


@dataclass(frozen=True)
class Field:
    """One thing that a column can say. `names` are those of columns that say it, the likeliest first."""

    label: str
    names: Sequence[str]


TICKET_FIELDS: Final[Mapping[str, Field]] = {
    "number": Field("Number", ("ticket number", "number", "ticket id", "id", "ticket", "key", "case number")),
    "title": Field("Subject", ("subject", "title", "summary", "raw subject")),
    "description": Field("Description", ("description", "body", "text", "message", "details", "content")),
    "status": Field("Status", ("status", "state", "ticket status")),
    "priority": Field("Priority", ("priority", "urgency")),
    "requester": Field(
        "Requester (e-mail or name)",
        (
            "requester email",
            "req email",
            "customer email",
            "creator email",
            "contact email",
            "email",
            "from",
            "customer",
            "requester",
            "creator",
            "reporter",
        ),
    ),
    "requester_name": Field(
        "Requester’s name",
        ("requester name", "req name", "customer name", "contact name", "requester", "full name"),
    ),
    "assignee": Field(
        "Assignee (e-mail or name)",
        ("assignee email", "owner email", "agent email", "assignee", "owner", "assigned to", "agent"),
    ),
    "tags": Field("Tags", ("tags", "labels", "tag")),
    "comments": Field("Comments (a list, in JSON)", ("comments", "articles", "conversations")),
    "reply": Field("A public reply", ("comment", "reply", "public comment", "public reply")),
    "note": Field("An internal note", ("note", "internal note", "notes", "private note")),
    "created_at": Field("Created", ("created at", "created", "created time", "date created", "date")),
    "updated_at": Field("Updated", ("updated at", "updated", "last updated", "modified at")),
    "resolved_at": Field(
        "Resolved", ("resolved at", "solved at", "close at", "closed at", "resolved", "resolved time")
    ),
}
PEOPLE_FIELDS: Final[Mapping[str, Field]] = {
    "email": Field("E-mail", ("email", "email address", "mail", "login", "primary email")),
    "full_name": Field("Name", ("full name", "name", "display name", "fullname")),
    "first_name": Field("First name", ("first name", "firstname", "given name")),
    "last_name": Field("Last name", ("last name", "lastname", "surname", "family name")),
    "is_staff": Field("Staff, or role", ("role", "roles", "is staff", "staff")),
    "is_active": Field("Active", ("active", "is active", "enabled")),
    "time_zone": Field("Time zone", ("time zone", "timezone", "iana time zone")),
    "created_at": Field("Created", ("created at", "created", "created time")),
}
FIELDS: Final[Mapping[ImportKind, Mapping[str, Field]]] = {
    ImportKind.TICKETS: TICKET_FIELDS,
    ImportKind.PEOPLE: PEOPLE_FIELDS,
}
#: By which a row meets what is there.
KEY: Final[Mapping[ImportKind, str]] = {ImportKind.TICKETS: "number", ImportKind.PEOPLE: "email"}

_SIGNS: Final = re.compile(r"[\W_]+")
#: Columns that no other program's export has.
_ZENDESK: Final = (
    {"summation column"},
    {"requester email", "submitter email"},
    {"raw subject", "via channel"},
)
_ZAMMAD: Final = ({"first response escalation at"}, {"customer", "owner", "state", "number"})


def guess(kind: ImportKind, columns: Iterable[str]) -> dict[str, str]:
    """Which column is likely to be which field, by their names; each column once."""
    free = {_normal(column): column for column in reversed([*columns])}
    guessed = {}
    for name, field in FIELDS[kind].items():
        found = next((known for known in field.names if known in free), None)
        if found is not None:
            guessed[name] = free.pop(found)
    return guessed


def made_by(columns: Iterable[str]) -> str:
    """The program whose export these columns are, as far as one can tell: `Zendesk`, `Zammad`, or empty."""
    names = {_normal(column) for column in columns}
    if any(known <= names for known in _ZENDESK):
        return "Zendesk"
    return "Zammad" if any(known <= names for known in _ZAMMAD) else ""


def _normal(column: str) -> str:
    return _SIGNS.sub(" ", column.lower().replace("e-mail", "email")).strip()
