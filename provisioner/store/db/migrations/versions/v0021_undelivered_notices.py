"""Finds notices that were not delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

UNDELIVERED = sa.text("state IN ('expired', 'rejected')")


def upgrade() -> None:
    """Go to this revision."""
    op.create_index(
        "ix_notices_undelivered", "notices", ["sent_at"], sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_notices_undelivered", table_name="notices")
