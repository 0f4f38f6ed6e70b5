"""How many comments have a word that very many have, by what PostgreSQL gathered of them."""

from alembic import op

revision = "20261205_words"
down_revision = "20261204_months"
branch_labels = None
depends_on = None

# The statistics of an index are for its owner alone. They hold the words that are in very many comments, and
# how large a part of them has each. Of other words they know nothing.
_FUNCTION = """
CREATE FUNCTION comments_with(beginning text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  RETURN (
    SELECT coalesce(max(share * reltuples), 0)
    FROM pg_class JOIN pg_stats ON tablename = relname AND schemaname = relnamespace::regnamespace::text,
      unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common (word, share)
    WHERE pg_class.oid = 'public.ix_comments_search'::regclass AND starts_with(word, beginning)
  );
END
$$;
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute("REVOKE ALL ON FUNCTION comments_with FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION comments_with TO backoffice_app, backoffice_reader")


def downgrade() -> None:
    op.execute("DROP FUNCTION comments_with")
