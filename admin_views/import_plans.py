"""From what was chosen on the page of a file's columns to the plan by which its rows are understood."""

from dataclasses import replace
from typing import Final

from starlette.datastructures import FormData

from admin_views.import_choices import column_choices, option_choices, picked, word_choices, words_of
from backoffice.desk.importing.fields import FIELDS
from backoffice.desk.importing.plan import Matching, Plan, TagsBy, Unknown
from backoffice.errors import BadInput
from models import ImportFile

LONGEST_PREFIX: Final = 20


def plan_from(file: ImportFile, plan: Plan, form: FormData, *, may_make_staff: bool) -> Plan:
    """`plan`, changed as the form says; BadInput where two columns would be the same, or a choice is none."""
    options = {choice.name: picked(choice, form) for choice in option_choices(plan)}
    return replace(
        plan,
        columns=_columns(file, plan, form),
        words={**plan.words, **_words(file, plan, form)},
        matching=Matching(options.get("matching", plan.matching)),
        requesters=Unknown(options.get("requesters", plan.requesters)),
        assignees=Unknown(options.get("assignees", plan.assignees)),
        tags_by=TagsBy(options.get("tags_by", plan.tags_by)),
        prefix=_prefix(str(form.get("prefix", plan.prefix))),
        may_make_staff=may_make_staff,
    )


def _columns(file: ImportFile, plan: Plan, form: FormData) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for choice in column_choices(file, plan):
        name = picked(choice, form)
        if name and name in chosen:
            label = FIELDS[plan.kind][name].label
            raise BadInput(f"Two columns cannot both be “{label}”: {chosen[name]} and {choice.label}.")
        if name:
            chosen[name] = choice.label
    return chosen


def _words(file: ImportFile, plan: Plan, form: FormData) -> dict[str, dict[str, str]]:
    """What words mean, beside what was said of others; a word of which nobody says anything is left open."""
    said: dict[str, dict[str, str]] = {}
    for name, choices in word_choices(file, plan).items():
        meanings = [picked(choice, form) for choice in choices]
        known = [" ".join(word.lower().split()) for word, _ in words_of(file, plan, name)]
        said[name] = {**plan.words.get(name, {}), **dict(zip(known, meanings, strict=True))}
    return {name: {word: meaning for word, meaning in each.items() if meaning} for name, each in said.items()}


def _prefix(typed: str) -> str:
    prefix = typed.strip()
    if len(prefix) > LONGEST_PREFIX or not prefix.isprintable():
        raise BadInput(
            f"What stands before the numbers has at most {LONGEST_PREFIX} characters, on one line."
        )
    return prefix
