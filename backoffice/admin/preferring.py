"""Remembering how somebody wants a list: which columns in which order, how many rows, how close together."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from backoffice.accounts.saved_views import prefer
from backoffice.admin.layout import PLACE, Density, arranged, leading_column, usual_columns
from backoffice.admin.list_address import COLUMNS, VIEW, ListAddress
from backoffice.admin.pages import Flash
from backoffice.admin.request import current_user, flash, see_other, submitted
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

_FORGOTTEN = {"columns": None, "size": None, "density": None}


async def save_preferences(site: "AdminSite", view: "View", request: Request) -> Response:
    """Remember what the form says, and lead back to the list.

    The columns of a saved view are the view's: there they are asked for by the address, and kept when the
    view is updated.
    """
    view.require(request, "list")
    form = submitted(request)
    back = ListAddress(view.url("list"), parse_qsl(str(form.get("back", "")))).without(COLUMNS)
    if form.get("do") == "reset":
        await _prefer(view, request, _FORGOTTEN)
        flash(request, Flash("Columns, rows a page and density are as usual again."))
        return see_other(str(back))
    columns, rest = _columns(view, form), _rest(view, form)
    if _is_of_a_view(view, request, back):
        await _prefer(view, request, rest)
        return see_other(str(back.having(columns=",".join(columns))))
    is_usual = columns == usual_columns(view)
    await _prefer(view, request, {"columns": None if is_usual else columns, **rest})
    return see_other(str(back))


def _is_of_a_view(view: "View", request: Request, back: ListAddress) -> bool:
    key = dict(back.pairs).get(VIEW, "")
    return current_user(request).lists.find(view.identity, key) is not None


async def _prefer(view: "View", request: Request, changes: dict[str, Any]) -> None:
    await prefer(request.state.session, current_user(request).id, view.identity, changes)


def _columns(view: "View", form: FormData) -> list[str]:
    """The ticked columns in the order of their numbers, and the leading one, which cannot be unticked."""
    ticked = [str(name) for name in form.getlist("columns")]
    places = {name: _place(form, name) for name in [leading_column(view), *ticked]}
    return arranged(view, sorted(places, key=lambda name: places[name]))


def _place(form: FormData, name: str) -> int:
    typed = str(form.get(f"{PLACE}{name}", ""))
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 3 else 0


def _rest(view: "View", form: FormData) -> dict[str, Any]:
    sizes = {str(size): size for size in view.page_size_options}
    size, density = str(form.get("size", "")), str(form.get("density", ""))
    if size not in sizes:
        raise BadInput(f"A page has one of these numbers of rows: {', '.join(sizes)}.")
    if density not in set(Density):
        raise BadInput(f"Rows stand {' or '.join(Density)}.")
    return {"size": sizes[size], "density": density}
