"""Signs in the titles of tickets, so that a search for nothing but signs reads an index."""

from alembic import op

revision = "20261128_search"
down_revision = "20261127_views"
branch_labels = None
depends_on = None

INDEX = """
CREATE INDEX ix_tickets_title_signs ON tickets USING gin (
  string_to_array(regexp_replace(title::text, '[a-zA-Z0-9 ]'::text, ''::text, 'g'::text), NULL::text))
"""


def upgrade() -> None:
    op.execute(INDEX)


def downgrade() -> None:
    op.drop_index("ix_tickets_title_signs", table_name="tickets")
