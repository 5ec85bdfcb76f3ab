"""What becomes of each message with a password after a gateway took it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
OPEN = sa.text("state IN ('sending', 'handed_over', 'accepted')")
UNDELIVERED = sa.text("state IN ('unknown', 'expired', 'rejected')")


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("mobile_mark", sa.String(64), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sent_at", UTC, nullable=False),
        sa.Column("handed_over_at", UTC, nullable=True),
        sa.Column("accepted_at", UTC, nullable=True),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("deadline", UTC, nullable=True),
        sa.Column("next_ask_at", UTC, nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("settled_at", UTC, nullable=True),
        sa.Column("renewal", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name=op.f("fk_deliveries_operation_id_operations")
        ),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name=op.f("fk_deliveries_login_accounts")),
        sa.ForeignKeyConstraint(["renewal"], ["operations.id"], name=op.f("fk_deliveries_renewal_operations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_deliveries_operation_id"), "deliveries", ["operation_id"])
    op.create_index(op.f("ix_deliveries_login_number"), "deliveries", ["login", "number"])
    op.create_index("ix_deliveries_open", "deliveries", ["deadline"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index(
        "ix_deliveries_undelivered",
        "deliveries",
        ["login", "number"],
        sqlite_where=UNDELIVERED,
        postgresql_where=UNDELIVERED,
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("deliveries")
