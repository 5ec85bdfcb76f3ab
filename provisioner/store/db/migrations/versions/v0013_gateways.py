"""Which gateway took a message, under which ID, and how many messages each channel sent on a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("deliveries", sa.Column("gateway", sa.String(), nullable=True))
    op.add_column("deliveries", sa.Column("reference", sa.String(), nullable=True))
    op.create_table(
        "message_counts",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day", name=op.f("pk_message_counts")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("message_counts")
    op.drop_column("deliveries", "reference")
    op.drop_column("deliveries", "gateway")
