"""The physical limit: the same rows by bare asyncpg, a bare template and bare Starlette, and nothing else.

It signs nobody in, checks no right, counts nothing, has no navigation, and asks nothing before it acts.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import asyncpg
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

PAGE_SIZE = 25
COLUMNS = """
t.id, t.ticket_number, t.title, t.status::text, t.priority::text, u.full_name AS assignee,
(SELECT string_agg(name, ', ' ORDER BY name) FROM ticket_tags JOIN tags ON tags.id = tag_id
  WHERE ticket_id = t.id) AS tags,
t.created_at, t.updated_at
"""
ROWS = f"SELECT {COLUMNS} FROM tickets t LEFT JOIN users u ON u.id = t.assignee_id WHERE t.deleted_at IS NULL"
NEWEST_FIRST = " ORDER BY t.created_at DESC, t.id DESC"
# By the page's keys alone first: what is skipped costs no more than an index.
FAR_PAGE = f"""
SELECT {COLUMNS} FROM (
  SELECT id FROM tickets WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2
) AS page JOIN tickets t ON t.id = page.id LEFT JOIN users u ON u.id = t.assignee_id{NEWEST_FIRST}
"""

RECORD = """
SELECT t.*, a.full_name AS assignee, c.full_name AS creator FROM tickets t JOIN users c ON c.id = t.creator_id
LEFT JOIN users a ON a.id = t.assignee_id WHERE t.id = $1
"""

templates = Environment(autoescape=True)
LIST = templates.from_string(
    "<table>{% for row in rows %}<tr>{% for value in row.values() %}<td>{{ value }}</td>{% endfor %}</tr>"
    "{% endfor %}</table>"
)
PAGE = templates.from_string(
    "<dl>{% for name, value in row.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>"
)
FORM = templates.from_string(
    '<form method="post">{% for name, value in row.items() %}<input name="{{ name }}" value="{{ value }}">'
    "{% endfor %}</form>"
)


async def rows(request: Request) -> Response:
    page = int(request.query_params.get("page", 1))
    if page > 1:
        found = await pool(request).fetch(FAR_PAGE, PAGE_SIZE, (page - 1) * PAGE_SIZE)
    else:
        condition, values = _condition(request)
        found = await pool(request).fetch(f"{ROWS}{condition}{NEWEST_FIRST} LIMIT {PAGE_SIZE}", *values)
    return HTMLResponse(LIST.render(rows=found))


def _condition(request: Request) -> tuple[str, list[Any]]:
    asked = request.query_params
    if "search" in asked:
        return " AND t.search @@ to_tsquery('simple', $1)", [f"{asked['search']}:*"]
    if "status" in asked:
        return " AND t.status = $1 AND t.priority = $2", [asked["status"], asked["priority"]]
    return "", []


async def record(request: Request) -> Response:
    row = await pool(request).fetchrow(RECORD, request.path_params["pk"])
    return HTMLResponse((FORM if "edit" in request.query_params else PAGE).render(row=dict(row)))


async def save(request: Request) -> Response:
    form = await request.form()
    pk = request.path_params["pk"]
    await pool(request).execute(
        "UPDATE tickets SET title = $2, updated_at = now() WHERE id = $1", pk, form["title"]
    )
    return RedirectResponse("/rows", 303)


async def assign(request: Request) -> Response:
    asked = request.query_params
    await pool(request).execute(
        "UPDATE tickets SET assignee_id = $1, updated_at = now()"
        " WHERE deleted_at IS NULL AND created_at >= $2 AND created_at < $3::date + 1",
        int(asked["assignee"]),
        date.fromisoformat(asked["from"]),
        date.fromisoformat(asked["to"]),
    )
    return RedirectResponse("/rows", 303)


async def export(request: Request) -> Response:
    since = date.fromisoformat(request.query_params["from"])
    return StreamingResponse(_csv(request, since), media_type="text/csv")


async def _csv(request: Request, since: date) -> AsyncIterator[bytes]:
    """What COPY sends, as it comes."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(16)
    statement = f"{ROWS} AND t.created_at >= $1{NEWEST_FIRST}"
    async with pool(request).acquire() as connection:

        async def copy() -> None:
            await connection.copy_from_query(statement, since, output=chunks.put, format="csv", header=True)
            await chunks.put(None)

        copying = asyncio.create_task(copy())
        while (chunk := await chunks.get()) is not None:
            yield bytes(chunk)
        await copying


def pool(request: Request) -> asyncpg.Pool:
    connections: asyncpg.Pool = request.app.state.pool
    return connections


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    settings = {"plan_cache_mode": "force_custom_plan"}
    async with asyncpg.create_pool(
        os.environ["BENCHMARK_DATABASE_URL"], min_size=2, max_size=10, server_settings=settings
    ) as connections:
        app.state.pool = connections
        yield


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/rows", rows),
        Route("/rows/{pk:int}", record),
        Route("/rows/{pk:int}", save, methods=["POST"]),
        Route("/assign", assign, methods=["POST"]),
        Route("/export", export),
    ],
)
