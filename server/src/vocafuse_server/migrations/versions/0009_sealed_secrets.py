"""Secrets of webhooks and answers to keyed requests are kept sealed.

The keys are not known here, so what there is gets marked as it is: answers go within a day, and secrets
are sealed by the next worker that starts.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0009"
down_revision: str | Sequence[str] | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("UPDATE webhooks SET secret = 'plain:' || secret")
    op.execute(_CHANGED.format(marked="'plain:' || (one ->> 'secret')"))
    op.execute("UPDATE idempotency_keys SET answer = 'plain:' || answer")


def downgrade() -> None:
    """Works only as long as nothing has been sealed."""
    op.execute(_REFUSE)
    op.execute("UPDATE webhooks SET secret = substr(secret, 7)")
    op.execute(_CHANGED.format(marked="substr(one ->> 'secret', 7)"))
    op.execute("DELETE FROM idempotency_keys")


_CHANGED = """
UPDATE webhooks SET old_secrets = (
  SELECT json_agg(json_build_object('secret', {marked}, 'until', one -> 'until') ORDER BY number)
  FROM json_array_elements(old_secrets) WITH ORDINALITY AS all_of_them (one, number)
) WHERE json_array_length(old_secrets) > 0
"""
_REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM webhooks WHERE secret NOT LIKE 'plain:%') THEN
    RAISE EXCEPTION 'webhook secrets have been sealed, and can''t be unsealed without their key';
  END IF;
END $$
"""
