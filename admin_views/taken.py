"""Files of results that somebody takes with them: the history knows before the first line is sent."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from backoffice.admin.request import current_user
from backoffice.admin.site import AdminSite
from backoffice.audit.context import Change
from backoffice.audit.record import record_event
from backoffice.database import transaction
from models import AuditAction


async def record_taken(site: AdminSite, request: Request, table_name: str, facts: Mapping[str, Any]) -> None:
    """Note that who asks takes a file about records of this table; `for` says which, and may name people.

    In a transaction of its own: that of the request is over, or reads alone.
    """
    asked: Change = request.state.change
    change = Change(
        verb=asked.verb,
        actor=asked.actor,
        actor_id=current_user(request).id,
        request_id=asked.request_id,
        address=asked.address,
    )
    async with transaction(site.factory, change) as session:
        await record_event(
            session,
            AuditAction.EXPORT,
            table_name=table_name,
            record_id=None,
            facts=dict(facts),
            personal=["for"],
        )
