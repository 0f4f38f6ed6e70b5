"""The bell on top of every page: jobs that ended since one looked, and those that wait for one's word."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from backoffice.accounts.news import News
from models import Job

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

#: Whoever has it says whether jobs of others that wait for a second person may begin.
APPROVE: Final = "action:approve"


@dataclass(frozen=True)
class Notices:
    """What the bell says, and where it leads."""

    url: str
    ended: int
    waiting: int

    @property
    def count(self) -> int:
        return self.ended + self.waiting

    @property
    def words(self) -> str:
        """Such as `Jobs: 2 have ended, 1 waits for approval`."""
        ended = f"{self.ended:,} {'has' if self.ended == 1 else 'have'} ended" if self.ended else ""
        waiting = f"{self.waiting:,} {'waits' if self.waiting == 1 else 'wait'} for approval"
        told = ", ".join(filter(None, (ended, waiting if self.waiting else "")))
        return f"Jobs: {told}" if told else "Jobs"


def notices(site: "AdminSite", request: Request) -> Notices | None:
    """What is new to who asks, who comes with it; nothing for those who may see no jobs."""
    view = site.view_of(Job)
    if view is None or not view.may(request, "list"):
        return None
    news: News = request.state.user.news
    waiting = sum(may_approve(site, request, page, verb) for page, verb in news.waiting)
    return Notices(view.url("list"), news.ended, waiting)


def may_approve(site: "AdminSite", request: Request, page: str, verb: str) -> bool:
    """Whether this person may say that somebody else's job shall begin: who could ask for the same may."""
    jobs, slug = site.view_of(Job), verb.partition(".")[2]
    if jobs is None or not jobs.may(request, APPROVE):
        return False
    view = next((one for one in site.declared if one.identity == page), None)
    if view is None:
        return False
    actions = [action for action in view.bulk_actions if action.slug == slug]
    if actions:
        return actions[0].is_allowed(view, request, rows=None)
    return view.may(request, f"action:{slug}")
