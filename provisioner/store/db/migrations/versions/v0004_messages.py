"""Errors keep the template and the values of their messages, so that they can be shown in any language.

What is there stays as it is: a finished sentence is read as a message without values.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: The tables that have errors, with the columns of their keys.
_TABLES = {"operations": ("id",), "steps": ("operation_id", "position"), "target_health": ("name",)}


def upgrade() -> None:
    """Go to this revision."""


def downgrade() -> None:
    """Go back to the revision before: messages become finished sentences in English."""
    for name, keys in _TABLES.items():
        _finish(sa.table(name, *(sa.column(column) for column in (*keys, "error"))), keys)


def _finish(table: sa.TableClause, keys: tuple[str, ...]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(table).where(table.c.error.is_not(None))).all():
        error = {key: _sentence(value) for key, value in json.loads(row.error).items()}
        this = [table.c[key] == getattr(row, key) for key in keys]
        connection.execute(sa.update(table).where(*this).values(error=json.dumps(error)))


def _sentence(value: Any) -> str:
    match value:
        case {"template": str(template), "values": dict(values), **more}:
            form = template if values.get("count") == 1 else str(more.get("plural", template))
            return form.format_map({name: _sentence(inner) for name, inner in values.items()})
        case list():
            return "\n".join(map(_sentence, value))
    return str(value)
