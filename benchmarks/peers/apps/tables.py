"""The desk's tables as plain SQLAlchemy models, for the peers that take such."""

from datetime import datetime
from enum import StrEnum, auto

from sqlalchemy import BigInteger, DateTime, Enum, FetchedValue, ForeignKey, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Status(StrEnum):
    open = auto()
    in_progress = auto()
    waiting_on_customer = auto()
    resolved = auto()
    closed = auto()


class Priority(StrEnum):
    low = auto()
    medium = auto()
    high = auto()
    urgent = auto()


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, str: Text, datetime: DateTime(timezone=True)}


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    full_name: Mapped[str]

    def __str__(self) -> str:
        return self.full_name


class TicketTag(Base):
    __tablename__ = "ticket_tags"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True)


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_number: Mapped[str] = mapped_column(server_default=FetchedValue())
    title: Mapped[str]
    description: Mapped[str]
    status: Mapped[Status] = mapped_column(Enum(Status, name="ticket_status"))
    priority: Mapped[Priority] = mapped_column(Enum(Priority, name="ticket_priority"))
    creator_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    deleted_at: Mapped[datetime | None]

    creator: Mapped[User] = relationship(foreign_keys=[creator_id])
    assignee: Mapped[User | None] = relationship(foreign_keys=[assignee_id])
    tags: Mapped[list[Tag]] = relationship(secondary="ticket_tags", order_by=Tag.name)

    def __str__(self) -> str:
        return f"{self.ticket_number} {self.title}"
