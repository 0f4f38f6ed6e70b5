"""The sample on a confirmation: the first rows that change, field by field, and some that are refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from starlette.requests import Request

from backoffice.admin.cells import key_of, naming_options, title_of
from backoffice.admin.field_changes import FieldChanges, label_of, moment_in, view_of_table
from backoffice.admin.pages import Link
from backoffice.admin.record_pages import HistoryChange
from backoffice.audit.browse import Entry, FieldChange
from backoffice.database import INCLUDE_TRASHED
from backoffice.operations import chosen
from backoffice.operations.sample import Sample
from models import AuditAction

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: More fields than these have no room side by side.
MOST_COLUMNS: Final = 4
#: A moment as near as this to the trial is its own.
JUST_NOW: Final = timedelta(minutes=1)
NOW: Final = "now"


@dataclass(frozen=True)
class SampleRow:
    """A record, and per column what changes there."""

    subject: Link
    cells: Sequence[Sequence[HistoryChange]]
    is_deleted: bool


@dataclass(frozen=True)
class SampleTable:
    #: In words, which rows these are.
    title: str
    #: What one of them is called.
    noun: str
    columns: Sequence[str]
    rows: Sequence[SampleRow]
    #: Some that are left alone, each with the reason.
    refused: Sequence[tuple[Link, str]]
    #: What changes along with these rows, in words.
    along: str
    problem: str

    @property
    def is_wide(self) -> bool:
        """Whether the fields stand below each other."""
        return len(self.columns) > MOST_COLUMNS


async def sample_table(
    site: "AdminSite", view: "View", request: Request, sample: Sample, changing: int
) -> SampleTable:
    """What a sample of `changing` rows shows; the records' names take one query, however many."""
    links = await _links(view, request, [*sample.changed, *sample.refused])
    changes = _changes(site, view, request, sample)
    columns = _columns(view, changes.values())
    rows = [
        SampleRow(links[key], [fields.get(name, ()) for name in columns], _is_deleted(view, entries))
        for key, fields in changes.items()
        for entries in [sample.changed[key]]
        if key in links
    ]
    return SampleTable(
        title=_title(view, len(rows), changing),
        noun=view.name,
        columns=columns,
        rows=rows,
        refused=[(links[key], reason) for key, reason in sample.refused.items() if key in links],
        along=_along(site, sample.along),
        problem=sample.problem,
    )


def _title(view: "View", shown: int, changing: int) -> str:
    if shown < changing:
        return f"The first {shown:,} of the {changing:,} {view.noun(changing)} that change"
    return "What changes"


async def _links(view: "View", request: Request, keys: Collection[int]) -> dict[int, Link]:
    """The records by their names, each with where it is shown, if this person may see that."""
    statement = select(view.model).where(view.key.in_(chosen(keys))).options(*naming_options(view.model))
    records = await request.state.session.scalars(statement, execution_options=INCLUDE_TRASHED)
    may_see = view.may(request, "details")
    return {
        key: Link(title_of(record), view.url("details", key) if may_see else "")
        for record in records
        for key in [key_of(record)]
    }


def _changes(
    site: "AdminSite", view: "View", request: Request, sample: Sample
) -> dict[int, dict[str, list[HistoryChange]]]:
    """Of each row the changes by what their field is called; that it is deleted says all of itself."""
    words = FieldChanges(site, request)
    changes: dict[int, dict[str, list[HistoryChange]]] = {}
    for key, entries in sample.changed.items():
        fields = changes[key] = defaultdict(list)
        if not _is_deleted(view, entries):
            for change in words.of(map(_without_clock, entries)):
                fields[change.field].append(change)
    return changes


def _without_clock(entry: Entry) -> Entry:
    """The entry without the time at which it was tried: when it is done, it will be another."""
    return replace(entry, changes=[_timeless(change, entry.when) for change in entry.changes])


def _timeless(change: FieldChange, tried: datetime) -> FieldChange:
    moment = moment_in(change.new) if isinstance(change.new, str) else None
    is_stamp = moment is not None and abs(tried - moment) < JUST_NOW
    return replace(change, new=NOW) if is_stamp else change


def _is_deleted(view: "View", entries: Iterable[Entry]) -> bool:
    table = view.model.__tablename__
    return any(entry.action is AuditAction.DELETE and entry.table_name == table for entry in entries)


def _columns(view: "View", changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The fields that change in any row, in the order of the record's page; what that does not have, last."""
    found = dict.fromkeys(name for fields in changes for name in fields)
    known = [label_of(view, str(name)) for name in view.column_details_list]
    return sorted(found, key=lambda name: known.index(name) if name in known else len(known))


def _along(site: "AdminSite", along: Mapping[str, int]) -> str:
    """`3 comments and 1 attachment`."""
    parts = []
    for table, count in along.items():
        view = view_of_table(site, table)
        noun = view.noun(count) if view is not None else table.replace("_", " ")
        parts.append(f"{count:,} {noun}")
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
