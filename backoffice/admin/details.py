"""A record's page: its facts, what can be done with it, and its history."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.blaming import last_set
from backoffice.admin.history import operation_link, step_items
from backoffice.admin.origin import keeping, origin
from backoffice.admin.pages import Link
from backoffice.admin.reading import viewed
from backoffice.admin.record_pages import DetailsPage, Fact, HistoryItem, SetBy
from backoffice.audit.blame import Blame
from backoffice.audit.browse import Entry, Place
from backoffice.audit.timeline import timeline
from backoffice.errors import BadInput
from backoffice.keys import LARGEST_KEY
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Of one page of the history.
STEPS: Final = 20
ENTRIES: Final = 100

_PLACE: Final = re.compile(r"(\d{1,16})-(\d{1,19})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
    viewed(view, request, record)
    before = _place(request.query_params.get("before", ""))
    entries = await _entries(view, request, record, before)
    history, more = _history(site, view, request, record, entries)
    is_whole = before is None and len(entries) <= ENTRIES
    set_by = await _set_by(site, view, request, record, entries if is_whole else None)
    page = DetailsPage(
        title=view.title(record),
        subtitle=view.name,
        facts=[_fact(view, request, record, name, set_by) for name in _names(view, record)],
        actions=_actions(site, view, request, record),
        history=history,
        more_history_url=more,
        set_by=set_by,
        is_trashed=getattr(record, "is_trashed", False),
        back=_back(site, view, request),
        extra={**await view.details_extra(request, record), **(refused or {})},
    )
    return site.render(request, view.details_template, page, status_code=status_code)


def _names(view: "View", record: Any) -> list[str]:
    """What there is to say: what is optional is left out where there is nothing."""
    names = view.get_details_columns()
    return [name for name in names if name not in view.optional_facts or getattr(record, name)]


def _fact(view: "View", request: Request, record: Any, name: str, set_by: Mapping[str, SetBy]) -> Fact:
    return Fact(view.label(name), view.cell_maker(request, name)(record), set_by.get(name))


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


async def _set_by(
    site: "AdminSite", view: "View", request: Request, record: Any, history: Sequence[Entry] | None
) -> dict[str, SetBy]:
    """Who set the record's fields last, by the names of its columns and relationships."""
    table = Base.metadata.tables[view.model.__tablename__]
    if not view.keeps_history or not table.info.get("audit", True):
        return {}
    found = await last_set(request.state.session, record, history)
    return {name: _said(site, request, each) for name, each in found.items()}


def _said(site: "AdminSite", request: Request, found: Blame) -> SetBy:
    return SetBy(found.who or "", found.who_now or "", found.when, operation_link(site, request, found))


async def _entries(view: "View", request: Request, record: Any, before: Place | None) -> Sequence[Entry]:
    """Of the history, as many as a page may tell; and one more, where there are."""
    if not view.keeps_history:
        return []
    return await view.history(request, record, limit=ENTRIES + 1, before=before)


def _history(
    site: "AdminSite", view: "View", request: Request, record: Any, entries: Sequence[Entry]
) -> tuple[list[HistoryItem], str]:
    """The newest steps, or those before `?before=`; and where older ones are."""
    shown = timeline(entries, most_entries=ENTRIES, most_steps=STEPS)
    key = getattr(record, view.key.key)
    more = f"{view.url('details', key)}?before={_address(shown.older)}" if shown.older else ""
    return step_items(site, request, shown.steps, (view.model.__tablename__, key)), more


def _place(typed: str) -> Place | None:
    """The place in the history that an address names, None for none; BadInput for what is no place."""
    if not typed:
        return None
    found = _PLACE.fullmatch(typed)
    if found is None or int(found[2]) > LARGEST_KEY:
        raise BadInput("The address names no place in this history. Begin with its newest changes.")
    return Place(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))


def _address(place: Place) -> str:
    """A place for an address: microseconds since 1970, and the entry's number."""
    return f"{(place.when - _EPOCH) // timedelta(microseconds=1)}-{place.id}"
