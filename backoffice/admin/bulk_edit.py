"""Editing many rows at once: the fields of the edit form, of which those change whose box is ticked.

The box beside each field is what makes "leave unchanged" the default and an empty value one like any other;
it works without scripts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import inspect
from starlette.requests import Request
from wtforms import Form, SelectField, SelectMultipleField

from backoffice.admin.bulk import BulkAction, form_class_of
from backoffice.admin.drafts import MISSING
from backoffice.admin.fields import CHOOSE, FlagField
from backoffice.admin.picker_fields import PickManyField
from backoffice.admin.questions import field_of
from backoffice.admin.request import submitted
from backoffice.errors import ConfigurationError
from backoffice.operations.fields import NOTHING_CHOSEN, is_settable

if TYPE_CHECKING:
    from backoffice.admin.view import View

#: The boxes: each has the name of the field that it lets change.
CHANGE: Final = "change"
#: What else a confirmation sends.
RESERVED: Final = frozenset(
    {
        CHANGE,
        "asked",
        "confirm",
        "csrf_token",
        "except",
        "pks",
        "previewed",
        "reason",
        "scope",
        "selection",
        "word",
    }
)


@dataclass(frozen=True, kw_only=True)
class EditAction(BulkAction):
    """Sets fields of rows: those of the view's `bulk_edit_fields` that this person may edit."""

    slug: str = "edit"
    label: str = "Edit fields"
    done: str = "edited"
    icon: str = "ti ti-pencil"

    def is_allowed(self, view: "View", request: Request, *, rows: int | None) -> bool:
        # The grant is for many at once; it gives no right to edit that one does not have.
        return view.may(request, "edit") and super().is_allowed(view, request, rows=rows)

    def form_class(self, view: "View", request: Request) -> type[Form]:
        names = editable(view, request)
        fields = {name: _field(view, request, name) for name in names}
        boxes = SelectMultipleField("Fields", choices=[(name, view.label(name)) for name in names])
        return form_class_of({CHANGE: boxes, **fields}, EditForm)

    def is_answered(self, request: Request) -> bool:
        # Of boxes that are not ticked a browser sends nothing.
        return CHANGE in submitted(request) or "asked" in submitted(request)

    def boxed(self, form: Form) -> Sequence[str]:
        return boxed(form)

    def chosen(self, form: Form) -> Mapping[str, Any]:
        return {name: form[name].data for name in form[CHANGE].data}


class EditForm(Form):
    """Validates the fields whose boxes are ticked, and no others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self:
            # Nothing is, where every field may be left out.
            field.flags.required = False

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        super().validate(extra_validators)
        ticked = self[CHANGE].data
        for name in boxed(self):
            if name not in ticked:
                self[name].errors = []
            elif not self[name].raw_data and not isinstance(self[name], PickManyField):
                self[name].errors = [MISSING]
        if not ticked:
            self[CHANGE].errors = [NOTHING_CHOSEN]
        return not self.errors


def boxed(form: Form) -> list[str]:
    """The fields that have a box."""
    boxes: Any = form[CHANGE]
    return [name for name, _ in boxes.choices]


class YesNoField(SelectField):
    """Yes or no. A switch that is off would look like one that nobody touched."""

    def __init__(self, label: str = "", description: str = "", **kwargs: Any) -> None:
        choices = [(word, word.capitalize()) for word in _FLAGS]
        super().__init__(label, choices=choices, coerce=_flag, description=description, **kwargs)


_FLAGS: Final = {"yes": True, "no": False}


def _flag(raw: str | bool) -> bool:
    if raw not in (*_FLAGS, True, False):
        raise ValueError(CHOOSE)
    return _FLAGS.get(str(raw), bool(raw))


def editable(view: "View", request: Request) -> list[str]:
    """The fields that this person may edit in many rows at once, in the order of the form."""
    asked = view.form_names(request, None)
    names = (name for section in view.form_sections for name in section.fields)
    return [name for name in names if name in view.bulk_edit_fields and name in asked]


def _field(view: "View", request: Request, name: str) -> Any:
    """The field of the edit form, with what a new record would have."""
    field = field_of(view, request, None, name)
    if field.field_class is FlagField:
        return YesNoField(view.label(name), view.form_hints.get(name, ""))
    default: Any = getattr(inspect(view.model).columns.get(name), "default", None)
    if default is not None and default.is_scalar:
        field.kwargs.setdefault("default", default.arg)
    return field


def check_bulk_edit(view: "View") -> None:
    """Raise ConfigurationError for fields that cannot be edited in many rows at once."""
    where, names = type(view).__name__, {name for section in view.form_sections for name in section.fields}
    for name in view.bulk_edit_fields:
        if name not in names or name in view.extra_fields:
            raise ConfigurationError(f"{where}: bulk_edit_fields names {name}, which the form does not have.")
        if not is_settable(view.model, name) or name in RESERVED:
            raise ConfigurationError(
                f"{where}: {name} cannot be edited in many rows at once: take it out of bulk_edit_fields."
            )
    if bool(view.bulk_edit_fields) != any(isinstance(action, EditAction) for action in view.bulk_actions):
        raise ConfigurationError(
            f"{where}: bulk_edit_fields and an EditAction among bulk_actions go together."
        )
