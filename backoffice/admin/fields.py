"""Form fields: what each shows, what it takes from a person, and the value that a record gets.

A field's `terms` are what an untouched browser sends back for it, in a form that JSON keeps. Two terms are
equal where the person changed nothing, whatever the browser did to line ends or seconds.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Final, TypeAlias
from zoneinfo import available_timezones

from wtforms import (
    BooleanField,
    ColorField,
    Field,
    FileField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.form import BaseForm
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import DateTimeLocalInput, EmailInput, NumberInput

from backoffice.admin.formats import words, zone
from backoffice.keys import LARGEST_KEY

Terms: TypeAlias = str | bool | list[str]

CHOOSE: Final = "Choose one of the list."
NO_MOMENT: Final = "This is no date and time: it looks like 2026-11-22T14:05."

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_LINE_ENDS: Final = re.compile(r"[\r\n]+")


def terms_of(field: Any) -> Terms:
    """What `field` holds, in terms; also for fields that are not of this module."""
    if hasattr(field, "terms"):
        terms: Terms = field.terms
        return terms
    if isinstance(field, SelectMultipleField):
        return sorted(map(str, field.data or ()))
    if isinstance(field, FileField):
        return str(getattr(field.data, "filename", None) or "")
    if isinstance(field.data, bool):
        return field.data
    return "" if field.data is None else str(field.data)


def as_sent(terms: Terms) -> list[str]:
    """The values that a browser sends for `terms`."""
    if isinstance(terms, bool):
        return ["y"] if terms else []
    return [terms] if isinstance(terms, str) else terms


def as_text(field: Any, terms: Terms) -> str:
    """`terms` of `field` as people read them."""
    if hasattr(field, "text_of"):
        return str(field.text_of(terms))
    if isinstance(terms, bool):
        return "Yes" if terms else "No"
    return terms if isinstance(terms, str) else ", ".join(terms)


def is_kept(field: Field) -> bool:
    """Whether a page may show again what was sent: never a password, and a file cannot be."""
    return not isinstance(field, PasswordField | FileField)


# Validators -------------------------------------------------------------------------------------


class Required:
    """Something must be there; white space is nothing."""

    field_flags: ClassVar[Mapping[str, bool]] = {"required": True}

    def __call__(self, form: BaseForm, field: Field) -> None:
        if field.errors:
            raise StopValidation
        empty = not field.data.strip() if isinstance(field.data, str) else field.data in (None, [])
        if empty:
            raise StopValidation("This is required.")


class AtMost:
    """No more characters than `limit`. The browser isn't told: it would cut off what is pasted, silently."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, form: BaseForm, field: Field) -> None:
        length = len(field.data or "")
        if length > self.limit:
            raise ValidationError(f"At most {self.limit:,} characters; this has {length:,}.")


class Matches:
    """The whole text fits a pattern, or `sentence` is said."""

    def __init__(self, pattern: re.Pattern[str], sentence: str) -> None:
        self.pattern, self.sentence = pattern, sentence

    def __call__(self, form: BaseForm, field: Field) -> None:
        if field.data and not self.pattern.fullmatch(field.data):
            raise ValidationError(self.sentence)


IS_EMAIL: Final = Matches(_EMAIL, "This is no e-mail address: it looks like name@example.com.")
IS_COLOUR: Final = Matches(_COLOUR, "This is no colour: it looks like #1a2b3c.")


# Texts ------------------------------------------------------------------------------------------


class _Text:
    """What text fields share: cleaning, and None for nothing where the column takes it."""

    data: str | None

    def __init__(self, *args: Any, is_nullable: bool = False, **kwargs: Any) -> None:
        self.is_nullable = is_nullable
        super().__init__(*args, **kwargs)

    @property
    def terms(self) -> Terms:
        return self.clean(self.data or "")

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = self.clean(valuelist[0]) or (None if self.is_nullable else "")

    def clean(self, text: str) -> str:
        # A browser drops line ends from a single line too.
        return _LINE_ENDS.sub("", text).strip()


class TextField(_Text, StringField):
    """A single line, without white space around it."""


class EmailField(TextField):
    """An address, in small letters."""

    widget = EmailInput()

    def clean(self, text: str) -> str:
        return super().clean(text).lower()


class ColourField(_Text, ColorField):
    """`#rrggbb`, in small letters."""

    def clean(self, text: str) -> str:
        return super().clean(text).lower()


class LongTextField(_Text, TextAreaField):
    """Several lines, each ended by one character; white space stays as it is."""

    def clean(self, text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n")


# Choices, numbers, moments ----------------------------------------------------------------------


class FlagField(BooleanField):
    """Yes or no."""


class ChoiceField(SelectField):
    """One member of a closed vocabulary: members in, members out, their values in between."""

    def __init__(
        self, label: str, validators: list[Any], *, vocabulary: type[StrEnum], has_blank: bool, **kwargs: Any
    ) -> None:
        blank: list[tuple[Any, str]] = [("", "")] if has_blank else []
        choices = [*blank, *((member, words(member)) for member in vocabulary)]
        super().__init__(
            label, validators, choices=choices, coerce=lambda raw: vocabulary(raw) if raw else None, **kwargs
        )

    @property
    def terms(self) -> Terms:
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            try:
                self.data = self.coerce(valuelist[0])
            except ValueError:
                self.data = None
                raise ValueError(CHOOSE) from None

    def pre_validate(self, form: BaseForm) -> None:
        """Nothing is left to check: what is no member was refused when it was read."""

    def text_of(self, terms: str) -> str:
        return words(terms)


class TimeZoneField(SelectField):
    """The IANA name of a time zone."""

    def __init__(self, label: str, validators: list[Any], **kwargs: Any) -> None:
        super().__init__(label, validators, choices=[(name, name) for name in _time_zones()], **kwargs)

    def pre_validate(self, form: BaseForm) -> None:
        if self.data not in _time_zones():
            raise ValidationError(CHOOSE)


@cache
def _time_zones() -> Sequence[str]:
    return sorted(available_timezones())


class _Typed(Field):
    """A value that is typed as text, and kept as it was typed where it makes no sense."""

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else self.shown()

    @property
    def terms(self) -> Terms:
        return self._value() if self.process_errors else self.shown()

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            typed = valuelist[0].strip()
            self.data = None
            self.data = self.parse(typed) if typed else None

    def shown(self) -> str:
        """The value as the control has it; empty for None."""
        return "" if self.data is None else str(self.data)

    def parse(self, typed: str) -> Any:
        """The value of a text that is not empty; ValueError with a sentence if it has none."""
        return typed


class NumberField(_Typed):
    """A whole number that the database can hold."""

    widget = NumberInput()

    def parse(self, typed: str) -> int:
        if not _NUMBER.fullmatch(typed):
            raise ValueError("This is no whole number.")
        if abs(int(typed)) > LARGEST_KEY:
            raise ValueError("This number is too large.")
        return int(typed)


class MomentField(_Typed):
    """A moment, shown and typed in the viewer's time zone, to the second."""

    widget = DateTimeLocalInput()

    def __init__(self, *args: Any, time_zone: str, **kwargs: Any) -> None:
        self.zone = zone(time_zone)
        super().__init__(*args, **{"render_kw": {"step": 1}, **kwargs})

    def shown(self) -> str:
        if self.data is None:
            return ""
        local: datetime = self.data.astimezone(self.zone)
        return local.replace(tzinfo=None).isoformat(timespec="seconds")

    def parse(self, typed: str) -> datetime:
        try:
            local = datetime.fromisoformat(typed)
            moment = local.replace(tzinfo=self.zone).astimezone(UTC)
            again = moment.astimezone(self.zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            raise ValueError(NO_MOMENT) from None
        if local.tzinfo is not None:
            raise ValueError(NO_MOMENT)
        if again != local:
            raise ValueError(f"There is no such time in {self.zone}: the clocks are put forward then.")
        return moment

    def text_of(self, terms: str) -> str:
        return f"{terms.replace('T', ' ')} ({self.zone})" if terms else ""
