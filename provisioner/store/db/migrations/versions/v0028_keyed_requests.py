"""The requests to the API that have a key, and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "keyed_requests",
        sa.Column("actor", _text(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("fingerprint", _text(64), nullable=False),
        sa.Column("owner", _text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", _text(), nullable=True),
        sa.Column("body", sa.Text(collation=_collation()), nullable=True),
        sa.Column("location", _text(), nullable=True),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_keyed_requests")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_keyed_requests_expires_at"), "keyed_requests", ["expires_at"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("keyed_requests")


def _text(length: int | None = None) -> sa.String:
    """Return the type of a text: PostgreSQL compares it by its bytes, as SQLite does."""
    return sa.String(length, collation=_collation())


def _collation() -> str | None:
    return "C" if op.get_context().dialect.name == "postgresql" else None
