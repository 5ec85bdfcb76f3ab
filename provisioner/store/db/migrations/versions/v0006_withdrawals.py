"""The mass-change limit counts withdrawals from targets too: the index of what it reads includes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    _replace("kind IN ('close', 'delete', 'withdraw')")


def downgrade() -> None:
    """Go back to the revision before."""
    _replace("kind IN ('close', 'delete')")


def _replace(closings: str) -> None:
    op.drop_index("ix_operations_shut", "operations")
    op.create_index(
        "ix_operations_shut",
        "operations",
        ["finished_at"],
        sqlite_where=sa.text(closings),
        postgresql_where=sa.text(closings),
    )
