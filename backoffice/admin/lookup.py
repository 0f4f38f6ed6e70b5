"""What asynchronous selects find: at most twenty records for a term, as JSON."""

from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.admin.cells import naming_options
from backoffice.admin.filters import Related, RelatedMany
from backoffice.admin.pickers import Picker
from backoffice.admin.request import current_user
from backoffice.errors import BackofficeError, BadInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

MOST_RESULTS: Final = 20
LONGEST_TERM: Final = 200


async def lookup(site: "AdminSite", view: "View", request: Request) -> Response:
    """Records that the picker `name` offers for `term`: `{"results": [{"id", "text"}]}`."""
    try:
        results = await _results(view, request)
    except BackofficeError as error:
        # Only scripts ask here, and they read no page.
        return JSONResponse({"error": str(error)}, status_code=error.status_code)
    return JSONResponse({"results": results})


async def _results(view: "View", request: Request) -> list[dict[str, str]]:
    if not any(view.may(request, action) for action in ("list", "create", "edit")):
        raise NotAllowed("You are not allowed to do this.")
    picker = _picker(view, request.query_params.get("name", ""))
    term = request.query_params.get("term", "").strip()
    if len(term) > LONGEST_TERM:
        raise BadInput(f"Type at most {LONGEST_TERM} characters.")
    statement = select(picker.model).where(picker.allowed(current_user(request)))
    if term:
        statement = statement.where(picker.search(term))
    statement = statement.order_by(*picker.order_by, picker.key).limit(MOST_RESULTS)
    records = await request.state.session.scalars(statement.options(*naming_options(picker.model)))
    return [{"id": str(getattr(record, picker.key.key)), "text": picker.label(record)} for record in records]


def _picker(view: "View", name: str) -> Picker:
    """The picker of a form's field or of a filter, by its name."""
    for declared in view.filters:
        if isinstance(declared, Related | RelatedMany) and declared.name == name and name not in view.pickers:
            return declared.picker
    if name not in view.pickers:
        raise NotFound("There is nothing to pick from under this name.")
    return view.pickers[name]
