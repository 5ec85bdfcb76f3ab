"""The indexes that lead to what waits for one person."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_index(op.f("ix_requests_state_unit"), "requests", ["state", "unit"])
    op.create_index(op.f("ix_requests_requester_submitted_at_id"), "requests", ["requester", "submitted_at", "id"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(op.f("ix_requests_requester_submitted_at_id"), "requests")
    op.drop_index(op.f("ix_requests_state_unit"), "requests")
