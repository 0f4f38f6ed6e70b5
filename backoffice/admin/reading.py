"""What a request read, for the record: handlers say it, the edge passes it on once the answer stands."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from backoffice.admin.filtered import Filtered
from backoffice.admin.request import current_user
from backoffice.audit.reads import Read, read_in
from models import AuditAction

if TYPE_CHECKING:
    from backoffice.admin.view import View


def viewed(view: "View", request: Request, record: Any) -> None:
    """The record was shown, or its file given away."""
    if view.views_on_record:
        key = getattr(record, view.key.key)
        _note(request, AuditAction.VIEW, table_name=view.model.__tablename__, record_id=key)


def searched(view: "View", request: Request, filtered: Filtered) -> None:
    """The list was searched or filtered; a list as it begins tells nothing."""
    if view.searches_on_record and filtered.is_filtered and not filtered.problem:
        _note(
            request,
            AuditAction.SEARCH,
            table_name=view.model.__tablename__,
            facts={"for": filtered.words},
            personal=["for"],
        )


def reads_of(request: Request) -> list[Read]:
    """What was read in this request."""
    reads: list[Read] = request.state.reads
    return reads


def _note(request: Request, action: AuditAction, **what: Any) -> None:
    reads_of(request).append(read_in(request.state.change, current_user(request).id, action, **what))
