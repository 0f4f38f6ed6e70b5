"""Verbs by name, with parameters that JSON can hold: the same in a request as in a worker."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.database import SessionFactory
from backoffice.operations.bulk import BulkVerb
from backoffice.settings import Settings

#: Makes a verb of its parameters; a BackofficeError when they make no sense, or not any more.
VerbMaker = Callable[[AsyncSession, Mapping[str, Any]], Awaitable[BulkVerb]]


@dataclass(frozen=True)
class NamedVerb:
    """A verb that pages, jobs and scripts can name.

    `afterwards` gets the id of the operation, when what the verb did is committed.
    """

    make: VerbMaker
    afterwards: Callable[[SessionFactory, Settings, UUID], Awaitable[None]] | None = None
