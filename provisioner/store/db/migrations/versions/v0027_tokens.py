"""The tokens for the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "tokens",
        sa.Column("id", _text(), nullable=False),
        sa.Column("hash", _text(64), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("owner", _text(), nullable=False),
        sa.Column("access", _text(16), nullable=False),
        sa.Column("created_by", _text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", _text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_tokens_owner"), "tokens", ["owner"])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("tokens")


def _text(length: int | None = None) -> sa.String:
    """Return the type of a text: PostgreSQL compares it by its bytes, as SQLite does."""
    return sa.String(length, collation="C" if op.get_context().dialect.name == "postgresql" else None)
