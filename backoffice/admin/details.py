"""A record's page: its facts, what can be done with it, and its history."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.history import history_items
from backoffice.admin.origin import keeping, origin
from backoffice.admin.pages import DetailsPage, Fact, HistoryItem, Link
from backoffice.admin.request import positive_number

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

HISTORY_PAGE = 30


async def details_page(
    site: "AdminSite",
    view: "View",
    request: Request,
    *,
    refused: Mapping[str, Any] | None = None,
    status_code: int = 200,
) -> Response:
    """Show one record, trashed or not; `refused` are forms of its page that come back with what is wrong."""
    record = await view.load(request, request.path_params["pk"], view.get_details_columns())
    view.require(request, "details", record)
    history, more = await _history(site, view, request, record)
    page = DetailsPage(
        title=view.title(record),
        subtitle=view.name,
        facts=[_fact(view, request, record, name) for name in _names(view, record)],
        actions=_actions(site, view, request, record),
        history=history,
        more_history_url=more,
        is_trashed=getattr(record, "is_trashed", False),
        back=_back(site, view, request),
        extra={**await view.details_extra(request, record), **(refused or {})},
    )
    return site.render(request, view.details_template, page, status_code=status_code)


def _names(view: "View", record: Any) -> list[str]:
    """What there is to say: what is optional is left out where there is nothing."""
    names = view.get_details_columns()
    return [name for name in names if name not in view.optional_facts or getattr(record, name)]


def _fact(view: "View", request: Request, record: Any, name: str) -> Fact:
    return Fact(view.label(name), view.cell_maker(request, name)(record))


def _back(site: "AdminSite", view: "View", request: Request) -> Link | None:
    """The list that somebody came from, with its search and filters; else the list as it begins."""
    if not view.may(request, "list"):
        return None
    came_from = origin(site, request)
    is_list = came_from.partition("?")[0] == view.url("list")
    return Link(view.name_plural, came_from if is_list else view.url("list"))


def _actions(site: "AdminSite", view: "View", request: Request, record: Any) -> list[Link]:
    key = getattr(record, view.key.key)
    trashed = getattr(record, "is_trashed", False)
    actions = []
    if not trashed and view.may(request, "edit", record):
        edit_url = keeping(view.url("edit", key), origin(site, request))
        actions.append(Link("Edit", edit_url, "ti ti-pencil", is_primary=True))
    actions += view.record_actions(request, record)
    for action in view.bulk_actions:
        if action.on_record and action.on_trash == trashed and action.is_allowed(view, request, rows=1):
            url = view.url(f"bulk/{action.slug}")
            hidden = {"pks": str(key)}
            actions.append(Link(action.label, url, action.icon, True, action.is_danger, hidden=hidden))
    return actions


async def _history(
    site: "AdminSite", view: "View", request: Request, record: Any
) -> tuple[list[HistoryItem], str]:
    """The newest entries, or those before `?before=`; and where older ones are."""
    if not view.keeps_history:
        return [], ""
    before = positive_number(request, "before")
    entries = await view.history(request, record, limit=HISTORY_PAGE + 1, before_id=before)
    shown = entries[:HISTORY_PAGE]
    url = view.url("details", getattr(record, view.key.key))
    more = f"{url}?before={shown[-1].id}" if len(entries) > HISTORY_PAGE else ""
    return history_items(site, request, shown), more
