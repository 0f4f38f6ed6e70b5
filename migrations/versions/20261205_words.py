"""How many comments have a word that very many have, by what PostgreSQL gathered of them."""

from alembic import op

revision = "20261205_words"
down_revision = "20261204_months"
branch_labels = None
depends_on = None

# The statistics of an index are for its owner alone. They hold the words that are in very many comments, and
# how large a part of them has each; of other words they know nothing. To plan for it takes longer than to
# read it.
_FUNCTION = """
CREATE FUNCTION comments_with(beginning text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (
    SELECT coalesce(max(share), 0)
    FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common (word, share)
    WHERE schemaname = 'public' AND tablename = 'ix_comments_search' AND starts_with(word, beginning)
  ) * (SELECT reltuples FROM pg_class WHERE oid = 'public.ix_comments_search'::regclass);
END
$$;
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute("REVOKE ALL ON FUNCTION comments_with FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION comments_with TO backoffice_app, backoffice_reader")


def downgrade() -> None:
    op.execute("DROP FUNCTION comments_with")
