"""What somebody sees on their lists, as it comes with their sign-in: saved views, and what they prefer.

It is read together with the person, for the sidebar of each page has the views: a query of its own would cost
each page more than all that it reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ScalarSelect, and_, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from models import ListPreference, SavedView, SavedViewCount, User

#: For so long a view's count is good enough.
COUNTED_EVERY: Final = timedelta(minutes=1)

Pair = tuple[str, str]


@dataclass(frozen=True)
class KnownView:
    """A saved view that a person may open; `count` is None while nobody knows."""

    id: int
    page: str
    name: str
    owner_id: int
    is_shared: bool
    query: Sequence[Pair]
    columns: Sequence[str]
    count: int | None = None
    problem: str = ""
    #: Whether it is time to count again.
    is_stale: bool = False


@dataclass(frozen=True)
class Lists:
    """The views that a person knows, on whatever page, and their settings by page."""

    views: Sequence[KnownView] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, page: str) -> list[KnownView]:
        """The views of one page, one's own and those that others share, by name."""
        return [view for view in self.views if view.page == page]

    def find(self, page: str, key: str) -> KnownView | None:
        """The view of that page with that key, as an address has it."""
        return next((view for view in self.of(page) if str(view.id) == key), None)

    def setting(self, page: str, name: str) -> Any:
        return self.settings.get(page, {}).get(name)


def read_lists(views: Sequence[Sequence[Any]], settings: Mapping[str, Any]) -> Lists:
    """What `views_of_user` and `settings_of_user` found."""
    return Lists(tuple(_known(*row) for row in views), settings)


def views_of_user() -> ScalarSelect[list[list[Any]]]:
    """The views that the user of the enclosing statement knows, each as a JSON array."""
    row = func.jsonb_build_array(
        SavedView.id,
        SavedView.page,
        SavedView.name,
        SavedView.owner_id,
        SavedView.is_shared,
        SavedView.query,
        SavedView.columns,
        SavedViewCount.count,
        func.coalesce(SavedViewCount.problem, ""),
        func.coalesce(SavedViewCount.counted_at < func.now() - COUNTED_EVERY, True),
        type_=JSONB,
    )
    rows = func.jsonb_agg(row, type_=JSONB).aggregate_order_by(func.lower(SavedView.name), SavedView.id)
    own_count = and_(SavedViewCount.view_id == SavedView.id, SavedViewCount.user_id == User.id)
    return (
        select(func.coalesce(rows, func.jsonb_build_array(), type_=JSONB))
        .select_from(SavedView)
        .outerjoin(SavedViewCount, own_count)
        .where(or_(SavedView.owner_id == User.id, SavedView.is_shared))
        .correlate(User)
        .scalar_subquery()
    )


def settings_of_user() -> ScalarSelect[dict[str, Any]]:
    """What the user of the enclosing statement prefers, by page."""
    settings = func.jsonb_object_agg(ListPreference.page, ListPreference.settings, type_=JSONB)
    return (
        select(func.coalesce(settings, func.jsonb_build_object(), type_=JSONB))
        .where(ListPreference.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )


def _known(key: int, page: str, name: str, owner_id: int, is_shared: bool, *rest: Any) -> KnownView:
    query, columns, count, problem, is_stale = rest
    pairs = [(parameter, value) for parameter, value in query]
    return KnownView(key, page, name, owner_id, is_shared, pairs, columns, count, problem, is_stale)
