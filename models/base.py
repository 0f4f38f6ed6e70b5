"""The declarative base, and what several tables share: moments, row versions, the trash."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Enum, FetchedValue, ForeignKey, MetaData, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import UserDefinedType

#: How a column appears in the change history; every column of an audited table states one of these.
PLAIN: Mapping[str, str] = {"audit": "plain"}  # old and new values
SKIP: Mapping[str, str] = {"audit": "skip"}  # not at all: it follows from other columns
SECRET: Mapping[str, str] = {"audit": "secret"}  # only the fact that it changed
PII: Mapping[str, str] = {"audit": "pii"}  # old and new values, which an erasure blanks

#: For tables that keep no history: bookkeeping, and the history itself.
NOT_AUDITED: Mapping[str, bool] = {"audit": False}


def following(name: str) -> dict[str, str]:
    """For a column that changes along with the column `name`: an undo puts back both or neither."""
    return {**PLAIN, "follows": name}


class Base(DeclarativeBase):
    """Base of all models: constraint names by convention, every moment timezone-aware."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text,
        int: BigInteger,
    }


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's `xid`: what the system column `xmin` holds, an unsigned 32-bit number."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid"


class Versioned:
    """A row whose version is PostgreSQL's own `xmin`: it changes with every update, whoever wrote."""

    version: Mapped[int] = mapped_column(
        "xmin", TransactionId, system=True, server_default=FetchedValue(), info=dict(SKIP)
    )

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy passes the class
        return {
            "version_id_col": cls.version,
            "version_id_generator": False,
            "eager_defaults": True,
        }


class Timestamped:
    """When a row was made and last changed (UTC)."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), info=dict(PLAIN))
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), info=dict(SKIP)
    )


#: Execution options for a statement that shall see the trash as well as the live rows, or that knows of none.
INCLUDE_TRASHED: Mapping[str, bool] = {"include_trashed": True}


class Trashable:
    """A row that is moved to the trash before it is ever deleted; `live` rows have no `deleted_at`.

    `deleted_operation` names the operation that trashed it, so that a restore brings back exactly
    what that operation took.
    """

    deleted_at: Mapped[datetime | None] = mapped_column(info=dict(PLAIN))
    deleted_operation: Mapped[UUID | None] = mapped_column(info=following("deleted_at"))

    @declared_attr
    @classmethod
    def deleted_by_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), info=following("deleted_at"))

    @property
    def is_trashed(self) -> bool:
        return self.deleted_at is not None


def stored_by_value(vocabulary: type[StrEnum], name: str) -> Enum:
    """A native PostgreSQL enum that stores the members' values; it sorts in the members' order."""
    return Enum(vocabulary, name=name, values_callable=lambda members: [member.value for member in members])
