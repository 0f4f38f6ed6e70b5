"""Operations: who did what, to how many rows, and what it undid."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import PII, PLAIN, Base
from models.user import User


class Operation(Base):
    """One thing that somebody did, which may have changed many rows: the unit of undo.

    `verb` is what was done (`ticket.assign`), `selection` says in words on what, `outcome` holds
    the counts (`changed`, `unchanged`, `refused` by reason) and, for an undo, its conflicts.
    """

    __tablename__ = "operations"

    id: Mapped[UUID] = mapped_column(primary_key=True, info=dict(PLAIN))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), info=dict(PLAIN))
    verb: Mapped[str] = mapped_column(String(100), info=dict(PLAIN))
    actor_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), info=dict(PLAIN)
    )
    #: The actor's name at the time, or `system:…` where no person acted.
    actor: Mapped[str] = mapped_column(String(255), info=dict(PII))
    request_id: Mapped[str | None] = mapped_column(String(64), info=dict(PLAIN))
    reason: Mapped[str | None] = mapped_column(info=dict(PII))
    selection: Mapped[str | None] = mapped_column(info=dict(PII))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", info=dict(PII))
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", info=dict(PII))
    reverts_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("operations.id", ondelete="RESTRICT"), info=dict(PLAIN)
    )

    actor_user: Mapped[User | None] = relationship(foreign_keys=[actor_id], lazy="raise")
    reverts: Mapped["Operation | None"] = relationship(
        foreign_keys=[reverts_id], remote_side="Operation.id", lazy="raise"
    )

    __table_args__ = (
        Index("ix_operations_created_at", "created_at", "id"),
        Index("ix_operations_actor", "actor_id", "created_at", "id"),
        Index("ix_operations_verb", "verb", "created_at", "id"),
        Index("ix_operations_reverts", "reverts_id"),
    )

    def __str__(self) -> str:
        return self.verb
