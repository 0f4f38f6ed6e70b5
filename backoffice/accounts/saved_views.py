"""Saving views of lists, sharing and deleting them, and remembering what somebody prefers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.accounts.lists import Pair
from backoffice.errors import BadInput, Conflict, NotAllowed, NotFound
from backoffice.keys import is_key
from models import ListPreference, SavedView, SavedViewCount, User

MOST_VIEWS: Final = 50
#: On one page, of all people together.
MOST_SHARED: Final = 50
LONGEST_NAME: Final = 60
#: Characters of all parameters and their values.
LONGEST_QUERY: Final = 4_000

_DETACHED: Final = {"synchronize_session": False}


async def save_view(
    session: AsyncSession,
    owner_id: int,
    page: str,
    name: str,
    *,
    query: Sequence[Pair],
    columns: Sequence[str],
    is_shared: bool = False,
) -> SavedView:
    """Save a new view of the list of `page`.

    BadInput for a name that is none or that another view of theirs has, and for a query that is endless;
    Conflict for who has 50 already, and for a page that has 50 shared ones.
    """
    name = _checked_name(name)
    _check_query(query)
    await _wait_for_ones_turn(session, owner_id)
    if await _number(session, SavedView.owner_id == owner_id) >= MOST_VIEWS:
        raise Conflict(f"You have {MOST_VIEWS} views already: delete one that you no longer need.")
    await _check_unused(session, owner_id, page, name)
    if is_shared:
        await _check_room(session, page)
    view = SavedView(
        page=page,
        owner_id=owner_id,
        name=name,
        query=[list(pair) for pair in query],
        columns=[*columns],
        is_shared=is_shared,
    )
    session.add(view)
    await session.flush()
    return view


async def find_view(session: AsyncSession, user_id: int, page: str, raw_key: str) -> SavedView:
    """The view of that page which this person knows, locked; NotFound otherwise."""
    if is_key(raw_key):
        known = or_(SavedView.owner_id == user_id, SavedView.is_shared)
        wanted = select(SavedView).where(SavedView.id == int(raw_key), SavedView.page == page, known)
        if (view := await session.scalar(wanted.with_for_update())) is not None:
            return view
    raise NotFound("There is no such view: it may have been deleted, or is no longer shared.")


async def rename_view(session: AsyncSession, view: SavedView, name: str) -> None:
    """Call it otherwise; BadInput for a name that is none, or that another view of its owner has."""
    name = _checked_name(name)
    await _check_unused(session, view.owner_id, view.page, name, but=view.id)
    view.name = name
    await session.flush()


async def redefine_view(
    session: AsyncSession, view: SavedView, *, query: Sequence[Pair], columns: Sequence[str]
) -> None:
    """Make it show something else; what was counted of it is forgotten."""
    _check_query(query)
    view.query, view.columns = [list(pair) for pair in query], [*columns]
    await session.flush()
    await _forget_counts(session, view)


async def share_view(session: AsyncSession, view: SavedView, *, is_shared: bool) -> None:
    """Show it to everybody who may see its page, or to its owner alone; Conflict where there are 50."""
    if is_shared and not view.is_shared:
        await _check_room(session, view.page)
    view.is_shared = is_shared
    await session.flush()


async def delete_view(session: AsyncSession, view: SavedView) -> None:
    await _forget_counts(session, view)
    await session.delete(view)
    await session.flush()


def check_may_change(view: SavedView, user_id: int, *, may_share: bool) -> None:
    """Raise NotAllowed unless this person may change the view: a shared one is everybody's."""
    if not (may_share if view.is_shared else view.owner_id == user_id):
        raise NotAllowed("Others use this view, too: only those who may share views can change it.")


def check_may_withdraw(view: SavedView, user_id: int, *, may_share: bool) -> None:
    """Raise NotAllowed unless this person may delete the view, or no longer share it: its owner may."""
    if view.owner_id != user_id:
        check_may_change(view, user_id, may_share=may_share)


async def prefer(session: AsyncSession, user_id: int, page: str, changes: Mapping[str, Any]) -> None:
    """Remember what a person prefers on the list of `page`; None forgets a setting, others stay."""
    row = insert(ListPreference).values(user_id=user_id, page=page, settings=dict(changes))
    merged = func.jsonb_strip_nulls(ListPreference.settings.op("||")(row.excluded.settings))
    await session.execute(
        row.on_conflict_do_update(index_elements=["user_id", "page"], set_={"settings": merged}),
        execution_options=_DETACHED,
    )


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise _bad_name("Give the view a name.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise _bad_name(f"A view's name has at most {LONGEST_NAME} characters.")
    return name


def _bad_name(sentence: str) -> BadInput:
    return BadInput(sentence, fields={"name": sentence})


def _check_query(query: Sequence[Pair]) -> None:
    if sum(len(name) + len(value) for name, value in query) > LONGEST_QUERY:
        raise BadInput("This is too much to be saved: a view has a search and filters of some lines at most.")


async def _wait_for_ones_turn(session: AsyncSession, owner_id: int) -> None:
    """Nobody saves two views at once: each would find room for one."""
    await session.execute(select(User.id).where(User.id == owner_id).with_for_update(key_share=True))


async def _check_unused(
    session: AsyncSession, owner_id: int, page: str, name: str, *, but: int | None = None
) -> None:
    namesake = select(SavedView.id).where(
        SavedView.owner_id == owner_id, SavedView.page == page, func.lower(SavedView.name) == func.lower(name)
    )
    if await session.scalar(namesake) not in {None, but}:
        raise _bad_name(f"There is a view “{name}” already: choose another name, or update that one.")


async def _check_room(session: AsyncSession, page: str) -> None:
    if await _number(session, SavedView.page == page, SavedView.is_shared) >= MOST_SHARED:
        raise Conflict(f"This page has {MOST_SHARED} shared views already: one of them has to go first.")


async def _number(session: AsyncSession, *which: Any) -> int:
    return (await session.scalars(select(func.count()).select_from(SavedView).where(*which))).one()


async def _forget_counts(session: AsyncSession, view: SavedView) -> None:
    counts = delete(SavedViewCount).where(SavedViewCount.view_id == view.id)
    await session.execute(counts, execution_options=_DETACHED)
