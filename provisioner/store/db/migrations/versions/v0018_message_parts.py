"""The parts of messages with passwords, by the IDs that their gateways gave them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UNKNOWN = sa.text("delivery IS NULL")


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "message_parts",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=True),
        sa.Column("state", sa.String(16), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_message_parts_delivery_deliveries")),
        sa.PrimaryKeyConstraint("channel", "part", name=op.f("pk_message_parts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_message_parts_delivery"), "message_parts", ["delivery"])
    op.create_index("ix_message_parts_unknown", "message_parts", ["at"], sqlite_where=UNKNOWN, postgresql_where=UNKNOWN)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("message_parts")
