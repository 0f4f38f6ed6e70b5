"""Tickets: what a customer asked, how urgent it is, who works on it, and whether it is settled."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    FetchedValue,
    ForeignKey,
    Index,
    Sequence,
    String,
    and_,
    extract,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.hybrid import hybrid_method, hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PII, PLAIN, SKIP, Base, Timestamped, Trashable, Versioned, following, stored_by_value
from models.comment import Comment
from models.tag import Tag, ticket_tags

if TYPE_CHECKING:
    from models.attachment import Attachment
    from models.user import User

#: An unsettled ticket older than this is overdue.
OVERDUE_AFTER = timedelta(days=7)

ticket_numbers = Sequence("ticket_number_seq", metadata=Base.metadata)


class TicketStatus(StrEnum):
    """Where a ticket stands; resolved and closed are settled, the others are not."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING_ON_CUSTOMER = "waiting_on_customer"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_settled(self) -> bool:
        return self in SETTLED


class TicketPriority(StrEnum):
    """How urgent a ticket is, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


SETTLED = (TicketStatus.RESOLVED, TicketStatus.CLOSED)


class Ticket(Versioned, Trashable, Timestamped, Base):
    """A customer's request.

    `ticket_number` is drawn from a sequence (`T-000123`). `resolved_at` follows the status: the
    database trigger `tickets_settle` stamps it when a ticket is settled and clears it when one is
    reopened, whoever writes.
    """

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True, info=dict(PLAIN))
    ticket_number: Mapped[str] = mapped_column(
        String(50),
        unique=True,
        server_default=text("'T-' || to_char(nextval('ticket_number_seq'), 'FM999999999000000')"),
        info=dict(PLAIN),
    )
    title: Mapped[str] = mapped_column(String(500), info=dict(PII))
    description: Mapped[str] = mapped_column(info=dict(PII))
    status: Mapped[TicketStatus] = mapped_column(
        stored_by_value(TicketStatus, "ticket_status"),
        default=TicketStatus.OPEN,
        server_default=TicketStatus.OPEN.value,
        info=dict(PLAIN),
    )
    priority: Mapped[TicketPriority] = mapped_column(
        stored_by_value(TicketPriority, "ticket_priority"),
        default=TicketPriority.MEDIUM,
        server_default=TicketPriority.MEDIUM.value,
        info=dict(PLAIN),
    )
    creator_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), info=dict(PLAIN))
    assignee_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), info=dict(PLAIN)
    )
    resolved_at: Mapped[datetime | None] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue(), info=following("status")
    )
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('simple'::regconfig, ticket_number || ' ' || title), 'A')"
            " || setweight(to_tsvector('simple'::regconfig, description), 'B')",
            persisted=True,
        ),
        deferred=True,
        info=dict(SKIP),
    )

    creator: Mapped["User"] = relationship(
        back_populates="tickets_created", foreign_keys=[creator_id], lazy="raise"
    )
    assignee: Mapped["User | None"] = relationship(
        back_populates="tickets_assigned", foreign_keys=[assignee_id], lazy="raise"
    )
    comments: Mapped[list[Comment]] = relationship(
        back_populates="ticket",
        lazy="raise",
        passive_deletes="all",
        order_by=(Comment.created_at, Comment.id),
    )
    attachments: Mapped[list["Attachment"]] = relationship(
        back_populates="ticket", lazy="raise", passive_deletes="all", order_by="Attachment.id"
    )
    tags: Mapped[list[Tag]] = relationship(
        secondary=ticket_tags, back_populates="tickets", lazy="raise", order_by=Tag.name
    )

    __table_args__ = (
        # What a tsvector can hold, with room to spare; the forms refuse more with a sentence.
        CheckConstraint("length(description) <= 100000", name="description_length"),
        Index("ix_tickets_live_created", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tickets_live_updated", "updated_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_tickets_live_status",
            "status",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_tickets_live_priority",
            "priority",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        # With what else tickets are filtered by: those that do not match cost no look at the table.
        Index(
            "ix_tickets_live_status_priority",
            "status",
            "priority",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_tickets_assignee",
            "assignee_id",
            "created_at",
            "id",
            postgresql_include=["deleted_at", "status", "priority"],
        ),
        # For what is counted by its tags: whether a ticket is live is read here.
        Index("ix_tickets_live", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tickets_creator", "creator_id", "created_at", "id"),
        Index("ix_tickets_trash", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index(
            "ix_tickets_deleted_by_id", "deleted_by_id", postgresql_where=text("deleted_by_id IS NOT NULL")
        ),
        Index(
            "ix_tickets_deleted_operation",
            "deleted_operation",
            postgresql_where=text("deleted_operation IS NOT NULL"),
        ),
        Index("ix_tickets_search", "search", postgresql_using="gin"),
        # What is in a title beside words, character by character: no index of words has it.
        Index(
            "ix_tickets_title_signs",
            text(
                "string_to_array(regexp_replace(title::text, '[a-zA-Z0-9 ]'::text, ''::text, 'g'::text),"
                " NULL::text)"
            ),
            postgresql_using="gin",
        ),
    )

    @hybrid_property
    def is_overdue(self) -> bool:
        """Unsettled for more than seven days since it was created."""
        return not self.status.is_settled and datetime.now(UTC) - self.created_at > OVERDUE_AFTER

    @is_overdue.inplace.expression
    @classmethod
    def _is_overdue_in_sql(cls) -> ColumnElement[bool]:
        return and_(cls.status.not_in(SETTLED), cls.created_at < func.now() - OVERDUE_AFTER)

    @hybrid_property
    def response_time_hours(self) -> float | None:
        """Hours from creation to the first comment; None before there is one. Needs `comments` loaded."""
        if not self.comments:
            return None
        first = min(comment.created_at for comment in self.comments)
        return (first - self.created_at).total_seconds() / 3600

    @response_time_hours.inplace.expression
    @classmethod
    def _response_time_hours_in_sql(cls) -> ColumnElement[float | Decimal]:
        first = (
            select(func.min(Comment.created_at))
            .where(Comment.ticket_id == cls.id, Comment.deleted_at.is_(None))
            .correlate(cls)
            .scalar_subquery()
        )
        return extract("epoch", first - cls.created_at) / 3600

    @hybrid_method
    def is_priority_escalation_needed(self, hours: int = 24) -> bool:
        """Still open, untouched by anyone, for more than `hours`."""
        return self.status is TicketStatus.OPEN and datetime.now(UTC) - self.created_at > timedelta(
            hours=hours
        )

    @is_priority_escalation_needed.inplace.expression  # type: ignore[attr-defined, untyped-decorator]
    @classmethod  # SQLAlchemy types the decorated method as the plain one
    def _is_priority_escalation_needed_in_sql(cls, hours: int = 24) -> ColumnElement[bool]:
        return and_(cls.status == TicketStatus.OPEN, cls.created_at < func.now() - timedelta(hours=hours))

    def __str__(self) -> str:
        return f"{self.ticket_number} {self.title}"

    def __repr__(self) -> str:
        return f"<Ticket(id={self.id}, number={self.ticket_number!r}, status={self.status.value})>"
