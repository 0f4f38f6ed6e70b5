"""How many rows saved views have: counted beside, each on its own, up to a cap and for milliseconds alone.

No page waits for it: a page shows what was counted last, and then has counted what is older than a minute.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import BigInteger, any_, bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.types import Scope

from backoffice.accounts.lists import COUNTED_EVERY, KnownView, Pair
from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.edge import QUERY_CANCELED
from backoffice.admin.filtered import Filtered, read_filters
from backoffice.admin.saved_views import COUNT_CAP
from backoffice.audit.context import Change
from backoffice.database import transaction
from backoffice.errors import BackofficeError
from models import SavedView, SavedViewCount

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View

log = logging.getLogger(__name__)

#: What takes longer has no count.
TIMEOUT_MS: Final = 300
#: Views that one page has counted.
AT_ONCE: Final = 12


@dataclass(frozen=True)
class Counted:
    """What came of counting: None where it took too long, a problem where it makes no sense."""

    count: int | None = None
    problem: str = ""


def counting(site: "AdminSite", request: Request) -> BackgroundTask | None:
    """What follows an answer: counting what is due of the views that this person may open, if anything is."""
    user: CurrentUser = request.state.user
    stale = [known for known in user.lists.views if known.is_stale]
    listed = {view.identity for view in site.declared if view.may(request, "list")} if stale else set()
    due = [known for known in stale if known.page in listed]
    if not due:
        return None
    here = request.path_params.get("identity", "")
    due.sort(key=lambda known: known.page != here)
    return BackgroundTask(_begin, site, request.scope, user, due[:AT_ONCE])


def as_asked(scope: Scope, query: Sequence[Pair], **state: Any) -> Request:
    """A request for the list at `query` by somebody else's way: what filters read, and nothing more."""
    return Request(
        {**scope, "method": "GET", "query_string": urlencode(query).encode(), "state": {**state}},
    )


async def _begin(site: "AdminSite", scope: Scope, user: CurrentUser, due: Sequence[KnownView]) -> None:
    await site.background.start(_count_all(site, scope, user, due))


async def _count_all(site: "AdminSite", scope: Scope, user: CurrentUser, due: Sequence[KnownView]) -> None:
    try:
        claimed = await _claim(site, user, [known.id for known in due])
        counted = {known.id: await _count(site, scope, user, known) for known in due if known.id in claimed}
        await _write(site, user, counted)
    except (SQLAlchemyError, OSError) as error:
        log.warning("could not count saved views: %s", error)


async def _claim(site: "AdminSite", user: CurrentUser, keys: Sequence[int]) -> set[int]:
    """Those of the views that nobody else counts at this moment: their counts are now of this moment."""
    wanted = (
        select(SavedView.id, literal(user.id, BigInteger), func.now())
        .where(SavedView.id == any_(literal([*keys], ARRAY(BigInteger))))
        # In one order, so that two who count never wait for each other.
        .order_by(SavedView.id)
    )
    rows = insert(SavedViewCount).from_select(
        ["view_id", "user_id", "counted_at"], wanted, include_defaults=False
    )
    claim = rows.on_conflict_do_update(
        index_elements=["view_id", "user_id"],
        set_={"counted_at": func.now()},
        where=SavedViewCount.counted_at < func.now() - COUNTED_EVERY,
    )
    async with site.factory.begin() as session:
        return set(await session.scalars(claim.returning(SavedViewCount.view_id)))


async def _write(site: "AdminSite", user: CurrentUser, counted: dict[int, Counted]) -> None:
    if not counted:
        return
    row = (
        update(SavedViewCount)
        .where(SavedViewCount.view_id == bindparam("of_view"), SavedViewCount.user_id == user.id)
        .values(count=bindparam("rows"), problem=bindparam("sentence"))
    )
    values = [
        {"of_view": key, "rows": one.count, "sentence": one.problem} for key, one in sorted(counted.items())
    ]
    async with site.factory.begin() as session:
        # The statement as it stands: the session itself would look for primary keys in the values.
        await (await session.connection()).execute(row, values)


async def _count(site: "AdminSite", scope: Scope, user: CurrentUser, known: KnownView) -> Counted:
    change = Change(verb="views.count", actor="system:views", statement_timeout_ms=TIMEOUT_MS, read_only=True)
    try:
        async with transaction(site.factory, change) as session:
            asked = as_asked(scope, known.query, user=user, session=session, change=change)
            view = site.view(known.page)
            filtered = await read_filters(site, view, asked)
            if filtered.problem:
                return Counted(problem=filtered.problem)
            return Counted((await session.execute(_capped(view, filtered))).scalar_one())
    except BackofficeError as error:
        return Counted(problem=str(error))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != QUERY_CANCELED:
            raise
        return Counted()


def _capped(view: "View", filtered: Filtered) -> Any:
    some = filtered.statement.limit(COUNT_CAP + 1).with_only_columns(view.key).order_by(None).subquery()
    options = filtered.statement.get_execution_options()
    return select(func.count()).select_from(some).execution_options(**options)
