"""Saved views around a list: which is opened, what stands above the list, and what in the sidebar."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from backoffice.accounts.lists import KnownView, Pair
from backoffice.admin.filtered import Filtered
from backoffice.admin.layout import Layout, arranged, usual_columns
from backoffice.admin.list_address import COLUMNS, PLACE, VIEW, ListAddress
from backoffice.admin.request import current_user
from backoffice.admin.view_pages import OpenedView, SavedViews, ViewLink, ViewLinks
from models import SavedView

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: The grant that it takes to share a view.
SHARE: Final = "action:share-views"
#: In the address: no view at all, also where the page opens with one.
ALL: Final = "all"
#: Above a list, and below its page in the sidebar.
MOST_SHOWN: Final = 7
#: Counting stops above: `1,000+`.
COUNT_CAP: Final = 1_000
#: What of an address is not saved: where in the list, how many rows, in which columns, and from which view.
_UNSAVED: Final = (*PLACE, "pageSize", COLUMNS, VIEW)

NOT_THERE: Final = (
    "This view was deleted, or is not shared with you: this is the list that its address asks for."
)
NO_SENSE: Final = (
    "This view asks for what there no longer is: change its filters and update it, or delete it."
)


# Addresses -------------------------------------------------------------------------------------


def opened_view(view: "View", request: Request) -> KnownView | None:
    """The saved view that the address names, if the one who asks may see it."""
    key = request.query_params.get(VIEW, "")
    return current_user(request).lists.find(view.identity, key) if key else None


def first_view(view: "View", request: Request) -> KnownView | None:
    """The saved view with which the page opens for this person, if any."""
    lists = current_user(request).lists
    return lists.find(view.identity, str(lists.setting(view.identity, "view")))


def view_address(view: "View", known: KnownView) -> str:
    """Where the list is that was saved."""
    return address_of(view, known.query, str(known.id))


def address_of(view: "View", query: Sequence[Pair], key: str) -> str:
    return str(ListAddress(view.url("list"), [*query, (VIEW, key)]))


def list_address(view: "View", request: Request) -> ListAddress:
    """The address of the list that is asked for, which every link on its page is a variant of.

    Where the page opens with a view, all others say that they are not that one.
    """
    pairs = request.query_params.multi_items()
    if not request.query_params.get(VIEW) and first_view(view, request):
        pairs.append((VIEW, ALL))
    return ListAddress(view.url("list"), pairs)


# What is saved ---------------------------------------------------------------------------------


def saved_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """What a view keeps of an address: search, filters and order."""
    return [(name, value) for name, value in pairs if name not in _UNSAVED and value]


def state_of(address: ListAddress, layout: Layout) -> str:
    """What would be saved now, as a form carries it."""
    return urlencode([*saved_pairs(address.pairs), (COLUMNS, ",".join(layout.columns))])


def read_state(view: "View", state: str) -> tuple[list[Pair], list[str]]:
    """The query and the columns that `state_of` put together."""
    pairs = parse_qsl(state)
    columns = [name for key, value in pairs if key == COLUMNS for name in value.split(",")]
    return saved_pairs(pairs), arranged(view, columns) or usual_columns(view)


# What is shown ---------------------------------------------------------------------------------


def saved_views(
    view: "View", request: Request, address: ListAddress, layout: Layout, filtered: Filtered
) -> SavedViews:
    """What stands above the list: the views of this page, and what can be done with the one that is shown."""
    known = opened_view(view, request)
    is_changed = known is None or _differs(view, known, address, layout)
    has_state = bool(saved_pairs(address.pairs)) or layout.columns != usual_columns(view)
    return SavedViews(
        links=_links(view, request, known),
        is_all=known is None and not saved_pairs(address.pairs),
        all_url=str(ListAddress(view.url("list"), [(VIEW, ALL)] if first_view(view, request) else [])),
        views_url=view.url("views"),
        state=state_of(address, layout),
        opened=opened(view, request, known, is_changed=is_changed) if known else None,
        can_save=not filtered.problem and is_changed and (has_state or known is not None),
        may_share=view.may(request, SHARE),
        notice=_notice(request, known, filtered),
    )


def sidebar_views(site: "AdminSite", request: Request) -> Mapping[str, ViewLinks]:
    """The views below each page of the sidebar, by the page's address there."""
    if not current_user(request).lists.views:
        return {}
    pages = [view for view in site.declared if view.may(request, "list") and not view.menu_under]
    links = {view.url(view.menu_page): _links(view, request, _opened_here(view, request)) for view in pages}
    return {url: found for url, found in links.items() if found.shown}


def view_link(view: "View", request: Request, known: KnownView, *, is_current: bool = False) -> ViewLink:
    user = current_user(request)
    return ViewLink(
        name=known.name,
        url=view_address(view, known),
        count=count_in_words(known.count),
        is_current=is_current,
        is_shared=known.is_shared,
        is_own=known.owner_id == user.id,
        is_first=user.lists.setting(view.identity, "view") == known.id,
        problem=known.problem,
    )


def opened(view: "View", request: Request, known: KnownView, *, is_changed: bool) -> OpenedView:
    """A view with what this person may do with it."""
    is_own, may_share = known.owner_id == current_user(request).id, view.may(request, SHARE)
    return OpenedView(
        key=str(known.id),
        name=known.name,
        url=view_address(view, known),
        is_changed=is_changed,
        is_shared=known.is_shared,
        is_first=first_view(view, request) == known,
        may_change=may_share if known.is_shared else is_own,
        may_withdraw=is_own or (known.is_shared and may_share),
        may_share=may_share,
    )


def known_view(saved: SavedView) -> KnownView:
    """The view as it is stored now."""
    pairs = [(name, value) for name, value in saved.query]
    return KnownView(saved.id, saved.page, saved.name, saved.owner_id, saved.is_shared, pairs, saved.columns)


def count_in_words(count: int | None) -> str:
    if count is None:
        return ""
    return f"{COUNT_CAP:,}+" if count > COUNT_CAP else f"{count:,}"


def _opened_here(view: "View", request: Request) -> KnownView | None:
    return opened_view(view, request) if request.url.path == view.url("list") else None


def _links(view: "View", request: Request, current: KnownView | None) -> ViewLinks:
    """One's own views first; the one that is opened is always among those shown."""
    user = current_user(request)
    known = sorted(user.lists.of(view.identity), key=lambda each: each.owner_id != user.id)
    shown = known[:MOST_SHOWN]
    if current is not None and current not in shown:
        shown[-1] = current
    links = [view_link(view, request, each, is_current=each == current) for each in shown]
    return ViewLinks(links, more=len(known) - len(shown), more_url=view.url("views"))


def _differs(view: "View", known: KnownView, address: ListAddress, layout: Layout) -> bool:
    kept = arranged(view, known.columns) or usual_columns(view)
    return sorted(saved_pairs(address.pairs)) != sorted(known.query) or layout.columns != kept


def _notice(request: Request, known: KnownView | None, filtered: Filtered) -> str:
    if known is None:
        return NOT_THERE if request.query_params.get(VIEW, ALL) != ALL else ""
    return NO_SENSE if filtered.problem else ""
