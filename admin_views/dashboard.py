"""The index: what each role needs first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from admin_views.sealed import last_verification, sealed
from backoffice.admin.listing import excerpt
from backoffice.admin.pages import DashboardCard, DashboardPage
from backoffice.admin.request import current_user
from backoffice.admin.site import AdminSite

UNSETTLED: Final = "open,in_progress,waiting_on_customer"
TICKET_COLUMNS: Final = ("ticket_number", "title", "status", "priority", "created_at")


@dataclass(frozen=True)
class Card:
    """A list's first rows, as its address selects them; for those who have `grant`."""

    title: str
    identity: str
    query: Mapping[str, str]
    empty_text: str
    icon: str
    columns: tuple[str, ...] = TICKET_COLUMNS
    grant: str = "list"
    tone: str = ""


CARDS: Final = (
    Card(
        "My open tickets",
        "ticket",
        {"assignee": "me", "status": UNSETTLED, "sortBy": "priority", "sort": "desc"},
        "Nothing is assigned to you.",
        "ti ti-user",
        grant="edit",
    ),
    Card(
        "Unassigned",
        "ticket",
        {"assignee": "nobody", "status": UNSETTLED, "sortBy": "created_at", "sort": "asc"},
        "Every open ticket has somebody.",
        "ti ti-inbox",
        tone="warning",
    ),
    Card(
        "Overdue",
        "ticket",
        {"is_overdue": "1", "sortBy": "created_at", "sort": "asc"},
        "Nothing has waited for more than seven days.",
        "ti ti-clock-exclamation",
        tone="danger",
    ),
    Card(
        "In the trash",
        "ticket",
        {"trash": "only"},
        "The trash is empty.",
        "ti ti-trash",
        columns=("ticket_number", "title", "deleted_at"),
        grant="action:restore",
    ),
    Card(
        "Last operations",
        "operation",
        {},
        "Nothing was done yet.",
        "ti ti-arrow-back-up",
        columns=("created_at", "verb", "actor", "selection"),
        grant="action:see-all",
    ),
)


async def dashboard(site: AdminSite, request: Request) -> Response:
    """The cards that this person may see, each a list's first rows with their count."""
    user = current_user(request)
    cards = [await _card(site, request, card) for card in CARDS if user.may(card.identity, card.grant)]
    page = DashboardPage("Home", f"Hello, {user.full_name.split()[0]}", cards)
    return site.render(request, "home.html", page, history=await _history(site, request))


async def _history(site: AdminSite, request: Request) -> Mapping[str, Any] | None:
    """How far the history is proved, for those who look after it."""
    if not current_user(request).may("audit-log", "list"):
        return None
    return {"sealed": await sealed(site, request), "last": await last_verification(site, request)}


async def _card(site: AdminSite, request: Request, card: Card) -> DashboardCard:
    part = await excerpt(site, site.view(card.identity), request, card.query, card.columns)
    return DashboardCard(
        title=card.title,
        count=part.count,
        url=part.url,
        icon=card.icon,
        rows=part.rows,
        columns=part.columns,
        empty_text=card.empty_text,
        tone=card.tone if part.rows else "",
    )
