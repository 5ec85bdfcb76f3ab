"""Every comparison is kept, with its differences by kind. Those from before are in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)

_EVENTS = sa.table("events", sa.column("seq"), sa.column("at", UTC), sa.column("kind"), sa.column("body"))


def upgrade() -> None:
    """Go to this revision."""
    op.drop_table("comparisons")
    comparisons = op.create_table(
        "comparisons",
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("target", "started_at", name=op.f("pk_comparisons")),
        sqlite_with_rowid=False,
    )
    rows = {(row["target"], row["started_at"]): row for row in _recorded()}
    op.bulk_insert(comparisons, list(rows.values()))


def downgrade() -> None:
    """Go back to the revision before: only the last comparison of each target is kept."""
    op.drop_table("comparisons")
    comparisons = op.create_table(
        "comparisons",
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_comparisons")),
        sqlite_with_rowid=False,
    )
    last = {row["target"]: row for row in _recorded()}
    columns = comparisons.columns.keys()
    for row in last.values():
        row["differences"] = sum(row["differences"].values())
    op.bulk_insert(comparisons, [{name: row[name] for name in columns} for row in last.values()])


def _recorded() -> Iterator[dict[str, Any]]:
    """Yield the comparisons that the audit log has, the oldest first."""
    query = sa.select(_EVENTS).where(_EVENTS.c.kind == "target_compared").order_by(_EVENTS.c.seq)
    for row in op.get_bind().execute(query).all():
        event = json.loads(row.body)
        yield {
            "target": event["target"],
            "started_at": datetime.fromisoformat(event["started_at"]),
            "ended_at": row.at,
            "listed": event["listed"],
            "differences": event["differences"],
            "unit": event.get("unit"),
            "error": event["error"] and json.dumps(event["error"]),
        }
