"""Form controls: a WTForms field as the HTML that a person works with, tied to its hint and its errors."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup
from sqladmin.contrib.rbac import PermissionMatrixField
from wtforms import (
    BooleanField,
    Field,
    FileField,
    RadioField,
    SelectFieldBase,
    SelectMultipleField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, FileInput, Input, Select, TextArea, TextInput, html_params

#: Tall at first, as long texts go there; the page makes it grow with what is typed.
TEXT_ROWS: Final = 4


def kind(field: Field) -> str:
    """Its layout: `matrix`, `picker`, `switch`, `choices`, `textarea`, `select`, `file`, or `input`."""
    if isinstance(field, PermissionMatrixField):
        return "matrix"
    if lookup_url(field):
        return "picker"
    for field_type, name in _KINDS:
        if isinstance(field, field_type):
            return name
    return "input"


_KINDS: Final[Sequence[tuple[type[Field], str]]] = (
    (BooleanField, "switch"),
    (RadioField, "choices"),
    (TextAreaField, "textarea"),
    (SelectFieldBase, "select"),
    (FileField, "file"),
)


def lookup_url(field: Field) -> str:
    """Where an asynchronous select finds its options, as it says itself; empty for every other field."""
    return str(getattr(field, "lookup_url", ""))


def control(field: Any, **extra: Any) -> Markup:
    """The field's control with its class, its value as typed, and `aria-*` for hint and errors."""
    match kind(field):
        case "picker":
            return _picker(field, extra)
        case "switch":
            return CheckboxInput()(field, **_attributes(field, "form-check-input", extra))
        case "textarea":
            attributes = {"rows": TEXT_ROWS, "dir": "auto", "data-autogrow": True}
            return TextArea()(field, **_attributes(field, "form-control", attributes | extra))
        case "select":
            return Select(multiple=is_multiple(field))(field, **_attributes(field, "form-select", extra))
        case "file":
            widget = FileInput(multiple=getattr(field.widget, "multiple", False))
            return widget(field, **_attributes(field, "form-control", extra))
        case _:
            return _input(field, extra)


def _input(field: Any, extra: dict[str, Any]) -> Markup:
    widget = field.widget if isinstance(field.widget, Input) else TextInput()
    direction = {"dir": "auto"} if widget.input_type in {"text", "search"} else {}
    css_class = "form-control form-control-color" if widget.input_type == "color" else "form-control"
    return Markup(widget(field, **_attributes(field, css_class, direction | extra)))  # noqa: S704 - by WTForms


def _attributes(field: Field, css_class: str, extra: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = {"class": f"{css_class} is-invalid" if field.errors else css_class}
    described_by = [name for name, is_there in _descriptions(field) if is_there]
    if described_by:
        attributes["aria-describedby"] = " ".join(described_by)
    if field.errors:
        attributes["aria-invalid"] = "true"
    return attributes | dict(field.render_kw or {}) | extra


def _descriptions(field: Field) -> Iterator[tuple[str, bool]]:
    yield f"{field.id}-hint", bool(field.description)
    yield f"{field.id}-error", bool(field.errors)


def is_multiple(field: Field) -> bool:
    """Whether a select takes several values."""
    return isinstance(field, SelectMultipleField) or bool(getattr(field.widget, "multiple", False))


def _picker(field: Field, extra: dict[str, Any]) -> Markup:
    """A select that `picker.js` turns into a search; without the script it keeps its present options."""
    takes_many = is_multiple(field)
    attributes = _attributes(field, "form-select", extra) | {
        "id": field.id,
        "name": field.name,
        "multiple": takes_many,
        "required": bool(field.flags.required),
        "data-picker": True,
        "data-lookup-url": lookup_url(field),
    }
    options = [_OPTION.format(*option) for option in _options(field)]
    if not takes_many:
        options.insert(0, _BLANK)
    return _SELECT.format(Markup(html_params(**attributes)), Markup().join(options))  # noqa: S704 - escaped by WTForms


def _options(field: Any) -> Iterator[tuple[str, Markup, str]]:
    """Value, mark and text of each option that the select holds before anything is looked up."""
    for value, label, is_selected, *_ in field.iter_choices():
        yield str(value), _SELECTED if is_selected else Markup(), str(label)


_SELECT: Final = Markup("<select {}>{}</select>")
_BLANK: Final = Markup('<option value=""></option>')
_OPTION: Final = Markup('<option value="{}"{}>{}</option>')
_SELECTED: Final = Markup(" selected")


@dataclass(frozen=True)
class MatrixRow:
    """A page, its boxes under the columns (None where it has no such action), and its further ones."""

    label: str
    boxes: Sequence[Any]
    others: Sequence[Any]


@dataclass(frozen=True)
class Matrix:
    columns: Sequence[str]
    rows: Sequence[MatrixRow]


def matrix(field: PermissionMatrixField) -> Matrix:
    """The grants as a table: an action that at least half of the pages have is a column of its own."""
    counts = Counter(choice.label for row in field.rows for choice in row.choices)
    columns = [label for label, count in counts.items() if count * 2 >= len(field.rows)]
    rows = []
    for row in field.rows:
        by_label = {choice.label: choice for choice in row.choices}
        others = [choice for choice in row.choices if choice.label not in columns]
        rows.append(MatrixRow(row.label, [by_label.get(label) for label in columns], others))
    return Matrix(columns, rows)
