from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import CheckConstraint
from starlette.datastructures import FormData
from wtforms.form import BaseForm

from backoffice.admin.fields import (
    IS_COLOUR,
    IS_EMAIL,
    AtMost,
    ChoiceField,
    ColourField,
    EmailField,
    LongTextField,
    MomentField,
    NumberField,
    Required,
    TextField,
    TimeZoneField,
    as_text,
    terms_of,
)
from backoffice.admin.forms import Section
from backoffice.admin.questions import LONGEST_TEXT
from backoffice.admin.view import View
from backoffice.errors import ConfigurationError
from models import AuditLog, Comment, Tag, Ticket


class Size(StrEnum):
    SMALL = "small"
    VERY_LARGE = "very_large"


def made(unbound: Any, *sent: str, stored: Any = None) -> Any:
    """The field, called `it`, which holds `stored` and was `sent` (nothing: it was shown)."""
    form = BaseForm({"it": unbound})
    form.process(FormData([("it", value) for value in sent]) if sent else None, data={"it": stored})
    form.validate()
    return form["it"]


def taken(unbound: Any, *sent: str, stored: Any = None) -> tuple[Any, list[str]]:
    field = made(unbound, *sent, stored=stored)
    return field.data, list(field.errors)


class TestText:
    def test_loses_the_white_space_around_it(self) -> None:
        assert taken(TextField("It"), "  a  b\t") == ("a  b", [])

    def test_is_a_single_line(self) -> None:
        assert taken(TextField("It"), "a\r\nb") == ("ab", [])

    def test_is_null_when_empty_where_it_may(self) -> None:
        assert taken(TextField("It", is_nullable=True), "  ", stored="a") == (None, [])
        assert taken(TextField("It"), "  ", stored="a") == ("", [])

    def test_is_required(self) -> None:
        assert taken(TextField("It", [Required()]), " \t")[1] == ["This is required."]
        assert taken(TextField("It", [Required()]), "0")[1] == []

    def test_is_counted_in_characters(self) -> None:
        assert taken(TextField("It", [AtMost(3)]), "🔥🔥🔥")[1] == []
        assert taken(TextField("It", [AtMost(3)]), "🔥🔥🔥🔥")[1] == ["At most 3 characters; this has 4."]

    def test_does_not_let_the_browser_cut_off_what_is_pasted(self) -> None:
        assert made(TextField("It", [AtMost(3)])).flags.maxlength is None


class TestLongText:
    def test_ends_lines_with_one_character(self) -> None:
        assert taken(LongTextField("It"), " a\r\nb\rc\n ") == (" a\nb\nc\n ", [])

    def test_of_white_space_is_nothing(self) -> None:
        assert taken(LongTextField("It", [Required()]), " \r\n ")[1] == ["This is required."]


class TestEmail:
    def test_is_in_small_letters(self) -> None:
        assert taken(EmailField("It", [IS_EMAIL]), " Ana@Example.COM ") == ("ana@example.com", [])

    @pytest.mark.parametrize("text", ["ana", "ana@", "@example.com", "a b@example.com", "a@b@c.de", "a@b."])
    def test_looks_like_one(self, text: str) -> None:
        assert "no e-mail address" in taken(EmailField("It", [IS_EMAIL]), text)[1][0]


class TestColour:
    def test_is_in_small_letters(self) -> None:
        assert taken(ColourField("It", [IS_COLOUR]), "#ABCdef") == ("#abcdef", [])

    @pytest.mark.parametrize("text", ["red", "#abc", "#abcdeg", "#abcdef0", "abcdef"])
    def test_looks_like_one(self, text: str) -> None:
        assert "no colour" in taken(ColourField("It", [IS_COLOUR]), text)[1][0]


class TestChoice:
    def test_gives_a_member_for_a_value(self) -> None:
        data, errors = taken(choice(), "very_large")
        assert (data is Size.VERY_LARGE, errors) == (True, [])

    def test_preselects_the_member_that_is_stored(self) -> None:
        options = made(choice(), stored=Size.VERY_LARGE).iter_choices()
        assert [(str(value), label, chosen) for value, label, chosen, _ in options] == [
            ("small", "Small", False),
            ("very_large", "Very large", True),
        ]

    @pytest.mark.parametrize("text", ["VERY_LARGE", "Size.SMALL", "small ", "0"])
    def test_takes_nothing_else(self, text: str) -> None:
        assert taken(choice(), text, stored=Size.SMALL) == (None, ["Choose one of the list."])

    def test_may_be_none(self) -> None:
        field = ChoiceField("It", [], vocabulary=Size, has_blank=True)
        assert taken(field, "", stored=Size.SMALL) == (None, [])


def choice() -> Any:
    return ChoiceField("It", [Required()], vocabulary=Size, has_blank=False)


class TestTimeZone:
    def test_is_one_that_exists(self) -> None:
        assert taken(TimeZoneField("It", []), "Europe/Paris") == ("Europe/Paris", [])
        assert taken(TimeZoneField("It", []), "../../etc/passwd")[1] == ["Choose one of the list."]


class TestNumber:
    def test_is_whole(self) -> None:
        assert taken(NumberField("It"), " -12 ") == (-12, [])
        for text in ("1.5", "1e3", "x", "१२", "--1"):
            assert taken(NumberField("It"), text, stored=7) == (None, ["This is no whole number."])

    def test_fits_the_database(self) -> None:
        assert taken(NumberField("It"), str(2**63 - 1)) == (2**63 - 1, [])
        assert taken(NumberField("It"), str(2**63))[1] == ["This number is too large."]

    def test_is_shown_again_as_it_was_typed(self) -> None:
        assert made(NumberField("It"), "1,5", stored=7)._value() == "1,5"

    def test_may_be_none(self) -> None:
        assert taken(NumberField("It"), "", stored=7) == (None, [])


PARIS = "Europe/Paris"
STORED = datetime(2026, 7, 1, 12, 30, 15, 123456, UTC)


class TestMoment:
    def test_is_shown_in_the_viewers_zone(self) -> None:
        assert made(moment(), stored=STORED)._value() == "2026-07-01T14:30:15"

    def test_is_typed_in_the_viewers_zone(self) -> None:
        assert taken(moment(), "2026-01-01T12:00") == (datetime(2026, 1, 1, 11, tzinfo=UTC), [])

    @pytest.mark.parametrize(
        "sent", ["2026-07-01T14:30:15", "2026-07-01 14:30:15", "2026-07-01T14:30:15.000"]
    )
    def test_has_the_terms_of_what_it_showed(self, sent: str) -> None:
        assert terms_of(made(moment(), sent, stored=STORED)) == terms_of(made(moment(), stored=STORED))

    @pytest.mark.parametrize(
        "text", ["yesterday", "2026-13-01T00:00", "0001-01-01T00:00", "2026-01-01T00:00+02:00", "2026"]
    )
    def test_makes_sense(self, text: str) -> None:
        field = made(moment(), text)
        assert (field.errors[0][:15], field._value()) == ("This is no date", text)

    def test_is_not_in_the_hour_that_is_skipped(self) -> None:
        errors = taken(moment(), "2026-03-29T02:30")[1]
        assert errors == ["There is no such time in Europe/Paris: the clocks are put forward then."]

    def test_reads_with_its_zone(self) -> None:
        field = made(moment(), stored=STORED)
        assert as_text(field, terms_of(field)) == "2026-07-01 14:30:15 (Europe/Paris)"


def moment() -> Any:
    return MomentField("It", time_zone=PARIS)


class TestDeclarations:
    def test_a_form_names_what_is_there(self) -> None:
        refuses("form_sections names colour, which is no column", Tag, ["colour"])

    def test_a_relation_says_what_can_be_picked(self) -> None:
        refuses("say what can be picked for creator with pickers", Ticket, ["creator"])

    def test_a_column_has_a_kind_of_field(self) -> None:
        refuses("no field is known for the column search", Ticket, ["search"])

    def test_a_field_is_named_once(self) -> None:
        refuses("names a field twice", Tag, ["name", "color", "name"])

    def test_what_is_edited_has_a_version(self) -> None:
        refuses("make the model Versioned", AuditLog, ["table_name"])

    def test_what_a_form_sends_itself_is_no_field(self) -> None:
        refuses("a form's field cannot be called version", Tag, ["version"])

    def test_texts_are_as_long_as_the_models_take(self) -> None:
        for model in (Ticket, Comment):
            checks = [one for one in model.__table__.constraints if isinstance(one, CheckConstraint)]
            assert any(f"<= {LONGEST_TEXT}" in str(check.sqltext) for check in checks), model


def refuses(sentence: str, model: Any, fields: list[str]) -> None:
    body = {"form_sections": [Section("All", fields)]}
    declared = type(View)("Declared", (View,), body, model=model)
    with pytest.raises(ConfigurationError, match=sentence):
        declared()
