"""Which fields of a record somebody may restore from its past: those of its form that they may change."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from backoffice.admin.past_pages import PastFact

if TYPE_CHECKING:
    from backoffice.admin.view import View


def restorable(view: "View", request: Request, record: Any, facts: Iterable[PastFact]) -> Sequence[PastFact]:
    """The facts, each with whether it can be ticked: what is not as it was, and is asked for by the form."""
    names = restorable_names(view, request, record)
    return [_fact(view, fact, names) for fact in facts]


def restorable_names(view: "View", request: Request, record: Any) -> set[str]:
    """The fields of the form that this person may change, but for those that are never restored."""
    return view.form_names(request, record) - view.never_restored.keys() - view.extra_fields.keys()


def _fact(view: "View", fact: PastFact, names: set[str]) -> PastFact:
    if fact.now is None:
        return fact
    if fact.name in names:
        return replace(fact, can_restore=True)
    return replace(fact, obstacle=view.never_restored.get(fact.name, ""))
