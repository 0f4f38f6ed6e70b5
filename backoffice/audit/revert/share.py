"""How much of an operation is undone at once: all of it, or what it did to some records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, Table, any_, exists, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from backoffice.audit.record import of_operation
from models import AuditAction, AuditLog

#: So many conflicts are listed with an operation; all of them are counted.
LISTED_CONFLICTS: Final = 200


@dataclass(frozen=True)
class Share:
    """An operation, or of it the records with these `ids`; so many conflicts of it are listed."""

    operation_id: UUID
    ids: Sequence[int] | None = None
    listed: int = LISTED_CONFLICTS

    @property
    def entries(self) -> ColumnElement[bool]:
        """The condition of the entries that are to be undone."""
        condition = of_operation(self.operation_id)
        if self.ids is None:
            return condition
        # The entries of few records are found by the records, not among all of the operation's.
        return condition & (AuditLog.record_id == any_(literal(list(self.ids), ARRAY(BigInteger))))

    def created(self, table: Table) -> Select[int | None]:
        """The records of `table` that the operation itself created."""
        made = aliased(AuditLog)
        statement = select(made.record_id).where(
            made.operation_id == self.operation_id,
            made.table_name == table.name,
            made.action == AuditAction.CREATE,
        )
        if self.ids is None:
            return statement
        return statement.where(made.record_id == any_(literal(list(self.ids), ARRAY(BigInteger))))

    def has_created(self, table: Table, key: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the operation created the record of `table` that `key` leads to, in this share or not."""
        made = aliased(AuditLog)
        return exists().where(
            made.operation_id == self.operation_id,
            made.table_name == table.name,
            made.action == AuditAction.CREATE,
            made.record_id == key,
        )
