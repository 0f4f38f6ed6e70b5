"""Saving a view of a list, changing it, and the page of all views."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.requests import Request
from starlette.responses import Response

from backoffice.accounts import saved_views as saving
from backoffice.accounts.lists import KnownView, Pair
from backoffice.admin.filtered import filtered_query
from backoffice.admin.filters import Choice, Dates, Filter, Flag, Related
from backoffice.admin.filters.dates import Preset
from backoffice.admin.formats import shorten, words
from backoffice.admin.list_address import ORDER, ListAddress
from backoffice.admin.pages import Flash
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.admin.saved_views import (
    SHARE,
    address_of,
    first_view,
    known_view,
    opened,
    read_state,
    view_address,
    view_link,
)
from backoffice.admin.view_counts import as_asked
from backoffice.admin.view_pages import Draft, ViewItem, ViewsPage
from backoffice.errors import BadInput, Conflict, NotFound
from models import SavedView

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Makes a change, and returns what the person is told.
Changing = Callable[["View", Request, SavedView], Awaitable[str]]


async def views_page(site: "AdminSite", view: "View", request: Request) -> Response:
    """All views of the list that this person knows, and what may be done with each."""
    view.require(request, "list")
    return await _page(site, view, request)


async def save(site: "AdminSite", view: "View", request: Request) -> Response:
    """Save the list as the form says it was; a refusal comes back with everything that was filled in."""
    view.require(request, "list")
    form = submitted(request)
    name, state = str(form.get("name", "")), str(form.get("state", ""))
    is_shared, is_first = bool(form.get("share")), bool(form.get("first"))
    try:
        query, columns = read_state(view, state)
        if is_shared:
            view.require(request, SHARE)
        await _refuse_nonsense(site, view, request, query)
        saved = await saving.save_view(
            request.state.session,
            current_user(request).id,
            view.identity,
            name,
            query=query,
            columns=columns,
            is_shared=is_shared,
        )
    except (BadInput, Conflict) as error:
        draft = Draft(name, state, is_shared, is_first, str(error))
        return await _page(site, view, request, draft=draft, status_code=error.status_code)
    if is_first:
        await _prefer(view, request, saved.id)
    flash(request, Flash(f"The view “{saved.name}” is saved."))
    return see_other(address_of(view, query, str(saved.id)))


async def change(site: "AdminSite", view: "View", request: Request) -> Response:
    """Do with the view that the form names what the path says."""
    view.require(request, "list")
    changing = CHANGES.get(request.path_params["change"])
    if changing is None:
        raise NotFound("There is no such page.")
    saved = await _find(view, request)
    try:
        sentence = await changing(view, request, saved)
    except BadInput as error:
        typed = str(submitted(request).get("name", ""))
        return await _page(
            site, view, request, refused=(saved.id, typed, str(error)), status_code=error.status_code
        )
    flash(request, Flash(sentence))
    return see_other(_back(view, request, saved))


# What can be done with one ---------------------------------------------------------------------


async def _rename(view: "View", request: Request, saved: SavedView) -> str:
    _check_may_change(view, request, saved)
    await saving.rename_view(request.state.session, saved, str(submitted(request).get("name", "")))
    return f"The view is called “{saved.name}” now."


async def _update(view: "View", request: Request, saved: SavedView) -> str:
    _check_may_change(view, request, saved)
    query, columns = read_state(view, str(submitted(request).get("state", "")))
    await _refuse_nonsense(view.site, view, request, query)
    await saving.redefine_view(request.state.session, saved, query=query, columns=columns)
    return f"The view “{saved.name}” is updated."


async def _share(view: "View", request: Request, saved: SavedView) -> str:
    view.require(request, SHARE)
    _check_may_change(view, request, saved)
    await saving.share_view(request.state.session, saved, is_shared=True)
    return f"Everybody who may see {view.name_plural.lower()} sees the view “{saved.name}” now."


async def _unshare(view: "View", request: Request, saved: SavedView) -> str:
    _check_may_withdraw(view, request, saved)
    await saving.share_view(request.state.session, saved, is_shared=False)
    return f"The view “{saved.name}” is its owner's alone again."


async def _open_first(view: "View", request: Request, saved: SavedView) -> str:
    await _prefer(view, request, saved.id)
    return f"{view.name_plural} open with the view “{saved.name}” now."


async def _open_all(view: "View", request: Request, saved: SavedView) -> str:
    await _prefer(view, request, None)
    return f"{view.name_plural} open with all rows again."


async def _delete(view: "View", request: Request, saved: SavedView) -> str:
    _check_may_withdraw(view, request, saved)
    await saving.delete_view(request.state.session, saved)
    return f"The view “{saved.name}” is deleted."


CHANGES: Final[Mapping[str, Changing]] = {
    "rename": _rename,
    "update": _update,
    "share": _share,
    "unshare": _unshare,
    "open-first": _open_first,
    "open-all": _open_all,
    "delete": _delete,
}


async def _find(view: "View", request: Request) -> SavedView:
    key = str(submitted(request).get("view", ""))
    return await saving.find_view(request.state.session, current_user(request).id, view.identity, key)


def _check_may_change(view: "View", request: Request, saved: SavedView) -> None:
    saving.check_may_change(saved, current_user(request).id, may_share=view.may(request, SHARE))


def _check_may_withdraw(view: "View", request: Request, saved: SavedView) -> None:
    saving.check_may_withdraw(saved, current_user(request).id, may_share=view.may(request, SHARE))


async def _prefer(view: "View", request: Request, key: int | None) -> None:
    await saving.prefer(request.state.session, current_user(request).id, view.identity, {"view": key})


async def _refuse_nonsense(site: "AdminSite", view: "View", request: Request, query: Sequence[Pair]) -> None:
    """Raise BadInput for a query that the list itself would refuse."""
    state = {"user": current_user(request), "session": request.state.session}
    await filtered_query(site, view, as_asked(request.scope, query, **state))


def _back(view: "View", request: Request, saved: SavedView) -> str:
    """To the page of all views for who came from there, else to the list, with the view if there is one."""
    if submitted(request).get("back") == "views":
        return view.url("views")
    if request.path_params["change"] == "delete":
        return view.url("list")
    return view_address(view, known_view(saved))


# The page of all -------------------------------------------------------------------------------


async def _page(
    site: "AdminSite",
    view: "View",
    request: Request,
    *,
    draft: Draft | None = None,
    refused: tuple[int, str, str] = (0, "", ""),
    status_code: int = 200,
) -> Response:
    owners = await _owners(view, request)
    known = [each for each in current_user(request).lists.of(view.identity) if each.id in owners]
    page = ViewsPage(
        title=f"Views of {view.name_plural.lower()}",
        list_label=view.name_plural,
        list_url=str(ListAddress(view.url("list"), [("view", "all")] if first_view(view, request) else [])),
        views_url=view.url("views"),
        may_share=view.may(request, SHARE),
        items=[_item(view, request, each, owners[each.id], refused) for each in known],
        draft=draft,
    )
    return site.render(request, "views.html", page, status_code=status_code)


async def _owners(view: "View", request: Request) -> dict[int, str]:
    """Whose the views are that this person knows, by their keys."""
    keys = [each.id for each in current_user(request).lists.of(view.identity)]
    if not keys:
        return {}
    found = select(SavedView).where(SavedView.id.in_(keys)).options(joinedload(SavedView.owner))
    return {each.id: each.owner.full_name for each in await request.state.session.scalars(found)}


def _item(
    view: "View", request: Request, known: KnownView, owner: str, refused: tuple[int, str, str]
) -> ViewItem:
    key, typed, error = refused
    return ViewItem(
        link=view_link(view, request, known),
        opened=opened(view, request, known, is_changed=False),
        owner=owner,
        words=_words(view, known),
        typed=typed if key == known.id else known.name,
        error=error if key == known.id else "",
    )


def _words(view: "View", known: KnownView) -> list[str]:
    """What it asks for, as its address says it: a page of many views looks nothing up."""
    order = {name: value for name, value in known.query if name in ORDER}
    said = [_said(view, name, value) for name, value in known.query if name not in ORDER]
    if "sortBy" not in order:
        return said
    direction = "descending" if order.get("sort") == "desc" else "ascending"
    return [*said, f"By {view.label(order['sortBy'])}, {direction}"]


def _said(view: "View", name: str, value: str) -> str:
    """Such as `Status: Open or Closed`; a flag that is asked for says no more than its title."""
    asked = {each: declared for declared in view.filters for each in declared.parameters}
    title = asked[name].title(view) if name in asked else words(name)
    if isinstance(asked.get(name), Flag) and value == "1":
        return title
    return f"{title}: {_value_said(asked.get(name), value)}"


def _value_said(declared: Filter | None, value: str) -> str:
    match declared:
        case Choice():
            return " or ".join(words(each) for each in value.split(","))
        case Dates() if value in set(Preset):
            return Preset(value).words
        case Related():
            return declared.special.get(value, value)
    return shorten(value, 60)
