"""Another mobile number of a person, and who confirmed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("persons", sa.Column("other_mobile", sa.String(), nullable=True))
    op.add_column("persons", sa.Column("other_mobile_confirmed_by", sa.String(), nullable=True))
    op.add_column("persons", sa.Column("other_mobile_confirmed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("persons", "other_mobile_confirmed_at")
    op.drop_column("persons", "other_mobile_confirmed_by")
    op.drop_column("persons", "other_mobile")
