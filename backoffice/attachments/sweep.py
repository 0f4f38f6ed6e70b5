"""Taking away the files that no attachment speaks of: its row never came, or was deleted forever."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ARRAY, String, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.attachments.store import FileStore
from backoffice.database import INCLUDE_TRASHED
from models import Attachment

#: Longer than any request takes from saving a file to committing its row.
COMMITTED_WITHIN = timedelta(minutes=5)
A_DAY = timedelta(days=1)
_BATCH = 1000


async def sweep(session: AsyncSession, store: FileStore, older_than: timedelta = A_DAY) -> int:
    """Delete the files, and the remains of broken uploads, that nothing has needed for `older_than`.

    An attachment in the trash still needs its file. A file that is saved while this runs is left
    alone, for its row may not be committed yet. Returns how many files went.
    """
    moment = datetime.now(UTC) - older_than
    await asyncio.to_thread(store.drop_drafts, begun_before=moment)
    hashes = await asyncio.to_thread(lambda: list(store.hashes(saved_before=moment)))
    return await remove_unreferenced(session, store, hashes, saved_before=moment)


async def remove_unreferenced(
    session: AsyncSession, store: FileStore, hashes: Sequence[str], *, saved_before: datetime | None = None
) -> int:
    """Of these files, delete those that no attachment speaks of and nobody saved since `saved_before`.

    For a purge: call it after the commit, with the hashes of what was purged. What was saved within
    the last minutes, which is left out unless told otherwise, goes with a later `sweep`. Returns how
    many went.
    """
    moment = saved_before or datetime.now(UTC) - COMMITTED_WITHIN
    removed = 0
    for start in range(0, len(hashes), _BATCH):
        batch = hashes[start : start + _BATCH]
        needed = await _needed(session, batch)
        for sha256 in (candidate for candidate in batch if candidate not in needed):
            removed += await asyncio.to_thread(store.delete, sha256, saved_before=moment)
    return removed


async def _needed(session: AsyncSession, hashes: Sequence[str]) -> set[str]:
    candidates = bindparam("hashes", list(hashes), ARRAY(String))
    statement = select(Attachment.sha256).where(Attachment.sha256 == any_(candidates))
    return set(await session.scalars(statement, execution_options=INCLUDE_TRASHED))
