"""What a form asks for each column, relation and extra field of a view: the kind of field, and its rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, DateTime, Enum, Integer, String, Text, inspect
from sqlalchemy.orm import RelationshipProperty
from starlette.requests import Request
from wtforms.fields.core import UnboundField

from backoffice.admin.fields import (
    IS_COLOUR,
    IS_EMAIL,
    AtMost,
    ChoiceField,
    ColourField,
    EmailField,
    FlagField,
    LongTextField,
    MomentField,
    NumberField,
    PickerField,
    PickManyField,
    Required,
    TextField,
    TimeZoneField,
)
from backoffice.admin.request import current_user
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: A text of no declared length takes this many characters, as the models' own checks have it.
LONGEST_TEXT: Final = 100_000


class FieldKind(StrEnum):
    """What a field asks for; by default as the column's type says."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    COLOUR = "colour"
    TIME_ZONE = "time_zone"
    CHOICE = "choice"
    FLAG = "flag"
    NUMBER = "number"
    MOMENT = "moment"


@dataclass(frozen=True)
class _Question:
    """What a field asks: its words, its column, and the zone in which the person lives."""

    label: str
    hint: str
    column: Column[Any]
    limit: int
    time_zone: str

    @property
    def required(self) -> list[Any]:
        return [] if self.column.nullable else [Required()]


def field_of(view: "View", request: Request, record: Base | None, name: str) -> Any:
    if name in view.extra_fields:
        return _hinted(view, name, view.extra_fields[name](view, request, record))
    hint = view.form_hints.get(name, "")
    relation = inspect(view.model).relationships.get(name)
    if relation is not None:
        return _relation_field(relation, view.label(name), hint)
    column = column_of(view.model, name)
    question = _Question(
        view.label(name), hint, column, _limit(view, name, column), current_user(request).time_zone
    )
    return _FIELDS[view.form_kinds.get(name) or kind_of(column)](question)


def _hinted(view: "View", name: str, field: UnboundField[Any]) -> UnboundField[Any]:
    field.kwargs.setdefault("description", view.form_hints.get(name, ""))
    return field


def _relation_field(relation: RelationshipProperty[Any], label: str, hint: str) -> Any:
    if relation.uselist:
        return PickManyField(label, description=hint)
    is_nullable = inspect(relation.parent).columns[foreign_key(relation)].nullable
    return PickerField(label, [] if is_nullable else [Required()], description=hint)


def _text(question: _Question) -> Any:
    validators = [*question.required, AtMost(question.limit)]
    return TextField(
        question.label, validators, description=question.hint, is_nullable=question.column.nullable
    )


def _long_text(question: _Question) -> Any:
    validators = [*question.required, AtMost(question.limit)]
    return LongTextField(
        question.label, validators, description=question.hint, is_nullable=question.column.nullable
    )


def _email(question: _Question) -> Any:
    validators = [*question.required, AtMost(question.limit), IS_EMAIL]
    return EmailField(
        question.label, validators, description=question.hint, is_nullable=question.column.nullable
    )


def _colour(question: _Question) -> Any:
    return ColourField(question.label, [*question.required, IS_COLOUR], description=question.hint)


def _time_zone(question: _Question) -> Any:
    return TimeZoneField(question.label, question.required, description=question.hint)


def _choice(question: _Question) -> Any:
    column = question.column
    return ChoiceField(
        question.label,
        question.required,
        description=question.hint,
        vocabulary=column.type.enum_class,  # type: ignore[attr-defined]  # `kind_of` has seen an Enum
        has_blank=bool(column.nullable) or column.default is None,
    )


def _flag(question: _Question) -> Any:
    return FlagField(question.label, description=question.hint)


def _number(question: _Question) -> Any:
    return NumberField(question.label, question.required, description=question.hint)


def _moment(question: _Question) -> Any:
    zone = question.time_zone
    hint = f"{question.hint} Time zone: {zone}.".strip()
    return MomentField(question.label, question.required, description=hint, time_zone=zone)


_FIELDS: Final[Mapping[FieldKind, Callable[[_Question], Any]]] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _long_text,
    FieldKind.EMAIL: _email,
    FieldKind.COLOUR: _colour,
    FieldKind.TIME_ZONE: _time_zone,
    FieldKind.CHOICE: _choice,
    FieldKind.FLAG: _flag,
    FieldKind.NUMBER: _number,
    FieldKind.MOMENT: _moment,
}

#: Narrow types first: an Enum and a Text are Strings too.
_KINDS: Final = (
    (Enum, FieldKind.CHOICE),
    (Boolean, FieldKind.FLAG),
    (Text, FieldKind.LONG_TEXT),
    (String, FieldKind.TEXT),
    (DateTime, FieldKind.MOMENT),
    (Integer, FieldKind.NUMBER),
)


def kind_of(column: Column[Any]) -> FieldKind | None:
    return next((kind for column_type, kind in _KINDS if isinstance(column.type, column_type)), None)


def _limit(view: "View", name: str, column: Column[Any]) -> int:
    declared = view.form_limits.get(name)
    return declared or getattr(column.type, "length", None) or LONGEST_TEXT


def column_of(model: type[Base], name: str) -> Column[Any]:
    column: Column[Any] = inspect(model).column_attrs[name].columns[0]
    return column


def foreign_key(relation: RelationshipProperty[Any]) -> str:
    """The attribute that holds the key of a many-to-one relation."""
    [(local, _)] = relation.local_remote_pairs or ()
    return relation.parent.get_property_bycolumn_of(local).key
