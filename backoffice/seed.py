"""Filling a database with very many tickets, to see how the desk behaves at size.

Set-based: each chunk is a transaction of a few INSERT … SELECT, made up by PostgreSQL itself. The
triggers stay on, so that the history is as complete as after any other change.
"""

from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.engine import make_url

from backoffice.errors import BadInput

ACTOR = "system:seed"
VERB = "system.seed"

CHUNK = 10_000
TICKETS_PER_USER = 50
MOST_USERS = 20_000


async def seed_tickets(
    owner_url: str, tickets: int, *, progress: Callable[[int, int], None], comments: int = 3
) -> None:
    """Add `tickets` tickets of the last two years, with users, tags, and so many comments each.

    `owner_url` is the tables' owner's. Each run adds to what is there, as one operation; `progress`
    is called with (done, total) after each chunk. What was committed before an interruption stays.
    """
    if tickets < 1:
        raise BadInput("The number of tickets must be at least 1.")
    connection = await asyncpg.connect(_for_asyncpg(owner_url))
    try:
        # A crash may lose the last moments of made-up data.
        await connection.execute("SET statement_timeout = 0; SET synchronous_commit = off; SET jit = off")
        await _seed(connection, tickets, comments, progress)
        await connection.execute("VACUUM (ANALYZE) users, tags, tickets, ticket_tags, comments, audit_logs")
    finally:
        await connection.close()


async def _seed(
    connection: asyncpg.Connection, tickets: int, comments: int, progress: Callable[[int, int], None]
) -> None:
    operation = uuid4()
    users = min(-(-tickets // TICKETS_PER_USER), MOST_USERS)
    for done in range(0, tickets, CHUNK):
        last = min(done + CHUNK, tickets)
        async with connection.transaction():
            await connection.execute(_CONTEXT, str(operation))
            if done == 0:
                await connection.execute(_TAGS, _TAG_NAMES)
                await connection.execute(_USERS, users, operation.hex[:8], _FIRST_NAMES, _LAST_NAMES)
            await connection.execute(_TICKETS, done + 1, last, tickets, operation.hex[:8], *_WORDS, comments)
            await _record(connection, operation, last, tickets)
        progress(last, tickets)


async def _record(connection: asyncpg.Connection, operation: UUID, done: int, tickets: int) -> None:
    await connection.execute(_OPERATION, operation, VERB, ACTOR, tickets, done)


def _for_asyncpg(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


_CONTEXT = "SELECT set_config('backoffice.operation_id', $1, true)"

# One operation, whose count grows with each chunk: it is true at every moment.
_OPERATION = """
INSERT INTO operations (id, verb, actor, selection, parameters, outcome)
VALUES ($1, $2, $3, 'made-up tickets', jsonb_build_object('tickets', $4::bigint),
  jsonb_build_object('changed', $5::bigint))
ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome
"""

_TAGS = "INSERT INTO tags (name) SELECT unnest($1::text[]) ON CONFLICT (name) DO NOTHING"

# One in a hundred is staff without a password, whom nobody can sign in as.
_USERS = """
INSERT INTO users (email, full_name, is_staff, created_at, updated_at)
SELECT format('customer-%s-%s@example.net', $2::text, g),
  ($3::text[])[1 + floor(random() * cardinality($3::text[]))::int] || ' '
    || ($4::text[])[1 + floor(random() * cardinality($4::text[]))::int],
  g % 100 = 2, now() - interval '2 years', now() - interval '2 years'
FROM generate_series(1, $1::bigint) AS g
"""

# The dice are rolled first, in a materialised step: a volatile expression in a later one might be
# evaluated once for all rows. A cubed die prefers the front of a list: common words and rare ones.
_TICKETS = """
WITH customers AS MATERIALIZED (
  SELECT array_agg(id) AS ids FROM users WHERE NOT is_staff AND email LIKE 'customer-' || $4::text || '-%'
), staff AS MATERIALIZED (
  SELECT array_agg(id) AS ids FROM users WHERE is_staff AND is_active
), labels AS MATERIALIZED (
  SELECT array_agg(id ORDER BY id) AS ids FROM tags
), dice AS MATERIALIZED (
  SELECT g, random() AS d1, random() AS d2, random() AS d3, random() AS d4, random() AS d5,
    power(random(), 3) AS thing, power(random(), 3) AS trouble, power(random(), 3) AS place,
    now() - interval '2 years' * (1 - (g - random()) / $3::float8) AS created_at
  FROM generate_series($1::bigint, $2::bigint) AS g
), words AS MATERIALIZED (
  SELECT dice.*,
    ($5::text[])[1 + floor(thing * cardinality($5::text[]))::int] AS thing_word,
    ($6::text[])[1 + floor(trouble * cardinality($6::text[]))::int] AS trouble_word,
    ($7::text[])[1 + floor(place * cardinality($7::text[]))::int] AS place_word,
    ($8::text[])[1 + floor(d5 * cardinality($8::text[]))::int] AS wish,
    upper(substr(md5(g::text || d1::text), 1, 8)) AS serial,
    created_at < now() - interval '14 days' AND d1 < 0.95 AS is_settled
  FROM dice
), made AS (
  INSERT INTO tickets (title, description, status, priority, creator_id, assignee_id, resolved_at, created_at,
    updated_at)
  SELECT initcap(left(thing_word, 1)) || substr(thing_word, 2) || ' ' || trouble_word || ' in ' || place_word,
    format('The %s in %s %s since %s. The serial number is %s. %s', thing_word, place_word, trouble_word,
      to_char(created_at - d4 * interval '4 days', 'FMDay'), serial, wish),
    (CASE WHEN is_settled THEN CASE WHEN d2 < 0.9 THEN 'closed' ELSE 'resolved' END
      WHEN d2 < 0.4 THEN 'open' WHEN d2 < 0.8 THEN 'in_progress' ELSE 'waiting_on_customer'
      END)::ticket_status,
    (CASE WHEN d3 < 0.25 THEN 'low' WHEN d3 < 0.75 THEN 'medium' WHEN d3 < 0.95 THEN 'high' ELSE 'urgent'
      END)::ticket_priority,
    customers.ids[1 + floor(d4 * cardinality(customers.ids))::int],
    CASE WHEN is_settled OR d2 >= 0.4 THEN staff.ids[1 + floor(d5 * cardinality(staff.ids))::int] END,
    CASE WHEN is_settled THEN created_at + d4 * interval '10 days' END,
    created_at, created_at + d4 * interval '10 days' * is_settled::int
  FROM words, customers, staff
  RETURNING id, creator_id, assignee_id, created_at, updated_at
), tagged AS (
  INSERT INTO ticket_tags (ticket_id, tag_id, created_at)
  SELECT made.id, labels.ids[1 + ((made.id * 7919 + n * n) % cardinality(labels.ids))::int], made.created_at
  FROM made, labels, generate_series(0, (made.id % 3)::int) AS n
  ON CONFLICT DO NOTHING
)
INSERT INTO comments (ticket_id, author_id, is_internal, content, created_at, updated_at)
SELECT id, CASE n WHEN 2 THEN creator_id ELSE coalesce(assignee_id, creator_id) END,
  n = 3 AND assignee_id IS NOT NULL,
  ($8::text[])[1 + floor(random() * cardinality($8::text[]))::int] || ' '
    || ($9::text[])[1 + ((id + n) % cardinality($9::text[]))::int],
  said_at, said_at
FROM made, generate_series(1, $10::int) AS n,
  LATERAL (SELECT least(created_at + n * interval '3 minutes', now()) AS said_at) AS clock
"""

_TAG_NAMES = (
    "billing",
    "bug",
    "delivery",
    "feature request",
    "hardware",
    "network",
    "printing",
    "refund",
    "sign-in",
    "training",
)
_FIRST_NAMES = ("Ada", "Ben", "Chloe", "Dmitri", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kofi")
_LAST_NAMES = (
    "Adler",
    "Bauer",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ivanov",
    "Kaya",
)
_THINGS = (
    "printer",
    "till",
    "card reader",
    "scanner",
    "invoice",
    "laptop",
    "router",
    "report",
    "phone",
    "cash drawer",
    "label printer",
    "screen",
    "keyboard",
    "docking station",
    "price list",
    "stock count",
    "voucher",
    "backup",
    "headset",
    "projector",
    "weighing scale",
    "badge reader",
    "barometer",
    "theodolite",
)
_TROUBLES = (
    "does not start",
    "is slow",
    "shows an error",
    "is missing",
    "lost its settings",
    "prints twice",
    "cannot connect",
    "freezes",
    "is wrong",
    "restarts by itself",
    "makes a noise",
    "counts twice",
    "arrived broken",
    "overheats",
    "smells of smoke",
    "speaks Finnish",
)
_PLACES = (
    "the shop",
    "the office",
    "the warehouse",
    "Hamburg",
    "Lyon",
    "the canteen",
    "Porto",
    "the workshop",
    "Tallinn",
    "the archive",
    "the greenhouse",
    "Reykjavik",
    "the lighthouse",
)
_WISHES = (
    "Please call before noon.",
    "We have tried another cable already.",
    "A colleague saw the same last week.",
    "Could you send somebody?",
    "It worked until the update.",
    "There is no hurry.",
    "Customers are waiting.",
    "The lights are green.",
    "We can do without it until Monday.",
    "Please tell us what it will cost.",
)
_CLOSINGS = (
    "Thank you.",
    "We will let you know tomorrow.",
    "The spare part is on its way.",
    "Restarting helped for an hour.",
    "See the photograph.",
    "That is all we know.",
    "The manual says nothing about it.",
)
_WORDS = (_THINGS, _TROUBLES, _PLACES, _WISHES, _CLOSINGS)
