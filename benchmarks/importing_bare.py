"""Inserts the rows of two CSV files into the tables of a store, with one ``executemany`` each and one transaction.

It checks nothing, and it keeps no audit log. Usage: ``python importing_bare.py STORE UNITS PERSONS``.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

STATEMENTS = (
    "INSERT INTO units (code, name, kind, parent, login, custodian) VALUES (?, ?, ?, ?, ?, ?)",
    "INSERT INTO persons (id, name, unit, title, mobile, supervisor) VALUES (?, ?, ?, ?, ?, ?)",
)


def rows(file: str) -> Iterator[list[str | None]]:
    """Yield the rows of a file without its heading. What is empty is unknown."""
    with Path(file).open(newline="", encoding="utf-8") as stream:
        reader = csv.reader(stream)
        next(reader)
        for row in reader:
            yield [cell or None for cell in row]


if __name__ == "__main__":
    with sqlite3.connect(sys.argv[1]) as database:
        for statement, file in zip(STATEMENTS, sys.argv[2:], strict=True):
            database.executemany(statement, rows(file))
