"""Running the proof beside the application, and its page: how far it is, and what it found."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from admin_views.periods import PeriodForm
from backoffice.admin.history import record_link
from backoffice.admin.pages import Flash, Link
from backoffice.admin.request import current_user, flash, see_other
from backoffice.admin.view import View
from backoffice.audit.proof.anchor import known_anchors
from backoffice.audit.proof.keys import trusted_keys
from backoffice.audit.proof.report import Finding, Report
from backoffice.audit.proof.runs import (
    Period,
    Progress,
    begin_run,
    find_running,
    finish_run,
    report_of,
)
from backoffice.audit.proof.verify import verify
from models import AuditLog, AuditSeal, AuditVerification, VerificationState

#: Of very many findings the page shows the first.
MOST_SHOWN: Final = 100


@dataclass(frozen=True)
class ShownFinding:
    """A finding, and where its entry, its seal and its record can be seen."""

    finding: Finding
    entry_url: str
    seal_url: str
    record: Link | None


async def begin(view: View, request: Request, form: PeriodForm) -> Response:
    """Start a run, or lead to the one that is under way."""
    session = request.state.session
    if (running := await find_running(session)) is not None:
        flash(request, Flash("A verification is running already: this is it.", level="info"))
        return see_other(view.url("details", running.id))
    user = current_user(request)
    period = form.period(user.time_zone)
    run = await begin_run(session, user_id=user.id, period=period)
    response = see_other(view.url("details", run.id))
    # After the commit: until then nobody else sees the run, nor can anybody end it.
    work = finish_run(view.site.factory, run.id, partial(_prove, view, period))
    response.background = BackgroundTask(view.site.background.start, work)
    return response


async def around(view: View, request: Request, run: AuditVerification) -> Mapping[str, Any]:
    """What a run's template shows beside its facts."""
    report = report_of(run)
    findings = await _shown(view, request, report.findings[:MOST_SHOWN]) if report else []
    first = await _shown(view, request, [report.first]) if report and report.first else []
    return {
        "run": run,
        "is_running": run.standing is VerificationState.RUNNING,
        "report": report,
        "problem": run.report.get("problem", ""),
        "first": first[0] if first else None,
        "findings": findings,
        "unshown": report.found - len(findings) if report else 0,
        "overview_url": view.url("overview"),
    }


async def _prove(view: View, period: Period, progress: Progress) -> Report:
    settings = view.site.settings
    return await verify(
        view.site.factory,
        trusted_keys(settings),
        since=period.since,
        until=period.until,
        anchors=await to_thread(known_anchors, settings),
        progress=progress,
    )


async def _shown(view: View, request: Request, findings: Sequence[Finding]) -> list[ShownFinding]:
    """With links to what is still there."""
    log, seals = view.site.view_of(AuditLog), view.site.view_of(AuditSeal)
    entry_ids = {finding.entry_id for finding in findings if finding.entry_id is not None}
    numbers = {finding.seal for finding in findings if finding.seal is not None}
    session = request.state.session
    entries = set(await session.scalars(select(AuditLog.id).where(AuditLog.id.in_(entry_ids))))
    sealed = set(await session.scalars(select(AuditSeal.number).where(AuditSeal.number.in_(numbers))))
    return [
        ShownFinding(
            finding,
            log.url("details", finding.entry_id) if log and finding.entry_id in entries else "",
            seals.url("details", finding.seal) if seals and finding.seal in sealed else "",
            record_link(view.site, request, *finding.record) if finding.record else None,
        )
        for finding in findings
    ]
