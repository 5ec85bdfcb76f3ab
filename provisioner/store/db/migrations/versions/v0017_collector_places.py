"""Up to which entry each collector has the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "collector_places",
        sa.Column("collector", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("collector", name=op.f("pk_collector_places")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("collector_places")
