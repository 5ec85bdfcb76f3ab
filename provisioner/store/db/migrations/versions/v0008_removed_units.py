"""When a unit was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("units", sa.Column("removed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("units", "removed_at")
