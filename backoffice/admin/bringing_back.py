"""Bringing back what was deleted forever: what would come, what would not, and then doing it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table
from starlette.requests import Request
from starlette.responses import Response

from backoffice.admin.field_changes import view_of_table
from backoffice.admin.formats import number, words
from backoffice.admin.pages import Flash
from backoffice.admin.past import find_family, find_subject, may_bring_back
from backoffice.admin.past_addresses import past_url
from backoffice.admin.past_facts import stand_in
from backoffice.admin.past_pages import BringBackPage
from backoffice.admin.request import flash, see_other, submitted
from backoffice.audit import past
from backoffice.audit.past import Family, Return
from backoffice.errors import Conflict, NotAllowed

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite
    from backoffice.admin.view import View


async def bring_back(site: "AdminSite", view: "View", request: Request) -> Response:
    """Ask first; with `confirm`, store the record again as it was before its deletion."""
    if not view.bring_back_grant:
        raise NotAllowed(view.never_brought_back)
    if not may_bring_back(view, request):
        raise NotAllowed("Only those who may delete this forever may bring it back.")
    subject = await find_subject(view, request)
    if subject.record is not None:
        raise Conflict(f"This {view.noun(1)} is there already.")
    family = await find_family(view, request, subject)
    if "confirm" not in submitted(request):
        plan = await past.plan_return(request.state.session, family, _refusal(site))
        return site.render(request, "bring_back.html", _page(site, view, plan))
    done = await past.bring_back(request.state.session, family, _refusal(site))
    return _done(site, view, request, family, done)


def _done(site: "AdminSite", view: "View", request: Request, family: Family, done: Return) -> Response:
    title = view.title(stand_in(view, done.past.image))
    change = request.state.change
    change.verb = f"{view.identity}.bring-back"
    change.selection = f"{view.noun(1)} {title}"
    is_trashed = bool(done.past.image.values.get("deleted_at"))
    where = "It is in the trash, as it was: restore it to work on it." if is_trashed else ""
    left = "Some of it stayed away." if done.left_out else ""
    flash(request, Flash(" ".join(filter(None, [f"{title} is back.", where, left]))))
    return see_other(view.url("details", family.record_id))


def _refusal(site: "AdminSite") -> past.Refusal:
    """What the page of each table has to say about its rows."""

    def refuse(table: Table, values: Mapping[str, Any]) -> str:
        view = view_of_table(site, table.name)
        return view.why_not_bring_back(values) if view is not None else ""

    return refuse


def _page(site: "AdminSite", view: "View", plan: Return) -> BringBackPage:
    key = plan.past.family.record_id
    return BringBackPage(
        title=f"Bring back {view.title(stand_in(view, plan.past.image))}",
        at=plan.past.cutoff.at,
        counts={_noun(site, table, count): count for table, count in plan.counts.items()},
        left_out=[*_left_out(site, plan)],
        obstacle=plan.obstacle,
        action_url=view.url("bring-back", key),
        cancel_url=past_url(view, key),
        hidden=[("confirm", "1")],
    )


def _left_out(site: "AdminSite", plan: Return) -> Iterator[str]:
    for (table, reason), count in plan.left_out.items():
        verb = "stays" if count == 1 else "stay"
        yield f"{number(count)} {_noun(site, table, count)} {verb} away: {reason}."


def _noun(site: "AdminSite", table: str, count: int) -> str:
    view = view_of_table(site, table)
    if view is not None:
        return view.noun(count)
    noun = words(table.rpartition("_")[2]).lower()
    return noun.removesuffix("s") if count == 1 else noun
