"""Which slot of each routine of a worker was taken last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "slots",
        sa.Column("routine", _text(16), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", _text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("routine", name=op.f("pk_slots")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("slots")


def _text(length: int | None = None) -> sa.String:
    """Return the type of a text: PostgreSQL compares it by its bytes, as SQLite does."""
    return sa.String(length, collation="C" if op.get_context().dialect.name == "postgresql" else None)
