"""Reads on record: who looked at what, or searched for what, as entries that no page waits for.

They wait in memory and are written together, at most a second later. A process that is killed loses that
second; one that is stopped loses nothing. When there are too many to hold, as many as are let go are on
record as a number.
"""

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from backoffice.audit.context import Change
from backoffice.settings import Settings
from models import AuditAction

log = logging.getLogger(__name__)

#: Waiting at most; beyond that they are counted alone.
CAPACITY: Final = 10_000
#: Written together at most.
BATCH: Final = 500
#: Seconds that one waits for others to be written with it.
LINGER: Final = 1.0
#: Seconds after which a failed writing is tried again, at first and at most.
RETRY: Final = (1.0, 30.0)

#: Seconds that the last writing may take.
PATIENCE: Final = 5.0

_WRITE: Final = text("SELECT audit_reads(CAST(:reads AS jsonb))")


@dataclass(frozen=True)
class Read:
    """One look at a record, or one search; `personal` names the facts that an erasure blanks."""

    action: AuditAction
    table_name: str
    record_id: int | None
    user_id: int | None
    request_id: str | None = None
    address: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    personal: Sequence[str] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        facts = {"at": self.at.isoformat(), **self.facts}
        return {
            "action": self.action.value,
            "table_name": self.table_name,
            "record_id": self.record_id,
            "user_id": self.user_id,
            "request_id": self.request_id,
            "address": self.address,
            "changes": {name: {"new": value} for name, value in facts.items()},
            "personal": list(self.personal) or None,
        }


def actions_of(settings: Settings) -> set[AuditAction]:
    """Which reads this deployment records."""
    return {AuditAction(kind.upper()) for kind in settings.record_reads.split(",") if kind != "none"}


def read_in(
    change: Change,
    user_id: int,
    action: AuditAction,
    *,
    table_name: str,
    record_id: int | None = None,
    facts: dict[str, Any] | None = None,
    personal: Sequence[str] = (),
) -> Read:
    """What that person read in the request that `change` describes."""
    return Read(
        action,
        table_name,
        record_id,
        user_id,
        change.request_id,
        change.address,
        facts or {},
        personal,
    )


class Reads:
    """The reads of this process that are not written yet; `actions` are those that go on record.

    The same look by the same person within `again_after` seconds is no second one.
    """

    def __init__(
        self,
        factory: async_sessionmaker[AsyncSession],
        actions: Collection[AuditAction],
        *,
        again_after: float = 60,
        capacity: int = CAPACITY,
    ) -> None:
        self._factory = factory
        self._actions = frozenset(actions)
        self._again_after = again_after
        self._capacity = capacity
        self._waiting: deque[Read] = deque()
        self._dropped = 0
        self._seen: OrderedDict[tuple[Any, ...], float] = OrderedDict()
        self._something = asyncio.Event()
        self._many = asyncio.Event()
        self._stopping = False

    def note(self, read: Read) -> None:
        """Put it on record, soon; returns at once."""
        if read.action not in self._actions or self._is_repeated(read):
            return
        if len(self._waiting) >= self._capacity:
            self._dropped += 1
        else:
            self._waiting.append(read)
        self._something.set()
        if len(self._waiting) >= BATCH:
            self._many.set()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write what is noted for as long as this is open; what is left then has seconds to be written."""
        task = asyncio.create_task(self._run(), name="put reads on record")
        try:
            yield
        finally:
            self._stop()
            _, late = await asyncio.wait([task], timeout=PATIENCE)
            if late:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self._give_up()

    async def _run(self) -> None:
        """Write what is noted until the end is asked for, and then what is left."""
        pause = RETRY[0]
        while not self._stopping or self._waiting or self._dropped:
            await self._something.wait()
            await self._linger()
            if await self._write():
                pause = RETRY[0]
            elif self._stopping:
                self._give_up()
                return
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY[1])

    def _stop(self) -> None:
        self._stopping = True
        self._something.set()
        self._many.set()

    def _give_up(self) -> None:
        log.error("%d reads were not put on record", len(self._waiting) + self._dropped)

    async def _linger(self) -> None:
        if self._stopping or self._many.is_set():
            return
        try:
            await asyncio.wait_for(self._many.wait(), LINGER)
        except TimeoutError:
            return

    async def _write(self) -> bool:
        """Write the oldest that wait, up to a batch; whether that went well."""
        batch = [self._waiting[place] for place in range(min(BATCH, len(self._waiting)))]
        dropped = self._dropped
        rows = [read.as_json() for read in (*batch, *_dropped(dropped))]
        try:
            async with self._factory.begin() as session:
                await session.execute(_WRITE, {"reads": json.dumps(rows)})
        except (SQLAlchemyError, OSError) as error:
            log.warning("could not put %d reads on record: %s", len(rows), error)
            return False
        for _ in batch:
            self._waiting.popleft()
        self._dropped -= dropped
        self._rest()
        return True

    def _rest(self) -> None:
        if self._stopping:
            return
        if len(self._waiting) < BATCH:
            self._many.clear()
        if not self._waiting and not self._dropped:
            self._something.clear()

    def _is_repeated(self, read: Read) -> bool:
        now = monotonic()
        while self._seen and next(iter(self._seen.values())) <= now - self._again_after:
            self._seen.popitem(last=False)
        what = (read.user_id, read.action, read.table_name, read.record_id, json.dumps(read.facts))
        if what in self._seen:
            return True
        if self._again_after and len(self._seen) < self._capacity:
            self._seen[what] = now
        return False


def _dropped(number: int) -> list[Read]:
    """The entry that stands for those that were let go."""
    return (
        [Read(AuditAction.VIEW, "audit_logs", None, None, facts={"not_recorded": number})] if number else []
    )
