"""The connection pool and its sessions."""

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

SessionFactory = async_sessionmaker[AsyncSession]


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine for `url` (`postgresql://…`, with or without `+asyncpg`); its sessions run in UTC."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        # What people typed, passwords' hashes among it, is no matter for a log.
        hide_parameters=True,
        connect_args={
            "timeout": 10,
            "server_settings": {"timezone": "UTC", "jit": "off", "application_name": "backoffice"},
        },
    )


def session_factory(engine: AsyncEngine) -> SessionFactory:
    """Sessions that keep loaded values after commit and flush only when told to, or at the commit."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)
