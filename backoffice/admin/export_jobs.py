"""Large exports as jobs: a worker writes the file, as who asked may see it, while they do something else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from anyio import CancelScope, create_task_group, to_thread
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.accounts.sessions import find_person
from backoffice.admin.counting import Count
from backoffice.admin.export_cursor import cursor_of
from backoffice.admin.export_formats import FORMATS, Batches, ExportFormat, Rows
from backoffice.admin.exporting import (
    Export,
    count_rows,
    facts_of,
    file_name,
    format_of,
    wanted_export,
)
from backoffice.admin.request import current_user, see_other, submitted
from backoffice.audit.context import Change, without_change
from backoffice.audit.record import record_event
from backoffice.database import SessionFactory, transaction
from backoffice.errors import NotAllowed, TooManyAttempts
from backoffice.export_files import ExportFolder, create_privately
from backoffice.jobs import ChunkOutcome, JobKind, Part, Work, submit
from models import AuditAction, Job, JobChunk, JobState

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

EXPORT: Final = "export"
#: Of one person, that have not ended: each takes its place on the disk.
MOST_OPEN: Final = 5
#: Seconds between two looks at how far it is, and at whether it was cancelled.
LOOK: Final = 1.0
NO_JOBS: Final = "You may not see jobs, so nothing can be exported in the background for you."
NO_MORE: Final = "Who asked for this may not export this list any more."
ENOUGH: Final = "Several of your exports are being made already. Wait until one has ended, or cancel one."


# Asking ----------------------------------------------------------------------------------------


async def export(site: "AdminSite", view: "View", request: Request) -> Response:
    """Make the job that exports the list at this address, or lead to the file where that is quick."""
    view.require(request, "list")
    view.require(request, "export")
    jobs = site.view_of(Job)
    if jobs is None or not may_export_later(site, request):
        raise NotAllowed(NO_JOBS)
    made = format_of(request)
    wanted = await wanted_export(site, view, request, made)
    most = at_once(site, made)
    in_background = submitted(request).get("background")
    if not in_background and await count_rows(request.state.session, wanted, most=most + 1) <= most:
        return see_other(f"{request.url.path}?{request.url.query}")
    job = await _submit(request, wanted)
    return see_other(jobs.url("details", job.id))


def at_once(site: "AdminSite", made: ExportFormat) -> int:
    """As many rows are sent while somebody waits."""
    return max(1, site.settings.export_rows_at_once // made.effort)


def may_export_later(site: "AdminSite", request: Request) -> bool:
    """Whether this person can see what becomes of a job."""
    jobs = site.view_of(Job)
    return jobs is not None and jobs.may(request, "details")


def may_be_large(site: "AdminSite", count: Count | None) -> bool:
    """Whether a list of so many rows, as lists count them, may be more than is sent at once."""
    if count is None or not count.is_all:
        return True
    return count.rows > min(at_once(site, made) for made in FORMATS.values())


async def _submit(request: Request, wanted: Export) -> Job:
    session, user, view = request.state.session, current_user(request), wanted.view
    is_open = (Job.user_id == user.id) & (Job.kind == EXPORT) & Job.ended_at.is_(None)
    if await session.scalar(select(func.count()).select_from(Job).where(is_open)) >= MOST_OPEN:
        raise TooManyAttempts(ENOUGH, retry_after=60)
    request.state.change.selection = wanted.words
    work = Work(
        kind=EXPORT,
        page=view.identity,
        title=f"Export {view.name_plural} as {wanted.format.label}",
        # Its rows are those that there are when it begins.
        parts=[Part(view.model.__tablename__, [])],
        parameters={
            "format": wanted.format.name,
            "query": request.query_params.multi_items(),
            "time_zone": user.time_zone,
        },
        in_words={"format": wanted.format.label},
        is_operation=False,
    )
    return await submit(session, work)


# Making it -------------------------------------------------------------------------------------


def export_kind(site: "AdminSite") -> JobKind:
    """The kind of jobs that export a list."""

    async def do(session: AsyncSession, job: Job, chunk: JobChunk) -> ChunkOutcome:
        return await _make(site, session, job)

    return JobKind(name=EXPORT, do=do)


class _Cancelled(Exception):
    """Nobody wants the file any more."""


async def _make(site: "AdminSite", session: AsyncSession, job: Job) -> ChunkOutcome:
    """Write the file, and note in `session` that it was made."""
    folder = ExportFolder.of(site.settings)
    progress = _Progress(site.factory, job)
    draft = await asyncio.to_thread(folder.begin, job.id)
    try:
        async with _rebuilt(site, job) as (reader, wanted):
            await progress.begin()
            file = draft / file_name(wanted.view, wanted.format)
            async with _until_cancelled(progress):
                progress.rows_total = await count_rows(reader, wanted)
                await _write(reader, wanted, file, progress)
        name = await asyncio.to_thread(folder.keep, draft, file)
        await progress.end()
    except _Cancelled:
        await asyncio.to_thread(folder.remove, job.id)
        await progress.give_up()
        return ChunkOutcome()
    except BaseException:
        folder.remove(job.id)
        raise
    facts = facts_of(wanted)
    facts["facts"] |= {"rows": progress.rows}
    await record_event(session, AuditAction.EXPORT, **facts)
    return ChunkOutcome(result=_result(folder, name, wanted, progress.rows))


def _result(folder: ExportFolder, name: str, wanted: Export, rows: int) -> Mapping[str, Any]:
    expires_at = datetime.now(UTC) + folder.kept_for
    return {
        "file": name,
        "format": wanted.format.name,
        "rows": rows,
        "expires_at": expires_at.isoformat(),
        "called": file_name(wanted.view, wanted.format),
    }


@asynccontextmanager
async def _rebuilt(site: "AdminSite", job: Job) -> AsyncIterator[tuple[AsyncSession, Export]]:
    """What was asked for, with what its requester may by now, and a session that reads it."""
    change = Change(
        verb=job.verb, actor=EXPORT, actor_id=job.user_id, request_id=job.request_id, read_only=True
    )
    async with transaction(site.factory, change) as session:
        user = await find_person(session, job.user_id)
        if user is None:
            raise NotAllowed(NO_MORE)
        view = site.view(job.page)
        request = _request(job, session)
        # Days begin where they did for who asked.
        request.state.user = replace(user, time_zone=job.parameters["time_zone"])
        if not (view.may(request, "list") and view.may(request, "export")):
            raise NotAllowed(NO_MORE)
        yield session, await wanted_export(site, view, request, FORMATS[job.parameters["format"]])


def _request(job: Job, session: AsyncSession) -> Request:
    """The request that asked for the job, as far as it says which rows."""
    query = urlencode([(name, value) for name, value in job.parameters["query"]])
    request = Request({"type": "http", "method": "GET", "headers": [], "query_string": query.encode()})
    request.state.session = session
    return request


async def _write(session: AsyncSession, wanted: Export, file: Path, progress: "_Progress") -> None:
    with create_privately(file) as out:
        async with cursor_of(session, wanted.statement) as batches:
            rows = progress.counting(batches)
            async with aclosing(wanted.format.chunks(wanted.columns, rows, scratch=file.parent)) as chunks:
                async for chunk in chunks:
                    await to_thread.run_sync(out.write, chunk)


@asynccontextmanager
async def _until_cancelled(progress: "_Progress") -> AsyncIterator[None]:
    """Break off with `_Cancelled`, whatever is waited for, soon after the job was cancelled."""
    try:
        async with create_task_group() as group:
            group.start_soon(progress.watch, group.cancel_scope)
            yield
            group.cancel_scope.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    if progress.is_cancelled:
        raise _Cancelled


class _Progress:
    """How far it is, told to others in transactions of its own."""

    def __init__(self, factory: SessionFactory, job: Job) -> None:
        self._factory = factory
        self._job_id = job.id
        self.rows = self.rows_total = 0
        self.is_cancelled = False

    async def begin(self) -> None:
        """It begins, maybe anew: the rows of a worker that was killed do not count."""
        await self._tell(state=JobState.RUNNING, started_at=func.now(), rows_done=0)
        if self.is_cancelled:
            raise _Cancelled

    async def counting(self, batches: Batches) -> AsyncIterator[Rows]:
        """The same, counted."""
        async for rows in batches:
            self.rows += len(rows)
            yield rows

    async def watch(self, scope: CancelScope) -> None:
        """Tell it again and again, until the job is cancelled, and `scope` with it."""
        while not self.is_cancelled:
            await asyncio.sleep(LOOK)
            # Broken off in the middle it would cost a connection.
            with CancelScope(shield=True):
                await self._tell(rows_done=self.rows, rows_total=max(self.rows, self.rows_total))
        scope.cancel()

    async def end(self) -> None:
        """All is done."""
        await self._tell(rows_done=self.rows, rows_total=self.rows)
        if self.is_cancelled:
            raise _Cancelled

    async def give_up(self) -> None:
        """Nothing of it remains."""
        reset = update(Job).where(Job.id == self._job_id).values(rows_done=0)
        with without_change():
            async with self._factory.begin() as session:
                await session.execute(reset, execution_options={"synchronize_session": False})

    async def _tell(self, **values: Any) -> None:
        goes_on = Job.state.in_((JobState.QUEUED, JobState.RUNNING))
        told = update(Job).where(Job.id == self._job_id, goes_on).values(values).returning(Job.id)
        with without_change():
            async with self._factory.begin() as session:
                found = await session.scalar(told, execution_options={"synchronize_session": False})
        self.is_cancelled = found is None
