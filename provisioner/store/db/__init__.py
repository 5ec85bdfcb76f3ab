"""The database: tables, types, migrations."""
