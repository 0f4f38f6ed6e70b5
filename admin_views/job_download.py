"""The file that a job exported, for who asked for it, as long as it is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from admin_views.taken import record_taken
from backoffice.admin.export_formats import FORMATS
from backoffice.admin.export_jobs import EXPORT
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.attachments import content_disposition
from backoffice.errors import NotAllowed, NotFound
from backoffice.export_files import ExportFolder
from models import Job, JobState

GONE = "The file is gone: it is kept for {} hours, or until somebody is erased. Export the list anew."


@dataclass(frozen=True)
class OfferedFile:
    """What the job's page says of the file; without a `url` it is gone."""

    url: str
    label: str
    words: str


def offered(view: View, request: Request, job: Job) -> OfferedFile | None:
    """The file of an export that is done, for who asked for it."""
    if job.kind != EXPORT or job.state is not JobState.DONE or job.user_id != current_user(request).id:
        return None
    label, hours = FORMATS[job.outcome["format"]].label, view.site.settings.export_hours
    if _is_gone(view, job):
        return OfferedFile("", label, GONE.format(hours))
    words = f"It is kept for {hours} hours, and only you can download it."
    return OfferedFile(f"{view.url(str(job.id))}/download", label, words)


async def download(view: View, request: Request) -> Response:
    """Send the file; that it is taken is on record before."""
    view.require(request, "details")
    job: Job = await view.load(request, request.path_params["pk"])
    if job.kind != EXPORT or job.user_id != current_user(request).id:
        raise NotAllowed("Only who asked for an export can download it.")
    view.site.view(job.page).require(request, "export")
    if job.state is not JobState.DONE:
        raise NotFound("There is no file: the export is not done.")
    if _is_gone(view, job):
        raise NotFound(GONE.format(view.site.settings.export_hours))
    return _Recorded(view, request, job)


def _is_gone(view: View, job: Job) -> bool:
    is_late = datetime.fromisoformat(job.outcome["expires_at"]) <= datetime.now(UTC)
    return is_late or not _path(view, job).is_file()


def _path(view: View, job: Job) -> Path:
    return ExportFolder.of(view.site.settings).path(job.outcome["file"])


class _Recorded(FileResponse):
    """A file that is sent once the history knows."""

    def __init__(self, view: View, request: Request, job: Job) -> None:
        headers = {
            "Content-Disposition": content_disposition(job.outcome["called"], inline=False),
            "Cache-Control": "no-store",
        }
        media_type = FORMATS[job.outcome["format"]].media_type
        super().__init__(_path(view, job), headers=headers, media_type=media_type)
        self._view, self._request, self._job = view, request, job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self._record()
        await super().__call__(scope, receive, send)

    async def _record(self) -> None:
        job, site = self._job, self._view.site
        facts = {"format": job.outcome["format"], "for": job.selection, "rows": job.outcome["rows"]}
        await record_taken(site, self._request, site.view(job.page).model.__tablename__, facts)
