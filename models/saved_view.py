"""How people look at lists: the views that they saved, how many rows each has, and what they prefer."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base, Timestamped
from models.user import User


class SavedView(Timestamped, Base):
    """A list under a name: what is searched for and filtered by, in which order, in which columns.

    It keeps no history: what somebody looks for is no record of the desk, and may be somebody's name.
    """

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The identity of the page whose list it is.
    page: Mapped[str] = mapped_column(String(50))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(60))
    #: Pairs of a parameter and its value; readable, for an erasure looks for names in it.
    query: Mapped[list[list[str]]] = mapped_column(JSONB)
    columns: Mapped[list[str]] = mapped_column(JSONB)
    #: Whether everybody sees it who may see the page.
    is_shared: Mapped[bool] = mapped_column(default=False, server_default="false")

    owner: Mapped[User] = relationship(lazy="raise")

    __table_args__ = (
        Index("uq_saved_views_name", "owner_id", "page", text("lower(name::text)"), unique=True),
        Index("ix_saved_views_shared", "page", postgresql_where=text("is_shared")),
        {"info": dict(NOT_AUDITED)},
    )

    def __str__(self) -> str:
        return self.name


class SavedViewCount(Base):
    """How many rows a view had when last counted, for one person: "mine" differs from one to another.

    `count` is None where counting took too long; `problem` says what makes no sense any more.
    """

    __tablename__ = "saved_view_counts"

    # Counts are no reason to keep a view.
    view_id: Mapped[int] = mapped_column(ForeignKey("saved_views.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), primary_key=True)
    count: Mapped[int | None]
    problem: Mapped[str] = mapped_column(server_default="")
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("ix_saved_view_counts_user_id", "user_id"),
        {"info": dict(NOT_AUDITED)},
    )


class ListPreference(Base):
    """What one person prefers on a list: `columns`, `size`, `density`, and the `view` that it opens with."""

    __tablename__ = "list_preferences"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), primary_key=True)
    #: The identity of the page.
    page: Mapped[str] = mapped_column(String(50), primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    __table_args__ = ({"info": dict(NOT_AUDITED)},)
