"""From a record to its tickets: the list of them, filtered."""

from urllib.parse import urlencode

from starlette.requests import Request

from backoffice.admin.pages import Link
from backoffice.admin.view import View
from models import Ticket


def to_tickets(view: View, request: Request, label: str, **filters: str) -> list[Link]:
    """The list of tickets with `filters`, as a link; none for who may not see it."""
    tickets = view.site.view_of(Ticket)
    if tickets is None or not tickets.may(request, "list"):
        return []
    return [Link(label, f"{tickets.url('list')}?{urlencode(filters)}", "ti ti-ticket")]
