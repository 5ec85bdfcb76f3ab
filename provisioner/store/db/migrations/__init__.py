"""The history of the tables, for Alembic.

A change of the tables is made in three places: in :mod:`provisioner.store.db.tables`, as a revision in ``versions``
whose number is one more than the last, and as ``REVISION`` in :mod:`provisioner.store.db.schema`. The tests in
``tests/migration`` hold the three together.
"""
