"""What is done with imports beside serving: ending those whose job was cut off, and forgetting old ones."""

import asyncio

from sqlalchemy import exists, select

from backoffice.database import SessionFactory
from backoffice.desk.importing.files import ImportFolder, forget_old_imports
from backoffice.desk.importing.running import finish_run
from backoffice.settings import Settings
from models import ENDED, ImportFile, ImportState, Job


async def keep_imports(factory: SessionFactory, settings: Settings) -> None:
    """End imports that nobody goes on with, as after a cancellation, and let go of what was kept a week."""
    folder = ImportFolder.of(settings)
    async with factory.begin() as session:
        has_ended = exists().where(Job.id == ImportFile.operation_id, Job.state.in_(ENDED))
        left = select(ImportFile.id).where(ImportFile.state == ImportState.RUNNING, has_ended)
        ended = [*await session.scalars(left)]
        for import_id in ended:
            await finish_run(session, import_id)
        await forget_old_imports(session)
    for import_id in ended:
        await asyncio.to_thread(folder.remove, import_id)
    await asyncio.to_thread(folder.remove_old)
