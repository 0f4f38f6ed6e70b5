"""The work on the demo tickets: real verbs, each its own operation of a member of staff."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.audit.context import Change, current_change
from backoffice.audit.revert import undo
from backoffice.database import INCLUDE_TRASHED, SessionFactory, transaction
from backoffice.demo.library import vocabulary
from backoffice.desk import (
    add_tags,
    assign,
    move_to_trash,
    remove_tags,
    reply,
    restore,
    set_priority,
    set_status,
)
from backoffice.operations.bulk import BulkVerb, Selection, run
from models import SETTLED, Comment, Operation, Tag, Ticket, TicketPriority, TicketStatus, User

SUPERVISOR = "supervisor@example.com"
OTHER_SUPERVISOR = "theo.vasquez@fernhill.example"
ADMINISTRATOR = "admin@example.com"
AGENT = "agent@example.com"

#: Whose topics are whose, as the supervisors share out what nobody has taken.
SHARES = (
    ("printing", "ingrid.halvorsen@fernhill.example", SUPERVISOR),
    ("card reader", "daniel.osei@fernhill.example", SUPERVISOR),
    ("sign-in", AGENT, SUPERVISOR),
    ("network", "zofia.wronska@fernhill.example", SUPERVISOR),
    ("billing", "amelie.fontaine@fernhill.example", OTHER_SUPERVISOR),
    ("inventory", "patrick.obriain@fernhill.example", OTHER_SUPERVISOR),
    ("api", "meilin.chao@fernhill.example", OTHER_SUPERVISOR),
    ("online shop", AGENT, OTHER_SUPERVISOR),
)
REPLIES = 16

_UNSETTLED = Ticket.status.not_in(SETTLED)
_OLDEST_FIRST = (Ticket.created_at, Ticket.id)

Task = Callable[[AsyncSession], Awaitable[object]]


@dataclass(frozen=True)
class Step:
    """One operation: what is done, by whom, to what in words, and why if that needs saying."""

    verb: str
    actor: str
    selection: str
    task: Task
    parameters: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


async def work_remaining(factory: SessionFactory) -> int:
    """Do what has not been done yet of the work on the demo tickets; how many operations that were.

    Each is known by its place in the list, so that an interrupted load goes on where it stopped.
    """
    steps = _steps()
    done = await _steps_done(factory)
    people = await _people(factory)
    for position, step in enumerate(steps[done:], start=done + 1):
        actor = people[step.actor]
        change = Change(
            verb=step.verb,
            actor=actor.full_name,
            actor_id=actor.id,
            request_id=f"demo-{position:02}",
            reason=step.reason,
            selection=step.selection,
            parameters=dict(step.parameters),
        )
        async with transaction(factory, change) as session:
            await step.task(session)
    return len(steps) - done


async def _steps_done(factory: SessionFactory) -> int:
    async with factory() as session:
        last = await session.scalar(
            select(func.max(Operation.request_id)).where(Operation.request_id.like("demo-%"))
        )
    return int(last.removeprefix("demo-")) if last else 0


async def _people(factory: SessionFactory) -> dict[str, User]:
    async with factory() as session:
        return {user.email: user for user in await session.scalars(select(User).where(User.is_staff))}


def _steps() -> list[Step]:
    return [*_tidying(), *_sharing_out(), *_mistakes(), *_answering(), *_edits(), *_closing()]


def _tidying() -> list[Step]:
    urgent = (Ticket.priority == TicketPriority.URGENT) & _UNSETTLED & _older_than(1)
    waiting = (Ticket.priority == TicketPriority.MEDIUM) & _tagged("payments") & _UNSETTLED & _older_than(3)
    return [
        _bulk("trash", OTHER_SUPERVISOR, "tickets tagged spam", move_to_trash, _tagged("spam")),
        _tagging("add-tags", SUPERVISOR, "urgent tickets older than a day", "escalated", urgent),
        _bulk(
            "set-priority",
            SUPERVISOR,
            "tickets tagged payments that wait for three days",
            lambda: set_priority(TicketPriority.HIGH),
            waiting,
            parameters={"priority": "high"},
        ),
    ]


def _sharing_out() -> list[Step]:
    return [_sharing(tag, assignee, supervisor) for tag, assignee, supervisor in SHARES]


def _sharing(tag: str, assignee: str, supervisor: str) -> Step:
    waiting = _tagged(tag) & _UNSETTLED & Ticket.assignee_id.is_(None) & _older_than(0.25)

    async def task(session: AsyncSession) -> None:
        await run(session, assign(await _person(session, assignee)), _chosen(waiting, limit=5))

    selection = f"unassigned tickets tagged {tag}, the oldest 5"
    return Step("ticket.assign", supervisor, selection, task, {"assignee": assignee})


def _mistakes() -> list[Step]:
    """What goes wrong in every office, and how it is put right."""
    forwarded = Ticket.title.startswith("Fw: Re: Fw:")
    questions = _tagged("question") & _UNSETTLED

    async def assign_all(session: AsyncSession) -> None:
        ingrid = await _person(session, "ingrid.halvorsen@fernhill.example")
        await run(session, assign(ingrid), _chosen(questions))

    return [
        _bulk("trash", SUPERVISOR, "1 ticket", move_to_trash, forwarded),
        _bulk(
            "restore",
            OTHER_SUPERVISOR,
            "1 ticket",
            restore,
            forwarded,
            reason="It only looks like spam: there is a question at the bottom.",
        ),
        Step(
            "ticket.assign",
            SUPERVISOR,
            "unsettled tickets tagged question",
            assign_all,
            {"assignee": "ingrid.halvorsen@fernhill.example"},
        ),
        Step("operation.undo", SUPERVISOR, "", _undo_last, reason="Ingrid is on holiday this week."),
        _tagging(
            "remove-tags",
            OTHER_SUPERVISOR,
            "tickets tagged refund",
            "payments",
            _tagged("refund"),
            reason="Refunds have a tag of their own; payments is for money that comes in.",
        ),
    ]


def _answering() -> list[Step]:
    """Agents write to customers who wait for them; the ticket then waits for the customer."""
    random = Random(REPLIES)  # noqa: S311 - chance that repeats itself is what is wanted
    phrases = vocabulary().phrases
    agents = [assignee for _, assignee, _ in SHARES]
    steps = []
    for number in range(REPLIES):
        agent = agents[number % len(agents)]
        note = number % 4 == 3
        content = random.choice(phrases["remarks" if note else "updates"])
        steps.append(Step("ticket.reply", agent, "1 ticket", _replying(agent, content, is_internal=note)))
        if number % 4 == 0:
            steps.append(_waiting(agent))
    return steps


def _replying(agent: str, content: str, *, is_internal: bool) -> Task:
    async def task(session: AsyncSession) -> None:
        author = await _person(session, agent)
        theirs = (Ticket.assignee_id == author.id) & (Ticket.status == TicketStatus.IN_PROGRESS)
        answered_now = select(Comment.ticket_id).where(
            Comment.author_id == author.id, Comment.created_at > func.now() - timedelta(hours=1)
        )
        unanswered = theirs & Ticket.id.not_in(answered_now)
        statement = select(Ticket).where(unanswered).order_by(*_OLDEST_FIRST).limit(1)
        if (ticket := await session.scalar(statement)) is None:
            return
        words = {
            "agent": author.full_name.split()[0],
            "colleague": "Ella",
            "town": "Ghent",
            "weekday": "Thursday",
        }
        await reply(
            session,
            ticket,
            author_id=author.id,
            content=content.format_map(words),
            is_internal=is_internal,
        )
        current_change().selection = f"ticket {ticket.ticket_number}"

    return task


def _waiting(agent: str) -> Step:
    async def task(session: AsyncSession) -> None:
        author = await _person(session, agent)
        last_answered = (
            select(Comment.ticket_id)
            .where(Comment.author_id == author.id)
            .order_by(Comment.created_at.desc(), Comment.id.desc())
            .limit(1)
        )
        await run(session, set_status(TicketStatus.WAITING_ON_CUSTOMER), last_answered)

    parameters = {"status": TicketStatus.WAITING_ON_CUSTOMER.value}
    return Step("ticket.set-status", agent, "1 ticket", task, parameters)


def _edits() -> list[Step]:
    async def soften_title(session: AsyncSession) -> None:
        statement = select(Ticket).where(Ticket.title == "WHY IS EVERYTHING IN CAPITALS")
        ticket = (await session.scalars(statement)).one()
        ticket.title = "Tablet keyboard writes capitals only"
        await session.flush()

    async def move_customer(session: AsyncSession) -> None:
        (await _person(session, "daria.sokolova@samovar.example")).time_zone = "Europe/Riga"
        await session.flush()

    return [
        Step("ticket.edit", SUPERVISOR, "1 ticket", soften_title),
        Step("user.edit", ADMINISTRATOR, "Дарья Соколова", move_customer),
    ]


def _closing() -> list[Step]:
    """Agents give up on customers who don't answer, and a supervisor closes what is long resolved."""
    agents = dict.fromkeys(assignee for _, assignee, _ in SHARES)
    long_resolved = (Ticket.status == TicketStatus.RESOLVED) & (
        Ticket.resolved_at < func.now() - timedelta(days=30)
    )
    return [
        *(_giving_up(agent) for agent in agents),
        _bulk(
            "set-status",
            SUPERVISOR,
            "tickets resolved more than 30 days ago",
            lambda: set_status(TicketStatus.CLOSED),
            long_resolved,
            parameters={"status": TicketStatus.CLOSED.value},
        ),
    ]


def _giving_up(agent: str) -> Step:
    async def task(session: AsyncSession) -> None:
        author = await _person(session, agent)
        silent = (Ticket.assignee_id == author.id) & (Ticket.status == TicketStatus.WAITING_ON_CUSTOMER)
        await run(session, set_status(TicketStatus.RESOLVED), _chosen(silent & _older_than(45)))

    parameters = {"status": TicketStatus.RESOLVED.value}
    return Step(
        "ticket.set-status", agent, "own tickets that wait for a customer since 45 days", task, parameters
    )


def _bulk(
    action: str,
    actor: str,
    selection: str,
    verb: Callable[[], BulkVerb],
    which: ColumnElement[bool],
    *,
    parameters: dict[str, str] | None = None,
    reason: str | None = None,
) -> Step:
    async def task(session: AsyncSession) -> None:
        await run(session, verb(), _chosen(which).execution_options(**INCLUDE_TRASHED))

    return Step(f"ticket.{action}", actor, selection, task, parameters or {}, reason)


def _tagging(
    action: str,
    actor: str,
    selection: str,
    tag: str,
    which: ColumnElement[bool],
    *,
    reason: str | None = None,
) -> Step:
    async def task(session: AsyncSession) -> None:
        tags = (await session.scalars(select(Tag).where(Tag.name == tag))).all()
        await run(session, add_tags(tags) if action == "add-tags" else remove_tags(tags), _chosen(which))

    return Step(f"ticket.{action}", actor, selection, task, {"tags": tag}, reason)


async def _undo_last(session: AsyncSession) -> None:
    statement = (
        select(Operation.id)
        .where(Operation.verb == "ticket.assign", Operation.request_id.like("demo-%"))
        .order_by(Operation.request_id.desc())
        .limit(1)
    )
    await undo(session, (await session.scalars(statement)).one())


async def _person(session: AsyncSession, email: str) -> User:
    return (await session.scalars(select(User).where(User.email == email))).one()


def _chosen(which: ColumnElement[bool], *, limit: int | None = None) -> Selection:
    return select(Ticket.id).where(which).order_by(*_OLDEST_FIRST).limit(limit)


def _tagged(name: str) -> ColumnElement[bool]:
    return Ticket.tags.any(Tag.name == name)


def _older_than(days: float) -> ColumnElement[bool]:
    return Ticket.created_at < func.now() - timedelta(days=days)
