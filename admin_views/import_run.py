"""Running an import that was checked: in the request as long as it is short, else as a job."""

from collections.abc import Sequence
from typing import Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from admin_views.import_upload import folder_of, require_import
from backoffice.admin.pages import Flash
from backoffice.admin.request import flash, see_other, submitted
from backoffice.admin.view import View
from backoffice.desk.importing.job import submit_import
from backoffice.desk.importing.running import begin_run, finish_run, import_rows, rows_to_run
from backoffice.errors import BadInput, Conflict
from backoffice.operations import Counts
from models import ImportFile, ImportKind, Job, Verdict

ONE: Final = {ImportKind.TICKETS: "ticket", ImportKind.PEOPLE: "person"}


async def run(view: View, request: Request) -> Response:
    """Do what the check said, and lead to the report."""
    view.require(request, "action:import")
    file: ImportFile = await view.load(request, request.path_params["pk"])
    require_import(view, request, file.kind)
    session, change = request.state.session, request.state.change
    file = await begin_run(session, file.id)
    if file.counts.get(Verdict.ERROR) and not submitted(request).get("leave_out"):
        raise BadInput(
            "Some rows are wrong. Say that they are to be left out, or mend the file and upload it."
        )
    numbers = await rows_to_run(session, file.id)
    if not numbers:
        raise Conflict("There is nothing to import: no row would create or change anything.")
    noun = ONE[file.kind] if len(numbers) == 1 else file.kind.value
    change.selection = f"{len(numbers):,} {noun} of {file.filename}"
    if len(numbers) > view.site.settings.rows_at_once:
        return await _as_a_job(view, request, file, numbers)
    counts = await import_rows(session, file.id, numbers)
    await finish_run(session, file.id)
    change.outcome |= counts.as_json()
    flash(request, _said(view, request, counts))
    response = see_other(view.url("details", file.id))
    response.background = BackgroundTask(folder_of(view).remove, file.id)
    return response


async def _as_a_job(view: View, request: Request, file: ImportFile, numbers: Sequence[int]) -> Response:
    """Let workers do it, and lead to the page that shows how far they are."""
    job = await submit_import(request.state.session, file, numbers, page=view.identity)
    page = view.site.view_of(Job)
    return see_other(view.url("details", file.id) if page is None else page.url("details", job.id))


def _said(view: View, request: Request, counts: Counts) -> Flash:
    text = f"{counts.changed:,} {'row' if counts.changed == 1 else 'rows'} imported."
    if refused := sum(counts.refused.values()):
        text += f" {refused:,} left, because something changed since the check."
    undo = f"{view.site.base_url}/operation/{request.state.change.operation_id}/undo"
    return Flash(text, level="warning" if refused else "success", undo_url=undo if counts.changed else "")
