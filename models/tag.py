"""Tags: short coloured labels that group tickets."""

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, String, Table, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PLAIN, SKIP, Base, Timestamped, Versioned

if TYPE_CHECKING:
    from models.ticket import Ticket

#: Which tag is on which ticket; in the history it belongs to the ticket.
ticket_tags = Table(
    "ticket_tags",
    Base.metadata,
    Column("ticket_id", ForeignKey("tickets.id", ondelete="RESTRICT"), primary_key=True, info=dict(PLAIN)),
    Column("tag_id", ForeignKey("tags.id", ondelete="RESTRICT"), primary_key=True, info=dict(PLAIN)),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False, info=dict(SKIP)),
    Index("ix_ticket_tags_tag_id", "tag_id", "ticket_id"),
    info={"audit_record": "ticket_id"},
)


class Tag(Versioned, Timestamped, Base):
    """A label. A tag that is on a ticket is not deleted."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    name: Mapped[str] = mapped_column(String(100), unique=True, info=dict(PLAIN))
    #: `#rrggbb`
    color: Mapped[str] = mapped_column(
        String(7), default="#64748b", server_default="#64748b", info=dict(PLAIN)
    )
    description: Mapped[str | None] = mapped_column(String(500), info=dict(PLAIN))

    tickets: Mapped[list["Ticket"]] = relationship(
        secondary=ticket_tags, back_populates="tags", lazy="raise", passive_deletes="all"
    )

    __table_args__ = (
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_hex"),
        Index("ix_tags_created_at", "created_at", "id"),
    )

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Tag(id={self.id}, name={self.name!r})>"
