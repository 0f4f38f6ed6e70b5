"""The selects on the page of a file's columns, and what was picked in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.datastructures import FormData

from backoffice.admin.formats import words
from backoffice.admin.pages import Option
from backoffice.desk.importing.fields import FIELDS, KEY
from backoffice.desk.importing.plan import LEFT_OUT, WORDS, Matching, Plan, TagsBy, Unknown
from backoffice.desk.importing.source import DELIMITERS, ENCODINGS, Format, Source
from backoffice.errors import BadInput
from models import ImportFile, ImportKind, TicketPriority, TicketStatus

VALUES: Final = {"status": TicketStatus, "priority": TicketPriority}
THERE: Final = {
    ImportKind.TICKETS: "When a ticket has the same number",
    ImportKind.PEOPLE: "When somebody has the same address",
}
MATCHINGS: Final = {
    Matching.UPDATE: "change what the file says otherwise",
    Matching.SKIP: "leave it as it is",
    Matching.REFUSE: "take the row for a mistake",
}
REQUESTERS: Final = {Unknown.CREATE: "make a customer", Unknown.REFUSE: "take the row for a mistake"}
ASSIGNEES: Final = {Unknown.LEAVE: "assign it to nobody", Unknown.REFUSE: "take the row for a mistake"}
TAGS: Final = {TagsBy.SIGNS: "commas, semicolons or bars", TagsBy.BLANKS: "blanks, as in Zendesk’s CSV"}


@dataclass(frozen=True)
class Choice:
    """A select; `examples` and `count` say more of the column, or the word, that it is about."""

    name: str
    label: str
    options: Sequence[Option]
    examples: Sequence[str] = ()
    count: int = 0


def column_choices(file: ImportFile, plan: Plan) -> list[Choice]:
    """What each column of the file is."""
    fields = {column: name for name, column in plan.columns.items()}
    labels = {"": "Leave out", **{name: field.label for name, field in FIELDS[plan.kind].items()}}
    return [
        replace(
            _choice(f"column-{position}", column["name"], labels, fields.get(column["name"], "")),
            examples=column["samples"],
        )
        for position, column in enumerate(file.columns)
    ]


def word_choices(file: ImportFile, plan: Plan) -> dict[str, list[Choice]]:
    """What each word in the columns of status and priority stands for, the most frequent first."""
    return {
        name: [
            replace(
                _choice(f"{name}-{position}", word, _meanings(name), plan.meaning(name, word) or ""),
                count=count,
            )
            for position, (word, count) in enumerate(words_of(file, plan, name))
        ]
        for name in WORDS
        if plan.kind is ImportKind.TICKETS and name in plan.columns
    }


def words_of(file: ImportFile, plan: Plan, name: str) -> list[tuple[str, int]]:
    """The words in the column of a field with their counts; none where they are too many to be listed."""
    column = next((each for each in file.columns if each["name"] == plan.columns.get(name)), None)
    found = (column or {}).get("values") or {}
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))


def option_choices(plan: Plan) -> list[Choice]:
    """What becomes of rows that meet something, or somebody, or nobody."""
    choices = [_choice("matching", THERE[plan.kind], MATCHINGS, plan.matching)] if _has_key(plan) else []
    if plan.kind is ImportKind.PEOPLE:
        return choices
    if {"requester", "comments"} & plan.columns.keys():
        choices.append(
            _choice("requesters", "When nobody has a requester’s address", REQUESTERS, plan.requesters)
        )
    if "assignee" in plan.columns:
        choices.append(_choice("assignees", "When an assignee is no active staff", ASSIGNEES, plan.assignees))
    if "tags" in plan.columns:
        choices.append(_choice("tags_by", "Tags are separated by", TAGS, plan.tags_by))
    return choices


def reading_choices(source: Source) -> list[Choice]:
    """How the file's bytes are read."""
    encodings = _choice("encoding", "Encoding", ENCODINGS, source.encoding)
    delimiters = _choice("delimiter", "Columns are separated by a", DELIMITERS, source.delimiter)
    return [encodings, delimiters] if source.format is Format.CSV else [encodings]


def picked(choice: Choice, form: FormData) -> str:
    """What was picked; what was not asked for stays as it is. BadInput for what was not offered."""
    value = form.get(choice.name, next((one.value for one in choice.options if one.is_selected), ""))
    if value not in {option.value for option in choice.options}:
        raise BadInput(f"Choose one of those that are offered for “{choice.label}”.")
    return str(value)


def as_picked(choice: Choice, form: FormData | None) -> Choice:
    """The select as it was left, for a page that comes back."""
    if form is None or choice.name not in form:
        return choice
    options = [replace(option, is_selected=option.value == form[choice.name]) for option in choice.options]
    return replace(choice, options=options)


def _has_key(plan: Plan) -> bool:
    return KEY[plan.kind] in plan.columns


def _meanings(name: str) -> Mapping[str, str]:
    return {"": "Say what it means", **{one.value: words(one) for one in VALUES[name]}, **_left_out(name)}


def _left_out(name: str) -> Mapping[str, str]:
    return {LEFT_OUT: "Leave these rows out"} if name == "status" else {}


def _choice(name: str, label: str, labels: Mapping[Any, str], selected: str) -> Choice:
    options = [Option(str(value), words_, value == selected) for value, words_ in labels.items()]
    return Choice(name, label, options)
