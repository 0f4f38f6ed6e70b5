"""Alembic's environment: one connection as the owner of the tables, one transaction for everything."""

import asyncio

from alembic import context
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from backoffice.audit import triggers
from models import Base


async def migrate() -> None:
    url = make_url(context.config.attributes["owner_url"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


def _run(connection: Connection) -> None:
    partitions = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        # Months are made one by one, and the queue is its library's; the models know neither.
        include_name=lambda name, kind, _: kind != "table" or not (name in partitions or _is_queue(name)),
    )
    context.run_migrations()
    if _is_at_head():
        triggers.install(connection)


def _is_queue(name: str | None) -> bool:
    return (name or "").startswith("pgqueuer")


def _is_at_head() -> bool:
    head = ScriptDirectory.from_config(context.config).get_current_head()
    return context.get_context().get_current_revision() == head


asyncio.run(migrate())
