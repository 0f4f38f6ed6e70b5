"""Finding tickets, comments and people by words: one condition each, for lists and scripts alike.

A term is words in any order, all of which must be there, the last one being perhaps only its beginning;
"phrases in quotes"; and -words that must not be there. Nothing in it is a wildcard.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, false, func, literal_column, not_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.desk.terms import SIMPLE, Terms, terms_of
from models import Comment, Ticket, User

_DIGITS_OF_A_NUMBER: Final = 15

# As the indexes have it, to the letter.
TICKET_WORDS: Final[ColumnElement[Any]] = Ticket.search.expression
COMMENT_WORDS: Final[ColumnElement[Any]] = func.to_tsvector(SIMPLE, Comment.content)
PERSON_WORDS: Final[ColumnElement[Any]] = func.to_tsvector(
    SIMPLE, cast(User.full_name, Text) + literal_column("' '::text") + cast(User.email, Text)
)
_TITLE_SIGNS: Final[ColumnElement[Any]] = literal_column(
    "string_to_array(regexp_replace(tickets.title::text, '[a-zA-Z0-9 ]'::text, ''::text, 'g'::text),"
    " NULL::text)"
)


def search_condition(term: str) -> ColumnElement[bool]:
    """True of tickets in whose number, title and description a term is.

    A ticket number, with or without its `T-`, finds its ticket; signs alone (`%`, 🔥) are looked for as they
    are, in the titles. An empty term finds everything. BadInput for what no text in the database can contain,
    and beyond 10,000 characters. `ticket_search` finds by comments and people as well.
    """
    terms = terms_of(term)
    return in_ticket(terms) | Ticket.ticket_number.in_(numbers(terms))


def comment_search_condition(term: str) -> ColumnElement[bool]:
    """The same of comments, by their text."""
    return _found(terms_of(term), COMMENT_WORDS, Comment.content)


def people_search_condition(term: str) -> ColumnElement[bool]:
    """The same of people, by name and email address; the beginning of an address is enough."""
    terms = terms_of(term)
    found = _found(terms, PERSON_WORDS, User.full_name)
    # An address is one word of the index, but half an address would be split at its signs.
    return found | has(PERSON_WORDS, terms.address()) if terms.is_address else found


def in_ticket(terms: Terms) -> ColumnElement[bool]:
    """True of tickets whose own words, or whose titles' signs, are what was looked for."""
    found = _found(terms, TICKET_WORDS, Ticket.title)
    if terms.has_words or not terms.typed:
        return found
    # No index of words has signs: this one does, and what it finds is compared as it is written.
    signs = sorted(set(terms.typed) - {" "})
    return _TITLE_SIGNS.bool_op("@>")(cast(signs, ARRAY(Text))) & found


def numbers(terms: Terms) -> list[str]:
    """The ticket numbers that a term may stand for."""
    numbers = [terms.typed.upper()]
    if terms.typed.isascii() and terms.typed.isdigit() and len(terms.typed) <= _DIGITS_OF_A_NUMBER:
        numbers.append(f"T-{int(terms.typed):06d}")
    return numbers


def has(words: ColumnElement[Any], query: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the words of a text are as a tsquery wants them."""
    return words.bool_op("@@")(query)


def _found(terms: Terms, words: ColumnElement[Any], text: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    if not terms.typed:
        return true()
    if not terms.has_words:
        return text.contains(terms.typed, autoescape=True)
    if terms.is_too_long:
        return false()
    found = has(words, terms.all_of())
    return found & not_(has(words, terms.none_of())) if terms.unwanted else found
