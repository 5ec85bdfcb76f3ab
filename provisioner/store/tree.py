"""The tree of units: what is above and below a unit, and that it stays a tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, literal, select

from provisioner.core.api.errors import StoreError
from provisioner.store.db.tables import units


def codes_under(codes: Collection[str] | BindParameter[Any]) -> Select[tuple[str]]:
    """Return a query for these codes of units and those of all units below them, each once."""
    below = select(units.c.code).where(units.c.code.in_(codes)).cte("below", recursive=True)
    below = below.union(select(units.c.code).where(units.c.parent == below.c.code))
    return select(below.c.code)


def subtree(code: str) -> Select[Any]:
    """Return a query for a unit and all units below it, level by level."""
    below = select(units.c.code, literal(0).label("level")).where(units.c.code == code).cte("below", recursive=True)
    below = below.union_all(select(units.c.code, below.c.level + 1).where(units.c.parent == below.c.code))
    found = select(units).join(below, units.c.code == below.c.code).where(units.c.removed_at.is_(None))
    return found.order_by(below.c.level, units.c.code)


def _path() -> Select[Any]:
    columns = units.c.code, units.c.parent
    this = units.c.code == bindparam("code", type_=units.c.code.type)
    above = select(*columns, literal(0).label("level")).where(this).cte("above", recursive=True)
    above = above.union_all(select(*columns, above.c.level + 1).where(units.c.code == above.c.parent))
    return select(units).join(above, units.c.code == above.c.code).order_by(above.c.level.desc())


#: A query for the units from the top down to the one with this ``code``.
PATH = _path()


def require_tree(parents: Mapping[str, str | None]) -> None:
    """Check that every unit hangs below a top.

    Args:

        parents: The code of the parent of each unit, by code.

    Raises:

        StoreError: A parent does not exist, or a unit is above itself.
    """
    hanging: set[str] = set()
    for start in parents:
        code, branch = start, set[str]()
        while code not in hanging:
            branch.add(code)
            parent = parents[code]
            if parent is None:
                break
            if parent not in parents:
                raise StoreError("unit {code} has the parent {parent}, which does not exist", code=code, parent=parent)
            if parent in branch:
                raise StoreError("unit {code} is above itself", code=parent)
            code = parent
        hanging |= branch
