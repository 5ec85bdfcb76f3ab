"""What the next deadline of an account asks for, and when the account is closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. The next sweep computes all deadlines again."""
    op.add_column("accounts", sa.Column("next_action", sa.String(16)))
    op.add_column("accounts", sa.Column("closes_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE schedule SET fingerprint = ''")


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("accounts", "closes_at")
    op.drop_column("accounts", "next_action")
