"""Run by Alembic for each of its commands, on the connection that :mod:`provisioner.store.db.schema` gives it."""

from __future__ import annotations

from alembic import context

from provisioner.store.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
