"""What a form asks for each column, relation and extra field of a view: the kind of field, and its rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, DateTime, Enum, Integer, String, Text, inspect
from sqlalchemy.orm import RelationshipProperty
from starlette.requests import Request

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
    Required,
    TextField,
    TimeZoneField,
)
from backoffice.admin.picker_fields import PickerField, PickManyField
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

    def asked(self, *validators: Any) -> dict[str, Any]:
        """What every field is made of."""
        required = [] if self.column.nullable else [Required()]
        return {"label": self.label, "validators": [*required, *validators], "description": self.hint}

    def written(self, *validators: Any) -> dict[str, Any]:
        """The same for texts."""
        return {
            **self.asked(AtMost(self.limit), *validators),
            "is_nullable": bool(self.column.nullable),
        }


def field_of(view: "View", request: Request, record: Base | None, name: str) -> Any:
    """The field `name` of the view's form, not bound to a form yet."""
    if name in view.extra_fields:
        return _hinted(view, name, view.extra_fields[name](view, request, record))
    hint = view.form_hints.get(name, "")
    relation = inspect(view.model).relationships.get(name)
    if relation is not None:
        return _relation_field(relation, view.label(name), hint)
    column = column_of(view.model, name)
    limit = view.form_limits.get(name) or getattr(column.type, "length", None) or LONGEST_TEXT
    question = _Question(view.label(name), hint, column, limit, current_user(request).time_zone)
    return _FIELDS[view.form_kinds.get(name) or kind_of(column) or FieldKind.TEXT](question)


def _hinted(view: "View", name: str, field: Any) -> Any:
    field.kwargs.setdefault("description", view.form_hints.get(name, ""))
    return field


def _relation_field(relation: RelationshipProperty[Any], label: str, hint: str) -> Any:
    if relation.uselist:
        return PickManyField(label, description=hint)
    is_nullable = column_of(relation.parent.class_, foreign_key(relation)).nullable
    return PickerField(label, [] if is_nullable else [Required()], description=hint)


def _choice(question: _Question) -> Any:
    column: Any = question.column
    has_blank = column.nullable or column.default is None
    return ChoiceField(vocabulary=column.type.enum_class, has_blank=has_blank, **question.asked())


def _moment(question: _Question) -> Any:
    hint = f"{question.hint} Time zone: {question.time_zone}.".strip()
    return MomentField(time_zone=question.time_zone, **{**question.asked(), "description": hint})


_FIELDS: Final[Mapping[FieldKind, Callable[[_Question], Any]]] = {
    FieldKind.TEXT: lambda question: TextField(**question.written()),
    FieldKind.LONG_TEXT: lambda question: LongTextField(**question.written()),
    FieldKind.EMAIL: lambda question: EmailField(**question.written(IS_EMAIL)),
    FieldKind.COLOUR: lambda question: ColourField(**question.written(IS_COLOUR)),
    FieldKind.TIME_ZONE: lambda question: TimeZoneField(**question.asked()),
    FieldKind.CHOICE: _choice,
    FieldKind.FLAG: lambda question: FlagField(question.label, description=question.hint),
    FieldKind.NUMBER: lambda question: NumberField(**question.asked()),
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
    """The kind that the column's type asks for; None where there is none."""
    return next((kind for column_type, kind in _KINDS if isinstance(column.type, column_type)), None)


def column_of(model: type[Base], name: str) -> Column[Any]:
    """The column behind the attribute `name`."""
    column: Column[Any] = inspect(model).columns[name]
    return column


def foreign_key(relation: RelationshipProperty[Any]) -> str:
    """The attribute that holds the key of a many-to-one relation."""
    [(local, _)] = relation.local_remote_pairs or ()
    key: str = relation.parent.get_property_by_column(local).key
    return key
