"""Erasing a person: what is personal goes from their records, their files and the history, for good.

It is one operation, which nobody can undo. The bytes of files go once it is committed: see
`backoffice.desk.erased_files`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backoffice.accounts.grants import grants_beyond, grants_of_user
from backoffice.accounts.people import guard_administrators_remain, may_manage
from backoffice.accounts.sessions import CurrentUser, close_sessions
from backoffice.accounts.throttle import forget_attempts
from backoffice.audit.context import current_change
from backoffice.audit.erasure import (
    Traces,
    blank_entries,
    blank_operations,
    count_entries,
    deleted_records,
    find_entries,
    find_operations,
    words_of,
)
from backoffice.audit.proof.keys import SigningKey
from backoffice.audit.proof.removals import record_removal
from backoffice.audit.record import record_event
from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.desk.importing.erasure import erase_from_imports, find_imports
from backoffice.errors import BadInput, Conflict, NotAllowed, NotFound
from backoffice.jobs.erasure import erase_from_jobs, refuse_while_exporting
from backoffice.operations.bulk import lock
from models import (
    Attachment,
    AuditAction,
    Comment,
    FrozenSelection,
    RemovalKind,
    SavedView,
    Session,
    Ticket,
    User,
    user_groups,
)

#: What stands where a person's words stood.
ERASED: Final = "[erased]"
LONGEST_BASIS: Final = 500

_ONESELF: Final = "You can't erase yourself: ask another administrator."
_QUIETLY: Final[Mapping[str, Any]] = {**INCLUDE_TRASHED, "synchronize_session": False}

Owned = type[Ticket] | type[Attachment] | type[Comment]
# Whose they are; from parents to children, as everybody locks.
_OWNERS: Final[Mapping[Owned, InstrumentedAttribute[int]]] = {
    Ticket: Ticket.creator_id,
    Attachment: Attachment.uploaded_by_id,
    Comment: Comment.author_id,
}


@dataclass(frozen=True)
class Erasure:
    """What an erasure takes: whether the account still has a name, and how many of each have something.

    `entries` are those of the history, `operations` those that the person did or that name them, `imports`
    likewise, `sign_ins` the browsers that are signed in.
    """

    is_named: bool
    tickets: int
    comments: int
    attachments: int
    sign_ins: int
    operations: int
    imports: int
    entries: int

    @property
    def counts(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if name != "is_named"}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to erase (any more)."""
        return not self.is_named and not any(self.counts.values())


async def preview_erasure(session: AsyncSession, user: User) -> Erasure:
    """What `erase_user` would take now; the entries that it would itself write and blank are not counted."""
    owned = {model.__tablename__: await _owned(session, model, user.id) for model in _OWNERS}
    traces = await _traces(session, user, owned)
    operations = await find_operations(session, traces, named=name_of_erased(user.id))
    erasure = await _count(session, user, operations, await find_imports(session, traces))
    return replace(erasure, entries=await count_entries(session, traces, operations))


async def check_eraser(session: AsyncSession, current: CurrentUser, user: User) -> None:
    """Raise Conflict or NotAllowed where `current`, who may erase people, may not erase this one."""
    if current.id == user.id:
        raise Conflict(_ONESELF)
    if not may_manage(current, is_staff=user.is_staff):
        raise NotAllowed("Only those who manage staff may erase staff.")
    if grants_beyond(current, await grants_of_user(session, user.id)):
        raise NotAllowed("This account may do more than you: somebody with its rights must erase it.")


async def erase_user(session: AsyncSession, key: SigningKey, user_id: int, *, basis: str) -> Erasure:
    """Erase what is personal of a person, sign that it was, and answer what went.

    `basis` says on what ground, and stays on record: it must not name them (BadInput). NotFound for nobody;
    Conflict for oneself, for the last administrator, where nothing is left to erase, and while a job goes
    on that names them, or an export that may.
    """
    user = await _locked(session, user_id)
    owned = {
        model.__tablename__: await lock(session, model, _keys(model, user_id), sees_trash=True)
        for model in _OWNERS
    }
    # Nobody else waits for long now, and a long history takes its time.
    await session.execute(text("SELECT set_config('statement_timeout', '0', true)"))
    traces = await _traces(session, user, owned)
    basis = _checked(basis, traces)
    operations = await find_operations(session, traces, named=name_of_erased(user_id))
    erasure = await _count(session, user, operations, await find_imports(session, traces))
    if erasure.is_empty and not await count_entries(session, traces, operations):
        raise Conflict("Nothing personal is left of this person: they were erased already.")
    await _erase_account(session, user, traces)
    await _erase_records(session, user_id)
    await erase_from_imports(session, traces)
    await erase_from_jobs(session, traces)
    await blank_operations(session, operations, user_id, named=name_of_erased(user_id))
    own = current_change().operation_id
    entries = await find_entries(session, traces, [*operations, own])
    await blank_entries(session, entries)
    erasure = replace(erasure, entries=len(entries))
    await _put_on_record(session, key, user_id, basis, erasure, entries)
    await refuse_while_exporting(session)
    return erasure


def name_of_erased(user_id: int) -> str:
    """What an erased person is called from then on."""
    return f"Erased person {user_id}"


def address_of_erased(user_id: int) -> str:
    """Their e-mail address, at which there is nobody (RFC 2606)."""
    return f"erased-{user_id}@erased.invalid"


async def _locked(session: AsyncSession, user_id: int) -> User:
    """The person, whom nobody changes or refers to anew until the end."""
    if current_change().actor_id == user_id:
        raise Conflict(_ONESELF)
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound(f"There is no person #{user_id}.")
    return user


def _keys(model: Owned, user_id: int) -> Any:
    return select(model.id).where(_OWNERS[model] == user_id)


async def _owned(session: AsyncSession, model: Owned, user_id: int) -> Sequence[int]:
    return list(await session.scalars(_keys(model, user_id), execution_options=INCLUDE_TRASHED))


async def _traces(session: AsyncSession, user: User, owned: Mapping[str, Sequence[int]]) -> Traces:
    columns = {model.__tablename__: owner.key for model, owner in _OWNERS.items()}
    records = {table: set(keys) for table, keys in owned.items()}
    for table, key in await deleted_records(session, user.id, columns):
        records[table].add(key)
    now = {user.full_name, user.email} - {name_of_erased(user.id), address_of_erased(user.id)}
    words = sorted(now.union(await words_of(session, user.id)))
    return Traces(user.id, words, {User.__tablename__: {user.id}, **records})


def _checked(basis: str, traces: Traces) -> str:
    basis = basis.strip()
    if not basis:
        raise _bad("Say on what basis, such as the request and its date.")
    if len(basis) > LONGEST_BASIS or not basis.isprintable():
        raise _bad(f"State the basis in at most {LONGEST_BASIS} characters, on one line.")
    if traces.is_in(basis):
        raise _bad("The basis stays on record: it must not contain the person's name or e-mail address.")
    return basis


def _bad(sentence: str) -> BadInput:
    return BadInput(sentence, fields={"basis": sentence})


async def _count(
    session: AsyncSession, user: User, operations: Sequence[UUID], imports: Sequence[UUID]
) -> Erasure:
    return Erasure(
        is_named=user.full_name != name_of_erased(user.id) or user.email != address_of_erased(user.id),
        tickets=await _number(session, _has_ticket_words(user.id)),
        comments=await _number(session, _has_comment_words(user.id)),
        attachments=await _number(session, Attachment.uploaded_by_id == user.id),
        sign_ins=await _number(session, Session.user_id == user.id),
        operations=len(operations),
        imports=len(imports),
        entries=0,
    )


async def _number(session: AsyncSession, which: ColumnElement[bool]) -> int:
    counted = select(func.count()).where(which)
    return (await session.scalars(counted, execution_options=INCLUDE_TRASHED)).one()


def _has_ticket_words(user_id: int) -> ColumnElement[bool]:
    return (Ticket.creator_id == user_id) & ((Ticket.title != ERASED) | (Ticket.description != ERASED))


def _has_comment_words(user_id: int) -> ColumnElement[bool]:
    return (Comment.author_id == user_id) & (Comment.content != ERASED)


async def _erase_account(session: AsyncSession, user: User, traces: Traces) -> None:
    await forget_attempts(session, user.id, emails=traces.words)
    await close_sessions(session, user.id)
    of_theirs = FrozenSelection.user_id == user.id
    naming_them = FrozenSelection.words.regexp_match(literal(traces.pattern, Text), flags="i")
    await session.execute(delete(FrozenSelection).where(or_(of_theirs, naming_them)))
    await session.execute(delete(SavedView).where(_says_words_of(user, traces)), execution_options=_QUIETLY)
    await session.execute(delete(user_groups).where(user_groups.c.user_id == user.id))
    user.full_name, user.email = name_of_erased(user.id), address_of_erased(user.id)
    user.password_hash, user.last_login = "", None
    user.is_active = False
    await session.flush()
    if user.is_staff:
        await guard_administrators_remain(session)


def _says_words_of(user: User, traces: Traces) -> ColumnElement[bool]:
    """Views of lists that the person keeps for themselves, and whoever's views that look for them by name."""
    pattern = literal(traces.pattern, Text)
    return or_(
        and_(SavedView.owner_id == user.id, SavedView.is_shared.is_(False)),
        SavedView.name.regexp_match(pattern, flags="i"),
        cast(SavedView.query, Text).regexp_match(pattern, flags="i"),
    )


async def _erase_records(session: AsyncSession, user_id: int) -> None:
    words = {"title": ERASED, "description": ERASED}
    tickets = update(Ticket).where(_has_ticket_words(user_id)).values(words)
    comments = update(Comment).where(_has_comment_words(user_id)).values(content=ERASED)
    attachments = delete(Attachment).where(Attachment.uploaded_by_id == user_id)
    for statement in (tickets, attachments, comments):
        await session.execute(statement, execution_options=_QUIETLY)


async def _put_on_record(
    session: AsyncSession,
    key: SigningKey,
    user_id: int,
    basis: str,
    erasure: Erasure,
    entries: Sequence[int],
) -> None:
    change = current_change()
    change.selection, change.reason = f"Person #{user_id}", basis
    change.outcome |= {"changed": 1, **erasure.counts}
    facts = {"person": user_id, "basis": basis, "by": change.actor_id, "operation": str(change.operation_id)}
    await record_removal(session, key, RemovalKind.ERASURE, entries, facts)
    await record_event(
        session,
        AuditAction.ERASE,
        table_name=User.__tablename__,
        record_id=user_id,
        facts={"basis": basis, **erasure.counts},
    )
