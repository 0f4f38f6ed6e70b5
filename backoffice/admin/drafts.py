"""Drafts: what a person sent for a record, beside what the form showed them first and what is stored now.

What is saved is the difference between the first two. Whatever somebody else changed meanwhile is left
alone, or shown as a conflict where both changed the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from wtforms import BooleanField, Field, FileField, SelectMultipleField
from wtforms.form import BaseForm

from backoffice.admin.fields import Terms, is_kept, terms_of
from backoffice.admin.forms import fill, stored_form, terms_of_form
from backoffice.admin.picker_fields import PickManyField
from backoffice.errors import BadInput

if TYPE_CHECKING:
    from backoffice.admin.view import View

UNREADABLE: Final = "This form is incomplete or was changed on its way. Reload the page and try again."
MISSING: Final = "This field did not arrive. Reload the page and try again."
XID_MAX: Final = 2**32


@dataclass(frozen=True)
class Draft:
    """A form as it was sent, in terms (see `fields`): `base` it showed first, `theirs` is stored now."""

    form: BaseForm
    base: Mapping[str, Terms]
    theirs: Mapping[str, Terms]
    version: int

    @cached_property
    def mine(self) -> dict[str, Terms]:
        """What I want stored: of a list my additions and removals alone, applied to what is there now."""
        return {field.short_name: self._merged(field.short_name, terms_of(field)) for field in self.form}

    @cached_property
    def changed(self) -> list[str]:
        """The fields in which I changed something that is not so yet."""
        return [
            name for name, terms in self.mine.items() if self._is_touched(name) and terms != self.theirs[name]
        ]

    @property
    def disputed(self) -> list[str]:
        """The single values of mine that differ from what is stored, whoever changed them."""
        return [
            name for name, terms in self.mine.items() if self._is_single(name) and terms != self.theirs[name]
        ]

    @property
    def touched(self) -> list[str]:
        """The single values of mine that differ from what the form showed first."""
        return [name for name in self.mine if self._is_single(name) and self._is_touched(name)]

    @property
    def is_contested(self) -> bool:
        """Whether I changed single values, and somebody else did too since the form was shown.

        A newer row in which nothing of the form differs (somebody signed in, or added a tag) is no conflict.
        """
        is_changed_by_others = any(
            self._is_single(name) and self.base[name] != self.theirs[name] for name in self.mine
        )
        return is_changed_by_others and bool(set(self.changed) & set(self.disputed))

    def values(self) -> dict[str, Any]:
        """What is to be set on the record, by field."""
        return {name: self._value(name) for name in self.changed}

    def _is_single(self, name: str) -> bool:
        return is_kept(self.form[name]) and not isinstance(self.theirs[name], list)

    def _is_touched(self, name: str) -> bool:
        return terms_of(self.form[name]) != self.base[name]

    def _merged(self, name: str, sent: Terms) -> Terms:
        base, theirs = self.base[name], self.theirs[name]
        if not (isinstance(sent, list) and isinstance(base, list) and isinstance(theirs, list)):
            return sent
        removed = set(base) - set(sent)
        return sorted((set(theirs) | (set(sent) - set(base))) - removed)

    def _value(self, name: str) -> Any:
        field: Any = self.form[name]
        terms = self.mine[name]
        if not isinstance(terms, list):
            return field.data
        return field.of(terms) if isinstance(field, PickManyField) else terms


async def read_draft(view: "View", request: Request, record: Any, sent: FormData, *, only: str = "") -> Draft:
    """The draft that `sent` makes of `record`, or of `only` one field of it.

    BadInput where the form's own hidden fields make no sense.
    """
    form = stored_form(view, request, record, only=only)
    theirs = terms_of_form(form)
    base = terms_in(sent, "base", theirs)
    await fill(view, request, record, form, sent, also=base)
    return Draft(form, base, theirs, _version(sent))


def is_valid(draft: Draft) -> bool:
    """Validate the form; each field that did not arrive has an error of its own."""
    is_complete = True
    valid = draft.form.validate()
    for field in draft.form:
        if _is_missing(field):
            field.errors = [MISSING]
            is_complete = False
    return valid and is_complete


def _is_missing(field: Field) -> bool:
    """Whether a browser that shows this field would have sent it, but nothing was."""
    may_send_nothing = isinstance(field, BooleanField | SelectMultipleField | PickManyField | FileField)
    return not field.raw_data and not may_send_nothing


def terms_in(sent: FormData, name: str, like: Mapping[str, Terms]) -> dict[str, Terms]:
    """The hidden JSON called `name`, which must have the fields of `like` and terms of their kinds."""
    try:
        terms = json.loads(_text(sent, name))
    except (ValueError, RecursionError):
        raise BadInput(UNREADABLE) from None
    if not isinstance(terms, dict) or terms.keys() != like.keys():
        raise BadInput(UNREADABLE)
    if not all(_is_like(terms[field], like[field]) for field in like):
        raise BadInput(UNREADABLE)
    return terms


def as_json(terms: Mapping[str, Terms]) -> str:
    """Terms for a hidden field."""
    return json.dumps(terms, ensure_ascii=False, separators=(",", ":"))


def _is_like(terms: Any, other: Terms) -> bool:
    if isinstance(terms, list):
        return isinstance(other, list) and all(isinstance(term, str) for term in terms)
    return type(terms) is type(other)


def _version(sent: FormData) -> int:
    text = _text(sent, "version")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(XID_MAX)) and int(text) < XID_MAX):
        raise BadInput(UNREADABLE)
    return int(text)


def _text(sent: FormData, name: str) -> str:
    value = sent.get(name, "")
    return value if isinstance(value, str) else ""
