"""The database: engine, the one transaction of a request, the trash filter, roles and migrations."""

# Imported for its listener: no session may exist without the trash filter.
from backoffice.database import trash
from backoffice.database.engine import SessionFactory, create_engine, session_factory
from backoffice.database.transaction import transaction
from backoffice.database.trash import INCLUDE_TRASHED

__all__ = ["INCLUDE_TRASHED", "SessionFactory", "create_engine", "session_factory", "transaction", "trash"]
