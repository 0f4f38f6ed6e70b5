"""An operation's page: every entry of it, and the button that takes it back."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from backoffice.accounts import people
from backoffice.accounts.people import guard_administrators_remain
from backoffice.admin.field_changes import view_of_table
from backoffice.admin.history import operation_items, record_link
from backoffice.admin.pages import Flash, Link
from backoffice.admin.request import came_from, current_user, flash, positive_number, see_other
from backoffice.admin.view import View
from backoffice.audit.browse import entries_of_operation
from backoffice.audit.revert import UndoResult, count_entries, find_acts, record_table, undo, why_not
from backoffice.errors import NotAllowed
from backoffice.jobs import submit_undo
from models import AuditAction, Base, Job, Operation

ENTRIES = 100
#: To undo a change of these would hand out rights past the rules for handing them out.
RIGHTS = {"groups", "group_accesses", "user_groups"}
NOT_YOURS = "Only who did it, or a supervisor, can undo it."


async def around(view: View, request: Request, operation: Operation) -> Mapping[str, Any]:
    """What the operation's template shows beside its facts."""
    session, after = request.state.session, positive_number(request, "after") or 0
    entries = await entries_of_operation(session, operation.id, limit=ENTRIES + 1, after_id=after)
    page, own = entries[:ENTRIES], view.url("details", operation.id)
    back, reason = await way_back(view, request, operation)
    return {
        "entries": operation_items(view.site, request, page),
        "more_url": f"{own}?after={page[-1].id}" if len(entries) > ENTRIES else "",
        "counts": operation.outcome,
        "conflicts": [conflict(view, request, found) for found in operation.outcome.get("conflicts", ())],
        "undo": back,
        "undo_reason": reason,
        "job": await _job(view, request, operation),
    }


async def way_back(view: View, request: Request, operation: Operation) -> tuple[Link | None, str]:
    """The button that undoes the operation, or why there is none; `view` is that of operations."""
    if (reason := await _obstacle(view, request, operation)) is not None:
        return None, reason
    return Link("Undo", f"{view.url(str(operation.id))}/undo", is_post=True), ""


async def _job(view: View, request: Request, operation: Operation) -> Link | None:
    """The job that the operation is, if it is one, for who may see it."""
    jobs, job = view.site.view_of(Job), await request.state.session.get(Job, operation.id)
    if not (jobs and job and jobs.may(request, "details")):
        return None
    return Link("Its job" if job.is_ended else "See how far it is", jobs.url("details", job.id))


async def undo_operation(view: View, request: Request) -> Response:
    """Take an operation back, as far as nobody changed since what it did."""
    view.require(request, "details")
    operation: Operation = await view.load(request, request.path_params["pk"])
    if (reason := await _missing_right(view, request, operation)) is not None:
        raise NotAllowed(reason)
    if (job := await _as_a_job(view, request, operation)) is not None:
        return see_other(job)
    result = await undo(request.state.session, operation.id)
    if "users" in result.changed:
        await guard_administrators_remain(request.state.session)
    flash(request, _report(view, request, result))
    ours = view.url("details", request.state.change.operation_id)
    return see_other(ours if result.conflict_count else came_from(request, view.site.base_url))


async def _as_a_job(view: View, request: Request, operation: Operation) -> str | None:
    """Where the undo of a large operation is to be seen, which has been begun; None for a small one."""
    session, at_once = request.state.session, view.site.settings.rows_at_once
    if await count_entries(session, operation.id, most=at_once + 1) <= at_once:
        return None
    job = await submit_undo(session, operation.id, page=view.identity)
    jobs = view.site.view_of(Job)
    return (jobs if jobs and jobs.may(request, "details") else view).url("details", job.id)


def _may_undo(view: View, request: Request, operation: Operation) -> bool:
    return operation.actor_id == current_user(request).id or view.may(request, "action:undo")


async def _obstacle(view: View, request: Request, operation: Operation) -> str | None:
    # What nobody can undo is said so first: to ask a supervisor would lead nowhere.
    reason = await why_not(request.state.session, operation)
    return reason or await _missing_right(view, request, operation)


async def _missing_right(view: View, request: Request, operation: Operation) -> str | None:
    """Why this person may not undo it: who could not make the change cannot take it back either."""
    if not _may_undo(view, request, operation):
        return NOT_YOURS
    session = request.state.session
    acts = await find_acts(session, operation.id)
    tables = {table for table, _ in acts}
    if tables & RIGHTS:
        return "It changed who may do what. Change the group, or the person, instead."
    views = [view_of_table(view.site, record_table(Base.metadata.tables[table]).name) for table in tables]
    made = [view_of_table(view.site, table) for table, action in acts if action is AuditAction.CREATE]
    is_refused = any(one is not None and not one.may(request, "edit") for one in views)
    # What was created goes to the trash.
    is_refused |= any(one is not None and one.has_trash and not one.may(request, "delete") for one in made)
    if "users" in tables and not people.may_manage(current_user(request), is_staff=True):
        is_refused |= await people.touches_staff(session, operation.id)
    if is_refused:
        return "You are not allowed to change what it changed."
    return None


def _report(view: View, request: Request, result: UndoResult) -> Flash:
    changed = sum(result.changed.values())
    parts = [f"Undone: {changed:,} {'record' if changed == 1 else 'records'} put back."]
    if result.conflict_count:
        parts.append(_left(result.conflict_count))
    if not changed:
        return Flash(" ".join(parts), level="warning")
    undo_url = f"{view.url(str(request.state.change.operation_id))}/undo"
    return Flash(" ".join(parts), level="warning" if result.conflict_count else "success", undo_url=undo_url)


def _left(conflicts: int) -> str:
    if conflicts == 1:
        return "1 value was changed since, and stays as it is."
    return f"{conflicts:,} values were changed since, and stay as they are."


def conflict(view: View, request: Request, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A value that an undo left alone, with a link to its record."""
    return {
        "subject": record_link(view.site, request, found["table"], found["record_id"]),
        "field": found["field"],
        "expected": found["expected"],
        "current": found["current"],
        "who": found["changed_by"] or "unknown",
    }
