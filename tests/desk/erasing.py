"""Erasing somebody, and looking for them everywhere afterwards."""

import base64
from typing import Final

import asyncpg

from backoffice.audit.context import Change
from backoffice.audit.proof.keys import SigningKey
from backoffice.database import SessionFactory, transaction
from backoffice.desk.erasure import Erasure, erase_user
from models import User
from tests.performing import acting

KEY: Final = SigningKey(base64.b64encode(bytes(range(32))).decode())
BASIS: Final = "Request of 12 May, article 17"


async def erase(
    factory: SessionFactory, user: User, change: Change | None = None, basis: str = BASIS
) -> tuple[Erasure, Change]:
    change = change or acting(verb="user.erase")
    async with transaction(factory, change) as session:
        return await erase_user(session, KEY, user.id, basis=basis), change


async def whereabouts(owner: asyncpg.Connection, words: tuple[str, ...]) -> list[str]:
    """Every column of every table that has any of these words, whatever its type."""
    columns = await owner.fetch(
        "SELECT quote_ident(table_name) AS of, quote_ident(column_name) AS name"
        " FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    assert len(columns) > 80
    found = []
    for column in columns:
        # Words of search vectors are in lower case.
        query = f"SELECT lower({column['name']}::text) FROM {column['of']} WHERE {column['name']} IS NOT NULL"
        texts = " ".join(row[0] for row in await owner.fetch(query))
        found += [f"{column['of']}.{column['name']}: {word}" for word in words if word.lower() in texts]
    return found
