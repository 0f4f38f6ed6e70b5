"""What the tests of lists read from a page, and the rows that they look at."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

from httpx import AsyncClient, Response

from backoffice.database import SessionFactory, transaction
from tests.factories import arranging, make_ticket, make_user

Query = dict[str, Any]


async def listed(client: AsyncClient, page: str = "ticket", /, **query: Any) -> Response:
    """The list of `page`; a list as a value repeats its parameter."""
    return await client.get(f"/admin/{page}/list?{urlencode(query, doseq=True)}")


def keys_in(response: Response, page: str = "ticket") -> list[int]:
    """The rows of a list, from top to bottom."""
    return [int(key) for key in re.findall(rf'<a href="/admin/{page}/details/(\d+)["?]', response.text)]


def main_of(response: Response) -> str:
    """What a page says, without the markup."""
    text = re.sub(r"<[^>]*>", " ", response.text.partition("<main")[2])
    return " ".join(unescape(text).split())


def links_in(response: Response) -> list[str]:
    return [unescape(url) for url in re.findall(r'href="([^"]+)"', response.text)]


def step_in(response: Response, rel: str) -> str:
    """Where Next (`next`) or Previous (`prev`) leads; empty where there is none."""
    found = re.search(rf'href="([^"]+)" rel="{rel}"', response.text)
    return unescape(found.group(1)) if found else ""


async def make_tickets(factory: SessionFactory, *rows: Query) -> list[int]:
    """Commit a ticket a row, all of one customer where none is given; returns their keys."""
    async with transaction(factory, arranging()) as session:
        customer = await make_user(session, full_name="Cleo Customer")
        tickets = [await make_ticket(session, **{"creator_id": customer.id, **row}) for row in rows]
        return [ticket.id for ticket in tickets]
