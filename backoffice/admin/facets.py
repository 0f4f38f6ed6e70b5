"""How many rows each value of a filter would leave, of those that match everything else.

Counts stop at a cap, each question is given little time, and one that takes longer is left out: they are
asked for after the page shows, and must never keep anybody waiting.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, WouldBlock
from sqlalchemy import ColumnElement, Executable, Result, Select, select
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.admin.counting import Conditions, Count, counted
from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.filtered import Filtered, filtered_query
from backoffice.admin.filters import Facet, Names, Wanted, read_names
from backoffice.admin.places import ordering, place_of
from backoffice.audit.context import Change
from backoffice.database import INCLUDE_TRASHED, SessionFactory, transaction
from backoffice.errors import BackofficeError

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

#: Counting stops above: `1,000+`.
FACET_CAP: Final = 1_000
#: Rows that are looked through for what another table says of them.
LOOKED_THROUGH: Final = 1_000
#: For one question, and (in seconds) for all of a list together.
ONE_MS: Final = 150
ALL_SECONDS: Final = 0.6
#: Lists whose facets one process counts at once; others show none.
MOST_COUNTED_AT_ONCE: Final = 2

Counts = dict[str, str]


@dataclass
class _Question:
    """The facet of one filter, and what it is asked of: those of `rows` that meet all `conditions`."""

    name: str
    facet: Facet
    rows: Select[Any]
    conditions: Conditions
    #: The keys that most of the rows have, and that this person knows.
    keys: Sequence[Any] = ()

    @property
    def values(self) -> list[tuple[str, ColumnElement[bool]]]:
        popular = self.facet.popular
        return [*self.facet.values, *((str(key), popular.having(key)) for key in self.keys if popular)]


@dataclass(frozen=True)
class _Asker:
    """Asks one question after the other, as long as there is time, each in a short transaction of its own."""

    factory: SessionFactory
    change: Change
    ends: float

    async def ask(self, statement: Executable) -> Sequence[Any] | None:
        """The rows; None where it took too long, or time is up."""
        if monotonic() > self.ends:
            return None
        try:
            async with transaction(self.factory, self.change) as session:
                # It says itself whether rows are live.
                result: Result[Any] = await session.execute(statement.execution_options(**INCLUDE_TRASHED))
                return result.all()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != QUERY_CANCELED:
                raise
            return None


async def facets(site: "AdminSite", view: "View", request: Request) -> Response:
    """`{"facets": {filter: {"counts": {value: "12"}, "popular": [{"id", "text"}]}}}`."""
    try:
        view.require(request, "list")
        filtered = await filtered_query(site, view, request)
        with _taking_turns(site.facets):
            answer = await _answers(site, view, request, filtered)
    except WouldBlock:
        answer = {}
    except BackofficeError as error:
        # Only scripts ask here, and they read no page.
        return JSONResponse({"error": str(error)}, status_code=error.status_code)
    return JSONResponse({"facets": answer})


async def _answers(site: "AdminSite", view: "View", request: Request, filtered: Filtered) -> dict[str, Any]:
    change = replace(request.state.change, statement_timeout_ms=ONE_MS, read_only=True)
    asker = _Asker(site.factory, change, monotonic() + ALL_SECONDS)
    place = place_of(view, request.query_params, is_trash=filtered.is_trash)
    order = ordering(view.model, place.sort_by, is_descending=place.is_descending)
    questions = _questions(view, filtered)
    for question in questions:
        question.keys = await _popular(asker, question, order)
    names = await _know(site, request, questions)
    counts_of = {question.name: await _count(asker, view, question) for question in questions}
    return {
        question.name: {"counts": counts, "popular": _offered(question, names, counts)}
        for question in questions
        if (counts := counts_of[question.name])
    }


def _questions(view: "View", filtered: Filtered) -> list[_Question]:
    facets = [(number, each, each.facet(filtered.asking)) for number, each in enumerate(view.filters)]
    return [
        _Question(each.name, facet, filtered.rows, filtered.conditions(number))
        for number, each, facet in facets
        if facet
    ]


async def _popular(asker: "_Asker", question: _Question, order: Sequence[ColumnElement[Any]]) -> list[Any]:
    """The keys that most of the first rows have, in the order of the list, which an index has."""
    if question.facet.popular is None:
        return []
    most = question.facet.popular.among(question.rows.where(*question.conditions).order_by(*order))
    rows = await asker.ask(most)
    return [key for (key,) in rows] if rows else []


async def _know(site: "AdminSite", request: Request, questions: Sequence[_Question]) -> Names:
    """The names of all popular records; those that this person may not know are counted no further."""
    wanted = [Wanted(each.facet.popular.picker, each.keys) for each in questions if each.facet.popular]
    names = await read_names(site, request, wanted)
    for each in questions:
        if (popular := each.facet.popular) is not None:
            each.keys = [key for key in each.keys if names.knows(popular.picker, key)]
    return names


async def _count(asker: "_Asker", view: "View", question: _Question) -> Counts:
    """How many rows each value has; nothing where that takes too long."""
    values = question.values
    if not values:
        return {}
    statement = select(*(_counted(view, question, condition) for _, condition in values))
    rows = await asker.ask(statement)
    if not rows:
        return {}
    counts = [Count.read(number, FACET_CAP) for number in rows[0]]
    return {value: _in_words(count) for (value, _), count in zip(values, counts, strict=True)}


def _counted(view: "View", question: _Question, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    conditions = [*question.conditions, condition]
    return counted(view, question.rows, conditions, cap=FACET_CAP, most=LOOKED_THROUGH)


def _in_words(count: Count) -> str:
    # That there are at least none says nothing.
    return str(count) if count.is_all or count.rows else ""


def _offered(question: _Question, names: Names, counts: Counts) -> list[dict[str, str]]:
    popular = question.facet.popular
    return [
        {"id": str(key), "text": names.of(popular.picker, key), "count": counts[str(key)]}
        for key in question.keys
        if popular is not None
    ]


@contextmanager
def _taking_turns(turns: CapacityLimiter) -> Iterator[None]:
    """WouldBlock where as many are counted already as may be at once."""
    holder = object()
    turns.acquire_on_behalf_of_nowait(holder)
    try:
        yield
    finally:
        turns.release_on_behalf_of(holder)
