"""The history as a file to take away, sent while it is made."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select, true, tuple_
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_views.periods import PeriodForm
from backoffice.admin.request import current_user
from backoffice.admin.view import View
from backoffice.attachments import content_disposition
from backoffice.audit.proof.bundle import Exported, bundle_chunks, record_export
from backoffice.audit.proof.keys import find_signing_key, trusted_keys
from backoffice.audit.proof.runs import Period
from backoffice.audit.proof.sealer import newest_seal
from backoffice.errors import BadInput
from models import AuditLog

NOTHING: Final = "Nothing is sealed of these days, so there is nothing to export."


async def download(view: View, request: Request, form: PeriodForm) -> Response:
    """The bundle of a period; BadInput where nothing of it is sealed.

    That it was taken is on record before its first byte leaves; what follows is read after the commit.
    """
    period, settings = form.period(current_user(request).time_zone), view.site.settings
    exported = Exported(period.since, period.until)
    exported.entries = await _sealed_entries(request, period)
    await record_export(request.state.session, exported)
    exported.entries = 0
    chunks = bundle_chunks(
        view.site.factory, trusted_keys(settings), exported, key=find_signing_key(settings)
    )
    disposition = content_disposition(_name(form), inline=False)
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return StreamingResponse(chunks, media_type="application/zip", headers=headers)


async def _sealed_entries(request: Request, period: Period) -> int:
    """How many entries of the period there are, if any of them is sealed."""
    session, of_period = request.state.session, _of(period.since, period.until)
    newest = await newest_seal(session)
    if newest is None:
        raise BadInput(NOTHING)
    is_sealed = tuple_(AuditLog.xid, AuditLog.id) <= tuple_(newest.through_xid, newest.through_id)
    if await session.scalar(select(AuditLog.id).where(of_period, is_sealed).limit(1)) is None:
        raise BadInput(NOTHING)
    return int(await session.scalar(select(func.count()).select_from(AuditLog).where(of_period)) or 0)


def _of(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    after = AuditLog.created_at >= since if since else true()
    return and_(after, AuditLog.created_at < until if until else true())


def _name(form: PeriodForm) -> str:
    """Such as `history-2026-05-01-2026-05-31.zip`."""
    days = [str(day) for day in (form.since.data, form.until.data) if day]
    return "-".join(["history", *days]) + ".zip"
