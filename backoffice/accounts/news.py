"""What there is to tell somebody on every page, as it comes with their sign-in: jobs that have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.dialects.postgresql import JSONB

from models import Job, JobState, User

#: Of jobs that wait for approval no more are looked at.
MOST_WAITING: Final = 100


@dataclass(frozen=True)
class News:
    """How many of one's own jobs ended unseen; page and verb of each of others' that waits for approval."""

    ended: int = 0
    waiting: Sequence[tuple[str, str]] = ()


def read_news(found: Mapping[str, Any]) -> News:
    """What `news_of_user` found."""
    return News(found["ended"], tuple((page, verb) for page, verb in found["waiting"]))


def news_of_user() -> ScalarSelect[dict[str, Any]]:
    """What is new to the user of the enclosing statement, as a JSON object."""
    found = func.jsonb_build_object("ended", _ended(), "waiting", _waiting(), type_=JSONB)
    return select(found).correlate(User).scalar_subquery()


def _ended() -> ScalarSelect[int]:
    unseen = (Job.user_id == User.id) & Job.ended_at.is_not(None) & Job.seen_at.is_(None)
    return select(func.count()).select_from(Job).where(unseen).correlate(User).scalar_subquery()


def _waiting() -> ScalarSelect[Any]:
    some = (
        select(Job.page, Job.verb)
        .where(Job.state == JobState.WAITING, Job.user_id != User.id)
        .limit(MOST_WAITING)
        .correlate(User)
        .subquery()
        .lateral()
    )
    pairs = func.jsonb_agg(func.jsonb_build_array(some.c.page, some.c.verb), type_=JSONB)
    return (
        select(func.coalesce(pairs, func.jsonb_build_array(), type_=JSONB))
        .select_from(some)
        .correlate(User)
        .scalar_subquery()
    )
