"""Writing a record down: the view's hooks, the flush, and what the database refuses said at the field."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import RelationshipDirection
from starlette.requests import Request
from wtforms.form import BaseForm

from backoffice.errors import BackofficeError, BadInput
from models import Base

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: What PostgreSQL refuses because of a value, by SQLSTATE, and how that is said to people.
SENTENCES: Final[Mapping[str, str]] = {
    "23505": "Another {noun} has this already.",
    "23503": "This is no longer there: choose another.",
    "23502": "This is required.",
    "23514": "This is not allowed.",
    "22001": "This is too long.",
}
REFUSED: Final = "One of these values cannot be stored. Nothing was saved."
_DATA_ERRORS: Final = ("22", "23")


async def save(view: "View", request: Request, record: Any, values: dict[str, Any], *, is_new: bool) -> None:
    """Set `values` on `record` and flush, or raise a BackofficeError that says what is wrong.

    After an error the transaction can only be rolled back, and no record may be read any more.
    """
    session = request.state.session
    mapped = inspect(view.model).attrs
    try:
        await view.before_save(request, record, values, is_new=is_new)
        for name in values.keys() & mapped.keys():
            setattr(record, name, values[name])
        session.add(record)
        await session.flush()
        await view.after_save(request, record, values, is_new=is_new)
    except DBAPIError as error:
        if not (_sqlstate(error) or "").startswith(_DATA_ERRORS):
            raise
        raise _refusal(view, error) from error


def place(form: BaseForm, error: BackofficeError) -> list[str]:
    """Put an error's sentences at the fields that it names; returns those for the form as a whole."""
    sentences = error.fields if isinstance(error, BadInput) else {}
    known = {name: sentence for name, sentence in sentences.items() if name in form}
    for name, sentence in known.items():
        form[name].errors = [sentence]
    return [] if known else [str(error)]


def _refusal(view: "View", error: DBAPIError) -> BadInput:
    names = _fields_at_fault(view.model, error)
    sentence = SENTENCES.get(_sqlstate(error) or "")
    if not names or sentence is None:
        return BadInput(REFUSED)
    sentence = sentence.format(noun=view.noun(1))
    return BadInput(sentence, fields=dict.fromkeys(names, sentence))


def _sqlstate(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _fields_at_fault(model: type[Base], error: DBAPIError) -> list[str]:
    """The form fields behind the constraint or the column that the database names."""
    report = getattr(error.orig, "__cause__", None)
    if constraint := getattr(report, "constraint_name", None):
        columns = _columns_of(model.__table__, constraint)
    else:
        columns = [getattr(report, "column_name", None) or ""]
    return [name for column in columns for name in _names_of(model, column)]


def _columns_of(table: Any, constraint: str) -> list[str]:
    named = [one for one in (*table.constraints, *table.indexes) if one.name == constraint]
    return [column.name for one in named for column in one.columns]


def _names_of(model: type[Base], column: str) -> list[str]:
    """The attribute of `column`, and the relations that stand on it."""
    mapper = inspect(model)
    attributes = [one.key for one in mapper.column_attrs if one.columns[0].name == column]
    parents = [one for one in mapper.relationships if one.direction is RelationshipDirection.MANYTOONE]
    return attributes + [one.key for one in parents if column in {local.name for local in one.local_columns}]
