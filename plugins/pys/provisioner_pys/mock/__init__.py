"""A PYS of one's own: a real web service with its own SQLite file, for tests, demonstrations and harnesses.

It is a mock: it hashes passwords cheaply, speaks plain HTTP, and misbehaves when told to.
"""

from provisioner_pys.mock.database import DatabaseError
from provisioner_pys.mock.faults import PysFault, PysFaultOrder
from provisioner_pys.mock.running import PysMock

__all__ = ["DatabaseError", "PysFault", "PysFaultOrder", "PysMock"]
