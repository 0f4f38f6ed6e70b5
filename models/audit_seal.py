"""What proves the history whole: seals over its entries, what was removed on purpose, and proofs run."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, String, Text, func
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base, stored_by_value
from models.user import User


class AuditSeal(Base):
    """A signed statement of which entries there are, each seal on top of the one before.

    It covers the entries after the previous seal's position up to its own, `(through_xid, through_id)`, in
    that order; a position is final once no transaction below `horizon_xid` runs any more. `entries` has
    40 bytes for each: its id (8, big-endian) and the SHA-256 of its canonical text. `root` is the root
    of the Merkle tree (RFC 6962) over those, `hash` the SHA-256 of the seal's header, which the
    signature (Ed25519) is of.
    """

    __tablename__ = "audit_seals"

    #: 1, 2, 3 …, without a gap.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed_at: Mapped[datetime]
    #: The snapshot: all transactions below the horizon had ended, none from `next_xid` on had begun.
    horizon_xid: Mapped[int]
    next_xid: Mapped[int]
    through_xid: Mapped[int]
    through_id: Mapped[int]
    entry_count: Mapped[int]
    entries: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    #: The previous seal's; 32 zero bytes in the first.
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    #: Of the public key that checks the signature: the first 16 hexadecimal digits of its SHA-256.
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        CheckConstraint("length(entries) = 40 * entry_count", name="entries_length"),
        Index("ix_audit_seals_sealed_at", "sealed_at"),
        # Which seal an entry is in.
        Index("ix_audit_seals_through", "through_xid", "through_id"),
        {"info": dict(NOT_AUDITED)},
    )

    def __str__(self) -> str:
        return f"Seal {self.number}"


class RemovalKind(StrEnum):
    """Why something was taken from the history: an erasure of a person, or the end of its retention."""

    ERASURE = "erasure"
    RETENTION = "retention"


class AuditRemoval(Base):
    """A signed statement that something was taken from the history on purpose.

    For an erasure the entries with `entry_ids` lost their personal values, for a retention they are gone.
    `statement` is what was signed, as JSON text.
    """

    __tablename__ = "audit_removals"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[RemovalKind] = mapped_column(stored_by_value(RemovalKind, "removal_kind"))
    entry_ids: Mapped[list[Range[int]]] = mapped_column(INT8MULTIRANGE)
    statement: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_audit_removals_created_at", "created_at", "id"), {"info": dict(NOT_AUDITED)})

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} {self.id}"


class VerificationState(StrEnum):
    """How a verification stands: under way, or ended with nothing found, something found, or cut off."""

    RUNNING = "running"
    WHOLE = "whole"
    BROKEN = "broken"
    INTERRUPTED = "interrupted"


#: A verification that has said nothing for so long was interrupted: its process ended, or lost the database.
LONGEST_SILENCE: Final = timedelta(seconds=30)


class AuditVerification(Base):
    """One run of the proof that somebody asked for: how far it is, and what it found."""

    __tablename__ = "audit_verifications"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Renewed as long as it runs; one that stopped renewing was interrupted.
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    state: Mapped[VerificationState] = mapped_column(
        stored_by_value(VerificationState, "verification_state"),
        default=VerificationState.RUNNING,
        server_default=VerificationState.RUNNING.value,
    )
    entries_done: Mapped[int] = mapped_column(default=0, server_default="0")
    entries_total: Mapped[int] = mapped_column(default=0, server_default="0")
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    user: Mapped[User | None] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_audit_verifications_started_at", "started_at", "id"),
        Index("ix_audit_verifications_user_id", "user_id"),
        {"info": dict(NOT_AUDITED)},
    )

    @property
    def standing(self) -> VerificationState:
        """How it stands by now: one that fell silent was interrupted, though nobody has written it down."""
        is_silent = datetime.now(UTC) - self.seen_at > LONGEST_SILENCE
        is_lost = self.state is VerificationState.RUNNING and is_silent
        return VerificationState.INTERRUPTED if is_lost else self.state

    def __str__(self) -> str:
        return f"Verification {self.id}"
