"""Comments: public replies to the customer, and internal notes among staff."""

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PII, PLAIN, Base, Timestamped, Trashable, Versioned

if TYPE_CHECKING:
    from models.ticket import Ticket
    from models.user import User


class Comment(Versioned, Trashable, Timestamped, Base):
    """One reply or note on a ticket."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    content: Mapped[str] = mapped_column(info=dict(PII))
    is_internal: Mapped[bool] = mapped_column(default=False, server_default="false", info=dict(PLAIN))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="RESTRICT"), info=dict(PLAIN))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), info=dict(PLAIN))

    ticket: Mapped["Ticket"] = relationship(back_populates="comments", lazy="raise")
    author: Mapped["User"] = relationship(back_populates="comments", foreign_keys=[author_id], lazy="raise")

    __table_args__ = (
        CheckConstraint("length(content) <= 100000", name="content_length"),
        Index("ix_comments_ticket_id", "ticket_id", "created_at", "id"),
        Index("ix_comments_author_id", "author_id", "created_at", "id"),
        Index("ix_comments_live_created", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_comments_live_internal",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL AND is_internal"),
        ),
        Index("ix_comments_trash", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index(
            "ix_comments_deleted_by_id", "deleted_by_id", postgresql_where=text("deleted_by_id IS NOT NULL")
        ),
        Index(
            "ix_comments_deleted_operation",
            "deleted_operation",
            postgresql_where=text("deleted_operation IS NOT NULL"),
        ),
        Index(
            "ix_comments_search", text("to_tsvector('simple'::regconfig, content)"), postgresql_using="gin"
        ),
    )

    def __str__(self) -> str:
        return self.content if len(self.content) <= 80 else f"{self.content[:79]}…"

    def __repr__(self) -> str:
        return f"<Comment(id={self.id}, ticket_id={self.ticket_id}, author_id={self.author_id})>"
