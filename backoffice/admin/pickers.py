"""Asynchronous selects: which records a person may pick, how they are found, and what they are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, inspect, true
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.accounts.sessions import CurrentUser
from models import Base, Trashable


@dataclass(frozen=True)
class Picker:
    """What can be picked for a relation: live records of `model` that `where` allows the person.

    The look-up and the form that is saved ask the same question (`allowed`): no key passes by being
    posted. `label` reads columns of the record alone: nothing else of it is loaded.
    """

    model: type[Base]
    search: Callable[[str], ColumnElement[bool]]
    where: Callable[[CurrentUser], ColumnElement[bool]] | None = None
    order_by: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]] = ()
    label: Callable[[Any], str] = str

    @property
    def key(self) -> InstrumentedAttribute[Any]:
        """The model's one primary-key column."""
        attribute: InstrumentedAttribute[Any] = getattr(self.model, inspect(self.model).primary_key[0].name)
        return attribute

    def allowed(self, user: CurrentUser) -> ColumnElement[bool]:
        """Which records `user` may pick now."""
        is_live = self.model.deleted_at.is_(None) if issubclass(self.model, Trashable) else true()
        return and_(is_live, self.where(user)) if self.where else is_live
