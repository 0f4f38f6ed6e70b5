"""People: staff, who sign in, and customers, who do not."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PII, PLAIN, SECRET, SKIP, Base, Timestamped, Versioned, stored_by_value
from models.group import Group, user_groups

if TYPE_CHECKING:
    from models.comment import Comment
    from models.ticket import Ticket


class Theme(StrEnum):
    """How pages look to a person: by the system's wish, or always light or dark."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class User(Versioned, Timestamped, Base):
    """A person. Customers have `is_staff = false`; only active staff sign in. Never deleted: deactivated."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    email: Mapped[str] = mapped_column(String(255), info=dict(PII))
    full_name: Mapped[str] = mapped_column(String(255), info=dict(PII))
    is_active: Mapped[bool] = mapped_column(default=True, server_default="true", info=dict(PLAIN))
    is_staff: Mapped[bool] = mapped_column(default=False, server_default="false", info=dict(PLAIN))
    #: Argon2 (PHC string). Empty for customers, which no password matches.
    password_hash: Mapped[str] = mapped_column(
        String(255), default="", server_default="", deferred=True, info=dict(SECRET)
    )
    #: An IANA name, such as `Europe/Paris`.
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC", info=dict(PLAIN))
    theme: Mapped[Theme] = mapped_column(
        stored_by_value(Theme, "theme"),
        default=Theme.SYSTEM,
        server_default=Theme.SYSTEM.value,
        info=dict(PLAIN),
    )
    last_login: Mapped[datetime | None] = mapped_column(info=dict(SKIP))

    groups: Mapped[list[Group]] = relationship(
        secondary=user_groups, back_populates="users", lazy="raise", order_by=Group.name
    )
    tickets_created: Mapped[list["Ticket"]] = relationship(
        back_populates="creator", foreign_keys="Ticket.creator_id", lazy="raise", passive_deletes="all"
    )
    tickets_assigned: Mapped[list["Ticket"]] = relationship(
        back_populates="assignee", foreign_keys="Ticket.assignee_id", lazy="raise", passive_deletes="all"
    )
    comments: Mapped[list["Comment"]] = relationship(
        back_populates="author", foreign_keys="Comment.author_id", lazy="raise", passive_deletes="all"
    )

    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index("uq_users_email", "email", unique=True),
        Index("ix_users_full_name", "full_name", "id"),
        Index("ix_users_created_at", "created_at", "id"),
        Index("ix_users_last_login", "last_login", "id"),
        Index("ix_users_staff", "full_name", "id", postgresql_where=text("is_staff")),
        Index("ix_users_inactive", "full_name", "id", postgresql_where=text("NOT is_active")),
        Index(
            "ix_users_search",
            text("to_tsvector('simple'::regconfig, (full_name::text || ' '::text) || email::text)"),
            postgresql_using="gin",
        ),
    )

    def __str__(self) -> str:
        return self.full_name

    def __repr__(self) -> str:
        return f"<User(id={self.id}, email={self.email!r}, name={self.full_name!r})>"
