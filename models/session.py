"""Sign-ins: the sessions that are open, and the failures that slow the next attempt down."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base
from models.user import User


class Session(Base):
    """One browser that is signed in. Deleting the row signs it out at once."""

    __tablename__ = "sessions"

    #: SHA-256 (hex) of the secret that the cookie carries, so that a copy of this table opens nothing.
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(INET)
    user_agent: Mapped[str | None] = mapped_column(String(300))

    user: Mapped[User] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_sessions_user_id", "user_id"),
        Index("ix_sessions_expires_at", "expires_at"),
        {"info": dict(NOT_AUDITED)},
    )


class LoginThrottle(Base):
    """Recent failures to sign in, for one account or one address."""

    __tablename__ = "login_throttles"

    #: `account:` or `address:` and what it names.
    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime]

    __table_args__ = ({"info": dict(NOT_AUDITED)},)
