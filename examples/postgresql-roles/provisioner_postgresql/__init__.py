"""The target plug-in ``postgresql``: accounts as login roles of PostgreSQL."""
