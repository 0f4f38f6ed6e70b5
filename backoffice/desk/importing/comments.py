"""Comments of a ticket as other programs write them down: a list, whose authors are perhaps numbers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from backoffice.desk.importing.values import Person, bounded, flag_of, moment_of, person_of, text_of
from backoffice.desk.replies import LONGEST_REPLY
from backoffice.errors import BadInput

MOST_COMMENTS: Final = 5_000
_TEXTS: Final = ("plain_body", "content", "text", "body")
_INTERNAL: Final = ("is_internal", "internal", "private")

Comment = dict[str, Any]


def comments_of(value: Any, ticket: Mapping[str, Any], time_zone: str) -> list[Comment]:
    """What was said, in its order; `ticket` has all values of the row, by which numbers become people.

    Where nobody can tell who said it, `author` is None.
    """
    people = dict(_people(ticket))
    listed = _listed(value)
    if len(listed) > MOST_COMMENTS:
        raise BadInput(f"are {len(listed):,}, and at most {MOST_COMMENTS:,} are kept")
    comments = []
    for position, each in enumerate(listed, start=1):
        try:
            comments.append(_comment(each, people, time_zone))
        except BadInput as error:
            raise BadInput(f"(the {position}.) {error}") from None
    return [comment for comment in comments if comment["content"]]


def without_opening(comments: list[Comment], description: str) -> list[Comment]:
    """Without the first one where it only repeats the description, as Zendesk's does."""
    repeats = comments and comments[0]["content"] == description
    return comments[1:] if repeats else comments


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    text = text_of(value)
    if not text:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise BadInput("are no list in JSON (a column with one text is a reply, or a note)")
    return found


def _comment(value: Any, people: Mapping[str, Person], time_zone: str) -> Comment:
    if not isinstance(value, dict):
        raise BadInput("is no object of JSON")
    text = next((value[name] for name in _TEXTS if value.get(name)), "")
    moment = moment_of(value.get("created_at"), time_zone)
    return {
        "content": bounded(text_of(text).replace("\r\n", "\n"), LONGEST_REPLY),
        "is_internal": _is_internal(value),
        "author": _author(value, people),
        "created_at": moment.isoformat() if moment else None,
    }


def _is_internal(value: Mapping[str, Any]) -> bool:
    if value.get("public") is not None:
        return not flag_of(value["public"])
    return any(flag_of(value.get(name)) for name in _INTERNAL)


def _author(value: Mapping[str, Any], people: Mapping[str, Person]) -> Person | None:
    author = value.get("author") or value.get("from") or value.get("author_email")
    if isinstance(author, dict):
        return _person(author)
    return person_of(author) if author else people.get(str(value.get("author_id")))


def _people(ticket: Mapping[str, Any]) -> Iterator[tuple[str, Person]]:
    """Whoever the ticket names together with a number: requester, submitter, assignee, those in copy."""
    outer = {name.partition(".")[0] for name in ticket if name.endswith(".id")}
    named = [{part: ticket.get(f"{each}.{part}") for part in ("id", "email", "name")} for each in outer]
    in_lists = [each for value in ticket.values() if isinstance(value, list) for each in value]
    for each in [*named, *in_lists]:
        if isinstance(each, dict) and each.get("id") is not None and each.get("email"):
            yield str(each["id"]), _person(each)


def _person(value: Mapping[str, Any]) -> Person:
    found = person_of(value.get("email")) or {"email": "", "name": ""}
    named = person_of(value.get("name")) if "@" not in str(value.get("name") or "@") else None
    return {**found, "name": named["name"] if named else found["name"]}
