"""A row of a file as what is wanted of it: the record that shall be, or what is wrong with the row.

Nothing here knows what is in the database; `tickets` and `people` judge against that.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from backoffice.desk.importing.comments import comments_of, without_opening
from backoffice.desk.importing.fields import FIELDS
from backoffice.desk.importing.plan import LEFT_OUT, Plan
from backoffice.desk.importing.readers import SourceRow
from backoffice.desk.importing.values import (
    bounded,
    email_of,
    flag_of,
    is_staff_of,
    line_of,
    moment_of,
    name_of,
    person_of,
    tags_of,
    text_of,
)
from backoffice.desk.replies import LONGEST_REPLY
from backoffice.errors import BadInput
from models import ImportKind

LONGEST_NUMBER: Final = 50
LONGEST_TITLE: Final = 500
LONGEST_DESCRIPTION: Final = 100_000
LONGEST_ZONE: Final = 64
LONGEST_LABEL: Final = 200
#: Ours; the sequence goes on after the highest of them, and must not come to its end.
OUR_NUMBER: Final = re.compile(r"T-0*(\d{1,15})", re.ASCII)
HIGHEST_OF_OURS: Final = 999_999_999


@dataclass
class Wanted:
    """What one row asks for: `fields` by name, none of which is empty. `problems` are sentences' ends.

    A row that is `left_out` asks for nothing, and this is why.
    """

    number: int
    line: int
    key: str | None = None
    title: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left_out: str = ""


def wanted_of(row: SourceRow, plan: Plan) -> Wanted:
    """What `row` asks for, by `plan`."""
    wanted = Wanted(row.number, row.line)
    if row.problem:
        wanted.problems.append(row.problem)
        return wanted
    read = _READERS[plan.kind]
    for name, reader in read.items():
        _read(wanted, row, plan, name, reader)
    _FINISH[plan.kind](wanted, row, plan)
    return wanted


Reader = Callable[[Any, Plan, SourceRow], Any]


def _read(wanted: Wanted, row: SourceRow, plan: Plan, name: str, reader: Reader) -> None:
    column = plan.columns.get(name)
    if column is None or row.values.get(column) in (None, ""):
        return
    try:
        value = reader(row.values[column], plan, row)
    except BadInput as error:
        wanted.problems.append(f"{FIELDS[plan.kind][name].label} {error}")
        return
    if value not in (None, "", []):
        wanted.fields[name] = value


# Tickets ----------------------------------------------------------------------------------------


def _number(value: Any, plan: Plan, row: SourceRow) -> str:
    text = line_of(value, LONGEST_NUMBER)
    number = bounded(f"{plan.prefix}{text}" if text else "", LONGEST_NUMBER)
    if not number.isprintable():
        raise BadInput("holds a character that no number has")
    ours = OUR_NUMBER.fullmatch(number)
    if ours and (int(ours[1]) > HIGHEST_OF_OURS or number != f"T-{int(ours[1]):06d}"):
        raise BadInput(f"“{number}” is kept for tickets of the desk’s own: give these numbers another prefix")
    return number


def _word(name: str) -> Reader:
    def read(value: Any, plan: Plan, row: SourceRow) -> str:
        word = line_of(value, LONGEST_NUMBER)
        meaning = plan.meaning(name, word)
        if meaning is None and word:
            raise BadInput(f"“{word}” is none that is known: say what it means")
        return meaning or ""

    return read


def _said(value: Any, plan: Plan, row: SourceRow) -> str:
    return bounded(text_of(value).replace("\r\n", "\n"), LONGEST_REPLY)


def _moment(value: Any, plan: Plan, row: SourceRow) -> str:
    moment = moment_of(value, plan.time_zone)
    return moment.isoformat() if moment else ""


def _description(value: Any, plan: Plan, row: SourceRow) -> str:
    return bounded(text_of(value).replace("\r\n", "\n"), LONGEST_DESCRIPTION)


_TICKETS: Final[dict[str, Reader]] = {
    "number": _number,
    "title": lambda value, plan, row: line_of(value, LONGEST_TITLE),
    "description": _description,
    "status": _word("status"),
    "priority": _word("priority"),
    "requester": lambda value, plan, row: person_of(value),
    "requester_name": lambda value, plan, row: name_of(value),
    "assignee": lambda value, plan, row: person_of(value),
    "tags": lambda value, plan, row: tags_of(value, plan.tags_by),
    "comments": lambda value, plan, row: comments_of(value, row.values, plan.time_zone),
    "reply": _said,
    "note": _said,
    "created_at": _moment,
    "updated_at": _moment,
    "resolved_at": _moment,
}


def _finish_ticket(wanted: Wanted, row: SourceRow, plan: Plan) -> None:
    fields = wanted.fields
    wanted.key = fields.get("number")
    wanted.title = fields.get("title", "")[:LONGEST_LABEL]
    if fields.get("status") == LEFT_OUT:
        wanted.left_out = "its status is left out"
    _name_requester(fields)
    comments = without_opening(fields.pop("comments", []), fields.get("description", ""))
    for name, is_internal in (("reply", False), ("note", True)):
        if content := fields.pop(name, ""):
            comments.append(
                {"content": content, "is_internal": is_internal, "author": None, "created_at": None}
            )
    if comments:
        fields["comments"] = comments


def _name_requester(fields: dict[str, Any]) -> None:
    name = fields.pop("requester_name", "")
    if name and "requester" not in fields:
        fields["requester"] = {"email": "", "name": name}
    elif name and not fields["requester"]["name"]:
        fields["requester"]["name"] = name


# People -----------------------------------------------------------------------------------------


def _zone(value: Any, plan: Plan, row: SourceRow) -> str:
    name = line_of(value, LONGEST_ZONE)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"is no name of a time zone: “{name}”") from None
    return name


_PEOPLE: Final[dict[str, Reader]] = {
    "email": lambda value, plan, row: email_of(value),
    "full_name": lambda value, plan, row: name_of(value),
    "first_name": lambda value, plan, row: name_of(value),
    "last_name": lambda value, plan, row: name_of(value),
    "is_staff": lambda value, plan, row: is_staff_of(value),
    "is_active": lambda value, plan, row: flag_of(value),
    "time_zone": _zone,
    "created_at": _moment,
}


def _finish_person(wanted: Wanted, row: SourceRow, plan: Plan) -> None:
    fields = wanted.fields
    parts = [fields.pop(name, "") for name in ("first_name", "last_name")]
    if "full_name" not in fields and any(parts):
        fields["full_name"] = " ".join(filter(None, parts))
    wanted.key = fields.get("email")
    wanted.title = fields.get("full_name", "")[:LONGEST_LABEL]
    if wanted.key is None and not wanted.problems:
        wanted.problems.append("it has no e-mail address")
    if fields.get("is_staff") and not plan.may_make_staff:
        wanted.problems.append("only those who manage staff may make staff accounts")


_READERS: Final = {ImportKind.TICKETS: _TICKETS, ImportKind.PEOPLE: _PEOPLE}
_FINISH: Final = {ImportKind.TICKETS: _finish_ticket, ImportKind.PEOPLE: _finish_person}
