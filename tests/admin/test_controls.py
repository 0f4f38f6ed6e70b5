import re
from types import SimpleNamespace

import pytest
from markupsafe import Markup
from sqladmin.contrib.rbac import PermissionMatrixField
from wtforms import (
    BooleanField,
    EmailField,
    FileField,
    Form,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    validators,
)
from wtforms.widgets import Select, TextArea

from backoffice.admin.controls import control, kind, matrix


def choice(value: str, label: str) -> SimpleNamespace:
    return SimpleNamespace(value=value, label=label)


ROWS = [
    SimpleNamespace(
        label="Tickets", choices=[choice("ticket:list", "List"), choice("ticket:assign", "Assign")]
    ),
    SimpleNamespace(label="Users", choices=[choice("user:list", "List")]),
    SimpleNamespace(label="Tags", choices=[choice("tag:list", "List")]),
]


class Lookup(SelectField):
    """An asynchronous select that says itself where its options are."""

    lookup_url = "/admin/ticket/ajax/lookup?name=assignee"


class Sample(Form):
    title = StringField("Subject", [validators.InputRequired()], description="In one line.")
    text = TextAreaField("Text")
    email = EmailField("E-mail")
    password = PasswordField("Password")
    file = FileField("File")
    is_active = BooleanField("Active")
    status = SelectField("Status", choices=[("open", "Open"), ("closed", "Closed")])
    tags = SelectMultipleField("Tags", choices=[("1", "billing")])
    audience = RadioField("To", choices=[("public", "Public")])
    assignee = Lookup("Assignee", choices=[("7", "Ada <Lovelace>")])
    watchers = Lookup("Watchers", choices=[("7", "Ada")], widget=Select(multiple=True))
    permissions = PermissionMatrixField("Permissions", rows=ROWS)


@pytest.fixture
def form() -> Sample:
    return Sample(
        data={"title": 'a "quoted" <title>', "status": "closed", "assignee": "7", "is_active": True}
    )


def attribute(html: Markup, name: str) -> str | None:
    found = re.search(rf'{name}="([^"]*)"', html)
    return found and found.group(1)


class TestKind:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("title", "input"),
            ("email", "input"),
            ("password", "input"),
            ("text", "textarea"),
            ("file", "file"),
            ("is_active", "switch"),
            ("status", "select"),
            ("tags", "select"),
            ("audience", "choices"),
            ("assignee", "picker"),
            ("permissions", "matrix"),
        ],
    )
    def test_follows_the_type_of_the_field(self, form: Sample, name: str, expected: str) -> None:
        assert kind(form[name]) == expected


class TestControl:
    def test_keeps_what_was_typed(self, form: Sample) -> None:
        assert 'value="a &#34;quoted&#34; &lt;title&gt;"' in control(form.title)
        assert '<option selected value="closed">' in control(form.status)
        assert " checked" in control(form.is_active)

    def test_is_tied_to_its_hint(self, form: Sample) -> None:
        html = control(form.title)
        assert attribute(html, "aria-describedby") == "title-hint"
        assert " required" in html
        assert "aria-invalid" not in html

    def test_is_tied_to_its_errors(self, form: Sample) -> None:
        form.title.errors = ["This is required."]
        html = control(form.title)
        assert attribute(html, "aria-describedby") == "title-hint title-error"
        assert attribute(html, "aria-invalid") == "true"

    def test_never_shows_a_password_again(self) -> None:
        form = Sample(data={"password": "correct horse"})
        assert "correct horse" not in control(form.password)

    def test_takes_several_where_the_field_does(self, form: Sample) -> None:
        for field in (form.tags, form.watchers):
            assert " multiple" in control(field)
        assert " multiple" not in control(form.status)


class TestPicker:
    def test_holds_the_present_choice_and_a_blank_one(self, form: Sample) -> None:
        html = control(form.assignee)
        assert attribute(html, "data-lookup-url") == "/admin/ticket/ajax/lookup?name=assignee"
        assert '<option value=""></option>' in html
        assert '<option value="7" selected>Ada &lt;Lovelace&gt;</option>' in html

    def test_of_several_has_no_blank_choice(self, form: Sample) -> None:
        assert '<option value=""></option>' not in control(form.watchers)


class TestMatrix:
    def test_makes_a_column_of_what_most_pages_have(self, form: Sample) -> None:
        table = matrix(form.permissions)
        assert table.columns == ["List"]
        assert [row.label for row in table.rows] == ["Tickets", "Users", "Tags"]
        assert [other.label for other in table.rows[0].others] == ["Assign"]

    def test_leaves_no_choice_out(self, form: Sample) -> None:
        table = matrix(form.permissions)
        shown = {box.value for row in table.rows for box in [*row.boxes, *row.others] if box}
        assert shown == {value for value, _ in form.permissions.choices}


def test_a_field_whose_widget_is_no_input_is_a_line_of_text() -> None:
    class Odd(Form):
        odd = StringField("Odd", widget=TextArea())

    assert 'type="text"' in control(Odd().odd)
