"""The connection pool and its sessions."""

from time import monotonic
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

SessionFactory = async_sessionmaker[AsyncSession]

#: Seconds. A connection that has rested longer is asked whether it still lives, before it is used.
TRUSTED_FOR: Final = 1.0


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine for `url` (`postgresql://…`, with or without `+asyncpg`); its sessions run in UTC."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_recycle=1800,
        # The one that was used last has its statements prepared, their plans, and what PostgreSQL knows of
        # the tables at hand; those that are needed at peaks alone rest.
        pool_use_lifo=True,
        # What people typed, passwords' hashes among it, is no matter for a log.
        hide_parameters=True,
        connect_args={
            "timeout": 10,
            "server_settings": {
                "timezone": "UTC",
                "jit": "off",
                # To start workers takes longer than most pages do, and whoever asks beside has none left.
                "max_parallel_workers_per_gather": "0",
                "application_name": "backoffice",
            },
        },
    )
    _ask_those_that_rested(engine)
    return engine


def _ask_those_that_rested(engine: AsyncEngine) -> None:
    """`pool_pre_ping` would ask each time: three round trips, which a connection in use can do without."""
    dialect, errors = engine.dialect, engine.dialect.loaded_dbapi.Error

    @event.listens_for(engine.sync_engine, "checkin")
    def rest(connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("rests_since", monotonic()) < TRUSTED_FOR:
            return
        try:
            dialect.do_ping(connection)
        except errors as error:
            # All that were opened before are taken for dead, and the pool opens another.
            raise InvalidatePoolError from error


def session_factory(engine: AsyncEngine) -> SessionFactory:
    """Sessions that keep loaded values after commit and flush only when told to, or at the commit."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)
