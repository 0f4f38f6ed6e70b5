"""Imports: files that somebody brought, how their columns are read, and what becomes of each row."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOT_AUDITED, Base, stored_by_value
from models.user import User


class ImportKind(StrEnum):
    """What the rows of a file become."""

    TICKETS = "tickets"
    PEOPLE = "people"


class ImportState(StrEnum):
    """How far an import is."""

    UPLOADED = "uploaded"
    CHECKED = "checked"  # every row has its verdict; nothing is changed yet
    RUNNING = "running"
    DONE = "done"


class Verdict(StrEnum):
    """What an import does with a row, or did."""

    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"
    ERROR = "error"


class ImportFile(Base):
    """One file, from its upload to the report of what became of its rows.

    `source` says how its bytes are read, `columns` what was found in them, `plan` what is made of them. The
    file itself lies outside of the database, by the name of this row's id.
    """

    __tablename__ = "imports"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    kind: Mapped[ImportKind] = mapped_column(stored_by_value(ImportKind, "import_kind"))
    state: Mapped[ImportState] = mapped_column(
        stored_by_value(ImportState, "import_state"),
        default=ImportState.UPLOADED,
        server_default=ImportState.UPLOADED.value,
    )
    filename: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int]
    source: Mapped[dict[str, Any]] = mapped_column(JSONB)
    columns: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    row_count: Mapped[int]
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB)
    #: Rows by verdict; once it ran, by what was done with them.
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    operation_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_imports_created_at", "created_at", "id"),
        Index("ix_imports_user_id", "user_id", "created_at", "id"),
        {"info": dict(NOT_AUDITED)},
    )

    def __str__(self) -> str:
        return self.filename


class ImportRow(Base):
    """A row of a file as it was understood. What was confirmed is what runs: nothing is read again.

    `wanted` is gone once the row has run. `version` is that of the record when the row was judged.
    """

    __tablename__ = "import_rows"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="RESTRICT"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Where in the file it begins.
    line: Mapped[int]
    #: The ticket's number, or the person's address: by this it meets what is there.
    key: Mapped[str | None]
    title: Mapped[str]
    wanted: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    verdict: Mapped[Verdict] = mapped_column(stored_by_value(Verdict, "import_verdict"))
    reason: Mapped[str] = mapped_column(server_default="")
    record_id: Mapped[int | None]
    version: Mapped[int | None]

    __table_args__ = (
        Index("ix_import_rows_verdict", "import_id", "verdict", "number"),
        Index("ix_import_rows_key", "import_id", "key"),
        {"info": dict(NOT_AUDITED)},
    )


class ImportPlan(Base):
    """How a set of columns was read the last time; the next file with the same columns begins so."""

    __tablename__ = "import_plans"

    #: SHA-256 of the kind and the columns' names.
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB)
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = ({"info": dict(NOT_AUDITED)},)
