"""The verbs over many records by their names, at once or as a job: what a script calls.

async with transaction(factory, Change(verb="ticket.add-tags", actor="Rota", actor_id=3)) as session:
    job = await submit_verb(session, "ticket.add-tags", ids, tags=[4])
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import INCLUDE_TRASHED
from backoffice.desk.verbs import VERBS
from backoffice.errors import NotFound
from backoffice.jobs import BULK, Work, parts_of, submit
from backoffice.operations import BulkVerb, Counts, chosen, run
from models import Job


async def run_verb(session: AsyncSession, name: str, ids: Iterable[int], **values: Any) -> Counts:
    """Do the verb to these records now, trashed ones included as far as it takes them.

    `values` are its own, with ids in place of records: `assignee=3`, `tags=[4, 5]`, `status="closed"`.
    NotFound for a name that no verb has; BadInput for values that make no sense.
    """
    verb = await _make(session, name, values)
    return await run(session, verb, chosen(ids).execution_options(**INCLUDE_TRASHED))


async def submit_verb(session: AsyncSession, name: str, ids: Iterable[int], **values: Any) -> Job:
    """Have workers do the verb to these records, in chunks, once the transaction is committed.

    The operation under way is the job, and needs an `actor_id`: a job is somebody's.
    """
    verb = await _make(session, name, values)
    page = name.partition(".")[0]
    work = Work(
        kind=BULK,
        page=page,
        title=name,
        parts=[*parts_of(str(inspect(verb.model).local_table), list(ids))],
        parameters={"verb": name, "values": values},
        in_words=values,
    )
    return await submit(session, work)


async def _make(session: AsyncSession, name: str, values: dict[str, Any]) -> BulkVerb:
    if name not in VERBS:
        raise NotFound(f"There is no verb {name}. There are {', '.join(sorted(VERBS))}.")
    return await VERBS[name].make(session, values)
