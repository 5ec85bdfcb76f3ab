"""The parts of messages, by the IDs that their gateways gave them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UNKNOWN = sa.text("message IS NULL")


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "message_parts",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("state", sa.String(16), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "part", name=op.f("pk_message_parts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_message_parts_message"), "message_parts", ["message"])
    op.create_index("ix_message_parts_unknown", "message_parts", ["at"], sqlite_where=UNKNOWN, postgresql_where=UNKNOWN)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("message_parts")
