"""How the database came to be: dated Alembic revisions, and the triggers at the head."""
