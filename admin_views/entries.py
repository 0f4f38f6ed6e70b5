"""The history's columns, in words."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from backoffice.admin.field_changes import moment_in
from backoffice.admin.formats import clock
from backoffice.admin.history import record_link
from backoffice.admin.pages import Cell, Kind
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.audit.labels import verb_label
from models import AuditLog, Operation

LONGEST_VALUE: Final = 60
NOTHING: Final = "–"


def record(view: View, request: Request, entry: AuditLog) -> Cell:
    """Which record an entry is about, with a link where this person may see it."""
    link = record_link(view.site, request, entry.table_name, entry.record_id)
    return Cell(Kind.RECORD, link.label, link.url)


def changes(view: View, request: Request, entry: AuditLog) -> Cell:
    """What changed: `status: open → closed; priority: low → high`."""
    zone = current_user(request).time_zone
    told = (_change(field, change, zone) for field, change in entry.changes.items())
    return Cell(Kind.TEXT, "; ".join(filter(None, told)))


def operation(view: View, request: Request, entry: AuditLog) -> Cell:
    """The operation by the beginning of its id."""
    if entry.operation_id is None:
        return Cell(Kind.RECORD, None)
    operations = view.site.view_of(Operation)
    url = operations.url("details", entry.operation_id) if operations is not None else ""
    return Cell(Kind.RECORD, str(entry.operation_id)[:8], url)


def verb(view: View, request: Request, operation: Operation) -> Cell:
    """What was done."""
    return Cell(Kind.TEXT, verb_label(operation.verb))


def parameters(view: View, request: Request, operation: Operation) -> Cell:
    """What was chosen for it: `priority: low; tags: billing, printing`."""
    return Cell(Kind.TEXT, chosen(operation.parameters))


def chosen(parameters: Mapping[str, Any]) -> str | None:
    """Parameters of a verb in a line; None where there are none."""
    parts = (f"{name.replace('_', ' ')}: {_listed(value)}" for name, value in parameters.items())
    return "; ".join(parts) or None


def outcome(view: View, request: Request, operation: Operation) -> Cell:
    """How many records changed, already were so, and were refused."""
    counts = operation.outcome
    parts = [
        f"{counts['changed']:,} changed" if "changed" in counts else "",
        f"{counts['unchanged']:,} already so" if counts.get("unchanged") else "",
        *(f"{count:,} {reason}" for reason, count in counts.get("refused", {}).items()),
        f"{counts['conflict_count']:,} changed since" if counts.get("conflict_count") else "",
    ]
    return Cell(Kind.TEXT, ", ".join(filter(None, parts)) or None)


def _change(field: str, change: dict[str, Any], zone: str) -> str:
    """One field in words; nothing where there is nothing to tell."""
    name = field.replace("_", " ").removesuffix(" id")
    if "changed" in change:
        return f"{name} (secret)"
    if "erased" in change:
        return f"{name} (erased)"
    if "old" not in change:
        return "" if change["new"] is None else f"{name}: {_shown(change['new'], zone)}"
    if "new" not in change:
        return "" if change["old"] is None else f"{name}: {_shown(change['old'], zone)}"
    return f"{name}: {_shown(change['old'], zone)} → {_shown(change['new'], zone)}"


def _listed(value: Any) -> str:
    return ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)


def _shown(value: Any, zone: str = "UTC") -> str:
    moment = moment_in(value) if isinstance(value, str) else None
    text = NOTHING if value is None else clock(moment, zone) if moment else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
