"""Forms, built fresh for each request from what a view declares: nothing of one stays for the next."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Column, inspect, select
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from wtforms import FileField, Form
from wtforms.form import BaseForm

from backoffice.admin.fields import Terms, as_sent, terms_of
from backoffice.admin.pages import FormSection
from backoffice.admin.picker_fields import PickerField

# Declarations name it beside `Section`.
from backoffice.admin.questions import FieldKind as FieldKind
from backoffice.admin.questions import column_of, field_of, foreign_key, kind_of
from backoffice.admin.request import current_user, submitted
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import ConfigurationError
from models import Base, Versioned

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: Makes a field that is no column: of the view, the request, and the record (None for a new one).
ExtraField = Callable[["View", Request, Any], Any]
AnyForm = TypeVar("AnyForm", bound=Form)

#: What a form sends beside its fields.
RESERVED: Final = frozenset({"ancestor", "base", "csrf_token", "resolve", "version"})


@dataclass(frozen=True)
class Section:
    """A part of a form: the names of columns, relations and extra fields, from top to bottom."""

    title: str
    fields: Sequence[str]
    description: str = ""


# For one record ---------------------------------------------------------------------------------


async def record_form(
    view: "View",
    request: Request,
    record: Base | None,
    sent: FormData | None = None,
    *,
    also: Mapping[str, Terms] | None = None,
    only: str = "",
) -> BaseForm:
    """The form of `record` (None: a new one) as stored, or as `sent`, with its relations looked up.

    `also` are terms whose records will be shown beside the form; it has all fields, or `only` one.
    """
    form = stored_form(view, request, record, only=only)
    if sent is not None:
        _take(view, record, form, sent)
    await _look_up(view, request, form, also or {}, record)
    return form


async def fill(
    view: "View",
    request: Request,
    record: Base,
    form: BaseForm,
    sent: FormData,
    *,
    also: Mapping[str, Terms],
) -> None:
    """Put what was `sent` into the stored form of `record`, with its relations looked up."""
    _take(view, record, form, sent)
    await _look_up(view, request, form, also, record)


def shown(view: "View", request: Request, record: Base, *, only: str = "") -> dict[str, Terms]:
    """What the form of `record` shows, field by field."""
    return terms_of_form(stored_form(view, request, record, only=only))


def terms_of_form(form: BaseForm) -> dict[str, Terms]:
    """What a form holds, field by field."""
    return {field.short_name: terms_of(field) for field in form}


def stored_form(view: "View", request: Request, record: Base | None, *, only: str = "") -> BaseForm:
    """The form of `record` as stored, its relations by their keys alone."""
    names = [name for part in view.form_sections for name in part.fields if only in ("", name)]
    asked = view.form_names(request, record)
    form = BaseForm([(name, field_of(view, request, record, name)) for name in names if name in asked])
    form.process(None, data=_stored(view, record, form))
    return form


def sections(view: "View", form: BaseForm) -> list[FormSection]:
    """The fields of `form` in the view's order; a section of which nothing is left is left out."""
    parts = (
        FormSection(part.title, part.description, [form[name] for name in part.fields if name in form])
        for part in view.form_sections
    )
    return [part for part in parts if part.fields]


def form_relations(view: "View") -> list[str]:
    """The relations that must be loaded with a record before its form can be made or saved."""
    relations = inspect(view.model).relationships
    names = (name for part in view.form_sections for name in part.fields)
    return [*(name for name in names if name in relations), *view.form_relations]


def _take(view: "View", record: Base | None, form: BaseForm, sent: FormData) -> None:
    form.process(_usable(sent, form), data=_stored(view, record, form))


def _stored(view: "View", record: Base | None, form: BaseForm) -> dict[str, Any]:
    """The value of each mapped field: of a relation the key, or the list of keys."""
    return {
        field.short_name: _value(view.model, record, field.short_name)
        for field in form
        if field.short_name not in view.extra_fields
    }


def _value(model: type[Base], record: Base | None, name: str) -> Any:
    relation = inspect(model).relationships.get(name)
    if relation is None:
        return getattr(record, name) if record is not None else _default(column_of(model, name))
    if record is None:
        return None
    if relation.uselist:
        return [inspect(one).identity[0] for one in getattr(record, name)]
    return getattr(record, foreign_key(relation))


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg if default is not None and default.is_scalar else None


def _usable(sent: FormData, form: BaseForm) -> FormData:
    """What was sent, without files where a text is asked for, and without files that were not chosen."""
    files = {field.name for field in form if isinstance(field, FileField)}
    return FormData(
        [
            (name, value)
            for name, value in sent.multi_items()
            if _is_chosen(value) and isinstance(value, UploadFile) == (name in files)
        ]
    )


def _is_chosen(value: str | UploadFile) -> bool:
    return isinstance(value, str) or bool(value.filename)


# For a form class -------------------------------------------------------------------------------


async def bound(view: "View", request: Request, form_class: type[AnyForm]) -> AnyForm:
    """A form of `form_class` with what was submitted; the records of its pickers are looked up."""
    sent = submitted(request).multi_items()
    form = form_class(FormData([(name, value) for name, value in sent if not isinstance(value, UploadFile)]))
    await _look_up(view, request, form, {}, None)
    return form


async def _look_up(
    view: "View", request: Request, form: BaseForm, also: Mapping[str, Terms], record: Base | None
) -> None:
    """Find the records that pickers speak of: one query a picker that speaks of others than `record` has."""
    for field in form:
        if isinstance(field, PickerField):
            field.picker = field.picker or view.pickers[field.short_name]
            field.lookup_url = f"{view.url('ajax/lookup')}?{urlencode({'name': field.short_name})}"
            known = _related(record, field.short_name)
            await _find(request, field, field.wanted(as_sent(also.get(field.short_name, ""))), known)


def _related(record: Base | None, name: str) -> dict[str, Base]:
    """What was loaded with the record, by key."""
    if record is None or name not in inspect(record).dict:
        return {}
    value = getattr(record, name)
    related = value if isinstance(value, list) else filter(None, [value])
    return {str(inspect(one).identity[0]): one for one in related}


async def _find(
    request: Request, field: PickerField, keys: Collection[int], known: Mapping[str, Base]
) -> None:
    missing = [key for key in keys if str(key) not in known]
    if not missing or field.picker is None:
        field.take(known, ())
        return
    key, is_allowed = field.picker.key, field.picker.allowed(current_user(request)).label("is_allowed")
    statement = select(field.picker.model, is_allowed).where(key.in_(missing))
    rows = (await request.state.session.execute(statement, execution_options=INCLUDE_TRASHED)).all()
    found = {str(getattr(record, key.key)): record for record, _ in rows}
    field.take({**known, **found}, {str(getattr(record, key.key)) for record, allowed in rows if allowed})


# Declarations -----------------------------------------------------------------------------------


def check_form(view: "View") -> None:
    """Raise ConfigurationError for a form that cannot work."""
    names = [name for part in view.form_sections for name in part.fields]
    problems = [_problem(view, name) for name in names]
    problems += [
        f"edit_in_place names {name}, which the form has not."
        for name in view.edit_in_place
        if name not in names
    ]
    if problem := next(filter(None, [*problems, _shared_problem(view, names)]), None):
        raise ConfigurationError(f"{type(view).__name__}: {problem}")


def _problem(view: "View", name: str) -> str | None:
    mapper = inspect(view.model)
    if name in RESERVED or name.startswith(("_", "choose-")):
        return f"a form's field cannot be called {name}."
    if name in view.extra_fields:
        return None
    if name in mapper.relationships:
        return None if name in view.pickers else f"say what can be picked for {name} with pickers = {{…}}."
    if name not in mapper.column_attrs:
        return f"form_sections names {name}, which is no column, relation or extra field."
    is_known = name in view.form_kinds or kind_of(column_of(view.model, name)) is not None
    return None if is_known else f"no field is known for the column {name}: make it an extra field."


def _shared_problem(view: "View", names: Sequence[str]) -> str | None:
    if len(names) != len(set(names)):
        return "form_sections names a field twice."
    if view.can_edit and names and not issubclass(view.model, Versioned):
        return "a record without a version cannot be edited safely: make the model Versioned."
    return None
