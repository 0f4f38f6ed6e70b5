"""Attachments: what is known of a file on a ticket; its bytes lie in a store, under their SHA-256."""

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PII, PLAIN, Base, Timestamped, Trashable, Versioned

if TYPE_CHECKING:
    from models.ticket import Ticket
    from models.user import User


class Attachment(Versioned, Trashable, Timestamped, Base):
    """A file on a ticket. Two attachments with the same bytes share one stored file."""

    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    filename: Mapped[str] = mapped_column(String(255), info=dict(PII))
    content_type: Mapped[str] = mapped_column(String(255), info=dict(PLAIN))
    size_bytes: Mapped[int] = mapped_column(info=dict(PLAIN))
    #: 64 lower-case hexadecimal digits.
    sha256: Mapped[str] = mapped_column(String(64), info=dict(PLAIN))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="RESTRICT"), info=dict(PLAIN))
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), info=dict(PLAIN))

    ticket: Mapped["Ticket"] = relationship(back_populates="attachments", lazy="raise")
    uploaded_by: Mapped["User"] = relationship(foreign_keys=[uploaded_by_id], lazy="raise")

    __table_args__ = (
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
        Index("ix_attachments_ticket_id", "ticket_id", "id"),
        Index("ix_attachments_uploaded_by_id", "uploaded_by_id"),
        Index("ix_attachments_sha256", "sha256"),
        Index("ix_attachments_live_created", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_attachments_live_size", "size_bytes", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_attachments_trash", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index(
            "ix_attachments_deleted_by_id",
            "deleted_by_id",
            postgresql_where=text("deleted_by_id IS NOT NULL"),
        ),
        Index(
            "ix_attachments_deleted_operation",
            "deleted_operation",
            postgresql_where=text("deleted_operation IS NOT NULL"),
        ),
    )

    def __str__(self) -> str:
        return self.filename

    def __repr__(self) -> str:
        return f"<Attachment(id={self.id}, ticket_id={self.ticket_id}, filename={self.filename!r})>"
