"""The change history, which only the database's own triggers and functions write."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, LargeBinary, PrimaryKeyConstraint, String, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB
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
    SEARCH = "SEARCH"
    ERASE = "ERASE"
    RETAIN = "RETAIN"
    VERIFY = "VERIFY"


class AuditLog(Base):
    """One change of one row: who, when, from where, in which operation, and old → new per field.

    `changes` is `{"field": {"old": …, "new": …}}`; a CREATE has only `new`, a DELETE only `old`;
    a secret field holds `{"changed": true}` alone. `user_id` has no foreign key to hold it up: the
    history outlives whatever it speaks of.

    The address and the fields that `personal` names can be erased without breaking the proof that the
    history is whole: what is proved of them is the digest of their values with `salt`. An erasure keeps
    that in `personal_digest`, takes salt and address away, and leaves `{"erased": true}` for a field.

    The table has a partition a month, by `created_at`; `id` is unique all the same, as nobody else gives it.
    """

    __tablename__ = "audit_logs"

    id: Mapped[int] = mapped_column(Identity(always=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    #: The transaction that wrote it, by PostgreSQL's 64-bit number plus the base of
    #: `backoffice.audit.transactions`; 0 where that was not noted yet.
    xid: Mapped[int] = mapped_column(
        server_default=text("(pg_current_xact_id()::text)::bigint + history_xid_base()")
    )
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int | None]
    action: Mapped[AuditAction] = mapped_column(stored_by_value(AuditAction, "audit_action"))
    user_id: Mapped[int | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    operation_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[Any | None] = mapped_column(INET)
    database_user: Mapped[str] = mapped_column(String(63))
    personal: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    salt: Mapped[UUID | None] = mapped_column(server_default=func.gen_random_uuid())
    personal_digest: Mapped[bytes | None] = mapped_column(LargeBinary)

    user: Mapped[User | None] = relationship(
        primaryjoin=lambda: User.id == AuditLog.user_id,
        foreign_keys=lambda: [AuditLog.user_id],
        viewonly=True,
        lazy="raise",
    )

    def __str__(self) -> str:
        record = f"{self.table_name.replace('_', ' ').capitalize()} {self.record_id or ''}".strip()
        return f"{record}: {self.action.replace('_', ' ').lower()}"

    __mapper_args__ = {"primary_key": [id]}  # noqa: A003 - the column
    __table_args__ = (
        # The partitions' key must be a part of it.
        PrimaryKeyConstraint("id", "created_at"),
        Index("ix_audit_logs_record", "table_name", "record_id", "created_at", "id"),
        Index("ix_audit_logs_operation", "operation_id", "id"),
        # What else the log is filtered by is included: entries that do not match cost no look at the table.
        Index(
            "ix_audit_logs_user",
            "user_id",
            "created_at",
            "id",
            postgresql_include=["action", "table_name"],
        ),
        Index(
            "ix_audit_logs_action",
            "action",
            "created_at",
            "id",
            postgresql_include=["user_id", "table_name"],
        ),
        Index("ix_audit_logs_created_at", "created_at", "id", postgresql_include=["table_name"]),
        # For what once hung on a ticket, and was deleted since or moved to another one.
        Index(
            "ix_audit_logs_child",
            text("((changes #>> '{ticket_id,old}')::bigint)"),
            "table_name",
            "created_at",
            postgresql_where=text(
                "table_name IN ('comments', 'attachments') AND changes #>> '{ticket_id,old}' IS NOT NULL"
            ),
        ),
        # For the sealer, which reads in the order of transactions: a thousandth of a b-tree's size.
        Index(
            "ix_audit_logs_xid",
            "xid",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on", "pages_per_range": "32"},
        ),
        {"info": dict(NOT_AUDITED), "postgresql_partition_by": "RANGE (created_at)"},
    )
