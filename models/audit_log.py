"""The change history, which only the database's own triggers and functions write."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, String, func
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base, stored_by_value
from models.user import User


class AuditAction(StrEnum):
    """What an entry records: a change of a row, or (from LOGIN on) something that changes no row."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    LOGIN = "LOGIN"
    LOGIN_FAILED = "LOGIN_FAILED"
    LOGOUT = "LOGOUT"
    VIEW = "VIEW"
    EXPORT = "EXPORT"


class AuditLog(Base):
    """One change of one row: who, when, from where, in which operation, and old → new per field.

    `changes` is `{"field": {"old": …, "new": …}}`; a CREATE has only `new`, a DELETE only `old`;
    a secret field holds `{"changed": true}` alone. `user_id` has no foreign key to hold it up: the
    history outlives whatever it speaks of.
    """

    __tablename__ = "audit_logs"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int | None]
    action: Mapped[AuditAction] = mapped_column(stored_by_value(AuditAction, "audit_action"))
    user_id: Mapped[int | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    operation_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[Any | None] = mapped_column(INET)
    database_user: Mapped[str] = mapped_column(String(63))

    user: Mapped[User | None] = relationship(
        primaryjoin=lambda: User.id == AuditLog.user_id,
        foreign_keys=lambda: [AuditLog.user_id],
        viewonly=True,
        lazy="raise",
    )

    def __str__(self) -> str:
        record = f"{self.table_name.replace('_', ' ').capitalize()} {self.record_id or ''}".strip()
        return f"{record}: {self.action.replace('_', ' ').lower()}"

    __table_args__ = (
        Index("ix_audit_logs_record", "table_name", "record_id", "id"),
        Index("ix_audit_logs_user", "user_id", "id"),
        Index("ix_audit_logs_operation", "operation_id", "id"),
        Index("ix_audit_logs_action", "action", "id"),
        Index("ix_audit_logs_created_at", "created_at", "id"),
        {"info": dict(NOT_AUDITED)},
    )
