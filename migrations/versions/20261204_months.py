"""Months of the history that lie far ahead go: each is planned for and opened by whatever reads the history.

Only three are made ahead from now on, by the application and by `migrate`, which make what is missing.
"""

from alembic import op

revision = "20261204_months"
down_revision = "20261203_counting"
branch_labels = None
depends_on = None

#: Partitions of months that begin later than three months ahead, and have no entry.
_DROP = r"""
DO $$
DECLARE
  partition regclass;
  is_used boolean;
BEGIN
  FOR partition IN SELECT inhrelid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_logs'::regclass AND relname ~ '^audit_logs_\d{4}_\d\d$'
      AND relname > 'audit_logs_' || to_char(now() + interval '3 months', 'YYYY_MM')
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO is_used;
    IF NOT is_used THEN EXECUTE format('DROP TABLE %s', partition); END IF;
  END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute(_DROP)


def downgrade() -> None:
    """Whoever serves the version before makes the months again."""
