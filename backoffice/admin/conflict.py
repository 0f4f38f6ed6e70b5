"""Conflicts: what somebody saved while another was typing, shown field by field, to take either side."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, inspect, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.cells import key_of, title_of
from backoffice.admin.drafts import Draft, as_json, terms_in
from backoffice.admin.fields import Terms, as_sent, as_text, is_kept
from backoffice.admin.origin import here, way_back
from backoffice.admin.pages import ConflictPage, Disagreement
from backoffice.admin.questions import column_of, foreign_key
from models import AuditLog, Base, Operation

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

MINE: Final = "mine"
THEIRS: Final = "theirs"
UNDECIDED: Final = "Choose yours or theirs for every field."
NOT_KEPT: Final = "A password or a file is not kept here. Set it again when this is saved."

#: Who changed a column last, and when.
Blame = Mapping[str, tuple[str, datetime | None]]
_NOBODY: Final[tuple[str, datetime | None]] = ("", None)


async def conflict(
    site: "AdminSite",
    view: "View",
    request: Request,
    record: Any,
    draft: Draft,
    sent: FormData,
    *,
    is_undecided: bool = False,
) -> Response:
    """Ask which side shall stay, field by field: 409, or 400 where that was asked and not answered."""
    base = terms_in(sent, "ancestor", draft.theirs) if is_undecided else draft.base
    choices = _choices(sent) if is_undecided else {}
    blame = await _blame(view, request, record, draft.disputed)
    page = ConflictPage(
        title=f"Edit {title_of(record)}",
        disagreements=[
            _disagreement(view.model, draft, name, base, choices, blame) for name in draft.disputed
        ],
        action_url=here(request),
        cancel_url=way_back(site, view, request, record),
        hidden=[*_hidden(record, draft, base), ("_save", _button(sent))],
        errors=list(_warnings(draft, is_undecided)),
    )
    return site.render(request, "conflict.html", page, status_code=400 if is_undecided else 409)


def is_decided(draft: Draft, sent: FormData) -> bool:
    """Whether a side was chosen for every field in which the sides differed when that was asked."""
    return _choices(sent).keys() >= set(draft.touched)


def with_decisions(sent: FormData, draft: Draft) -> FormData:
    """What was sent, with theirs in place of mine where that was chosen."""
    choices = _choices(sent)
    theirs = {name for name in draft.touched if choices[name] == THEIRS}
    kept = [(name, value) for name, value in sent.multi_items() if name not in theirs]
    return FormData([*kept, *((name, value) for name in theirs for value in as_sent(draft.base[name]))])


def _choices(sent: FormData) -> dict[str, str]:
    """The side that was chosen, by field."""
    return {
        name.removeprefix("choose-"): str(side)
        for name, side in sent.items()
        if name.startswith("choose-") and side in (MINE, THEIRS)
    }


def _disagreement(
    model: type[Base],
    draft: Draft,
    name: str,
    base: Mapping[str, Terms],
    choices: Mapping[str, str],
    blame: Blame,
) -> Disagreement:
    field = draft.form[name]
    mine, theirs = draft.mine[name], draft.theirs[name]
    is_theirs = theirs != base[name]
    changed_by, changed_at = blame.get(_column_name(model, name), _NOBODY) if is_theirs else _NOBODY
    return Disagreement(
        name=name,
        label=field.label.text,
        base=as_text(field, base[name]),
        mine=as_text(field, mine),
        theirs=as_text(field, theirs),
        suggestion=choices.get(name) or _suggestion(base[name], mine, theirs),
        changed_by=changed_by,
        changed_at=changed_at,
    )


def _suggestion(base: Terms, mine: Terms, theirs: Terms) -> str:
    if mine == base:
        return THEIRS
    return MINE if theirs == base else ""


def _hidden(record: Any, draft: Draft, base: Mapping[str, Terms]) -> Iterator[tuple[str, str]]:
    """All of mine, as the form would send it, on top of what is stored now."""
    for field in draft.form:
        for value in as_sent(draft.mine[field.short_name] if is_kept(field) else ""):
            yield field.name, value
    yield "base", as_json(draft.theirs)
    yield "ancestor", as_json(base)
    yield "version", str(record.version)
    yield "resolve", "1"


def _button(sent: FormData) -> str:
    pressed = sent.get("_save", "")
    return pressed if isinstance(pressed, str) else ""


def _warnings(draft: Draft, is_undecided: bool) -> Iterator[str]:
    if is_undecided:
        yield UNDECIDED
    if any(not is_kept(draft.form[name]) for name in draft.changed):
        yield NOT_KEPT


async def _blame(view: "View", request: Request, record: Any, names: list[str]) -> Blame:
    """Who last changed the columns behind `names`, in one query."""
    table: Any = view.model.__table__
    changed = func.jsonb_object_keys(AuditLog.changes).table_valued("name").render_derived(name="changed")
    statement = (
        select(changed.c.name, func.coalesce(Operation.actor, AuditLog.database_user), AuditLog.created_at)
        .select_from(AuditLog)
        .join(changed, true())
        .outerjoin(Operation, Operation.id == AuditLog.operation_id)
        .where(AuditLog.table_name == table.name, AuditLog.record_id == key_of(record))
        .where(changed.c.name.in_([_column_name(view.model, name) for name in names]))
        .ext(distinct_on(changed.c.name))
        .order_by(changed.c.name, AuditLog.id.desc())
    )
    rows = await request.state.session.execute(statement)
    return {name: (actor, at) for name, actor, at in rows}


def _column_name(model: type[Base], name: str) -> str:
    """The column behind a form's field; an extra field has none, and stands for itself."""
    mapper = inspect(model)
    if name in mapper.relationships:
        name = foreign_key(mapper.relationships[name])
    return column_of(model, name).name if name in mapper.column_attrs else name
