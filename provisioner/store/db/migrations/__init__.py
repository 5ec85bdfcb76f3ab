"""The history of the tables, for Alembic.

A change of the tables is made in three places: in :mod:`provisioner.store.db.tables`, as a revision in ``versions``
whose number is one more than the last, and as ``REVISION`` in :mod:`provisioner.store.db.schema`. The tests in
``tests/migration`` hold the three together.

A revision runs on SQLite and on PostgreSQL, where an index needs ``postgresql_where`` beside ``sqlite_where``, and a
column of text ``provisioner.store.db.postgresql.COLLATION``. The first store on PostgreSQL had revision 0024, so those
up to it are about SQLite alone.
"""
