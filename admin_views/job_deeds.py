"""What can be done with a job from its page: cancel it, let it begin or not, note that one saw its end."""

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.notices import may_approve
from backoffice.admin.pages import Flash, Link
from backoffice.admin.request import current_user, flash, see_other
from backoffice.admin.view import View
from backoffice.errors import NotAllowed
from backoffice.jobs import approve, cancel, reject, see_jobs
from models import Job, JobState


def offered(view: View, request: Request, job: Job) -> list[Link]:
    """The button that cancels a job that goes on, for who may."""
    if job.is_ended or job.state is JobState.STOPPING or not _may_cancel(view, request, job):
        return []
    return [Link("Cancel", view.url(str(job.id)) + "/cancel", "ti ti-player-stop", True, is_danger=True)]


def may_decide(view: View, request: Request, job: Job) -> bool:
    """Whether this person says if the job begins: not who asked, but somebody who might ask for the same."""
    is_others = job.user_id != current_user(request).id
    return is_others and may_approve(view.site, request, job.page, job.verb)


async def cancel_job(view: View, request: Request) -> Response:
    """Begin no more of it."""
    job = await _asked_for(view, request)
    if not _may_cancel(view, request, job):
        raise NotAllowed("Only who asked for it, or a supervisor, can cancel it.")
    job = await cancel(request.state.session, job.id)
    if job.is_ended:
        await _see(request, job)
        flash(request, Flash("Cancelled.", level="info"))
    else:
        flash(request, Flash("It stops as soon as what is under way is done.", level="info"))
    return see_other(view.url("details", job.id))


async def approve_job(view: View, request: Request) -> Response:
    """Let it begin."""
    job = await _to_decide(view, request)
    await approve(request.state.session, job.id, approver_id=current_user(request).id)
    flash(request, Flash("Approved: it begins as soon as a worker is free."))
    return see_other(view.url("details", job.id))


async def reject_job(view: View, request: Request) -> Response:
    """Let it never begin."""
    job = await _to_decide(view, request)
    await reject(request.state.session, job.id, approver_id=current_user(request).id)
    flash(request, Flash("Rejected: nothing was changed.", level="info"))
    return see_other(view.url("details", job.id))


async def see(view: View, request: Request) -> Response:
    """Note that who asked for it saw its end."""
    job = await _asked_for(view, request)
    await _see(request, job)
    return see_other(view.url("details", job.id))


async def see_all(view: View, request: Request) -> Response:
    """Note so of all of one's own that have ended."""
    view.require(request, "list")
    await see_jobs(request.state.session, current_user(request).id)
    return see_other(view.url("list"))


async def _see(request: Request, job: Job) -> None:
    await see_jobs(request.state.session, current_user(request).id, job.id)


async def _asked_for(view: View, request: Request) -> Job:
    view.require(request, "details")
    job: Job = await view.load(request, request.path_params["pk"])
    return job


async def _to_decide(view: View, request: Request) -> Job:
    job = await _asked_for(view, request)
    if not may_decide(view, request, job):
        raise NotAllowed("Somebody else decides on it, who may approve jobs and do the same themselves.")
    return job


def _may_cancel(view: View, request: Request, job: Job) -> bool:
    return job.user_id == current_user(request).id or view.may(request, "action:cancel-all")
