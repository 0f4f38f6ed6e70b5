"""Jobs: long work in chunks, each of which is done once, whoever is killed in between."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base, stored_by_value
from models.user import User


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"  # for a second person's approval
    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"  # cancelled, while some chunk is still being done
    DONE = "done"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    FAILED = "failed"  # to the end, with chunks that could not be done


#: Of these nothing more happens.
ENDED: Final = (JobState.DONE, JobState.CANCELLED, JobState.REJECTED, JobState.FAILED)


class Job(Base):
    """Long work that somebody asked for: what it is, how far it has come, and what became of it.

    One that changes records is an operation, whose id it shares; the history is the operation's matter,
    and progress is not kept in it.
    """

    __tablename__ = "jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: When who asked for it saw that it had ended.
    seen_at: Mapped[datetime | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    #: Which kind of work it is, by the name under which a worker knows it.
    kind: Mapped[str] = mapped_column(String(50))
    #: What is done, as in the operation: `ticket.assign`.
    verb: Mapped[str] = mapped_column(String(100))
    #: The identity of the page where it was asked for.
    page: Mapped[str] = mapped_column(String(50))
    title: Mapped[str]
    selection: Mapped[str | None]
    reason: Mapped[str | None]
    #: The verb's own, as JSON, and the same in words for who reads it.
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    in_words: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    request_id: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(45))
    state: Mapped[JobState] = mapped_column(stored_by_value(JobState, "job_state"))
    rows_total: Mapped[int]
    rows_done: Mapped[int] = mapped_column(server_default="0")
    chunks_total: Mapped[int]
    chunks_done: Mapped[int] = mapped_column(server_default="0")
    #: The counts of the chunks that are done: `changed`, `unchanged`, `refused` and `errors` by reason.
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="raise")
    approved_by: Mapped[User | None] = relationship(foreign_keys=[approved_by_id], lazy="raise")

    __table_args__ = (
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_user_id", "user_id", "created_at", "id"),
        Index("ix_jobs_approved_by_id", "approved_by_id"),
        Index(
            "ix_jobs_unseen",
            "user_id",
            postgresql_where=text("ended_at IS NOT NULL AND seen_at IS NULL"),
        ),
        Index("ix_jobs_waiting", "user_id", postgresql_where=text("state = 'waiting'")),
        {"info": dict(NOT_AUDITED)},
    )

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def percent(self) -> int:
        """How much of it is done, of a hundred: rounded down, so that all is all."""
        return 100 * self.rows_done // self.rows_total if self.rows_total else 0

    def __str__(self) -> str:
        return self.title


class JobChunk(Base):
    """A part of a job, which is done in one transaction, or not at all."""

    __tablename__ = "job_chunks"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    #: Chunks of a later stage begin when all of the earlier ones are done.
    stage: Mapped[int] = mapped_column(server_default="0")
    #: The table whose records these are.
    table_name: Mapped[str] = mapped_column(String(63))
    record_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    done_at: Mapped[datetime | None]
    #: What became of its rows: the counts, and of those that did not change the ids.
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")

    __table_args__ = (
        Index("ix_job_chunks_open", "job_id", "stage", "number", postgresql_where=text("done_at IS NULL")),
        {"info": dict(NOT_AUDITED)},
    )
