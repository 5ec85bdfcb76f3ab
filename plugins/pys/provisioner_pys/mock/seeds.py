"""People and units from CSV files, as the product itself imports them. Columns not named here are ignored."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model import Person, Unit
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Seeds:
    """What the files hold."""

    people: tuple[Person, ...] = ()
    units: tuple[Unit, ...] = ()


def read_seeds(*files: Path) -> Seeds:
    """Return the people and units of the files; the first line of each tells which of the two it holds.

    Raises:

        InputError: A file cannot be read, or a line of it lacks something; every problem found is in it.
    """
    people: list[Person] = []
    units: list[Unit] = []
    problems: list[Problem] = []
    for file in files:
        for found in _read(file):
            match found:
                case Person():
                    people.append(found)
                case Unit():
                    units.append(found)
                case Problem():
                    problems.append(found)
    if problems:
        raise InputError(problems)
    return Seeds(people=tuple(people), units=tuple(units))


def _read(file: Path) -> Iterator[Person | Unit | Problem]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _read_rows(file, csv.DictReader(stream, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = Text("the file cannot be read: {reason}", {"reason": error})
        yield Problem(file=str(file), field="file", message=message)


def _read_rows(file: Path, rows: csv.DictReader[str]) -> Iterator[Person | Unit | Problem]:
    columns = rows.fieldnames or ()
    needed, made = (("id", "name"), _person) if "id" in columns else (("code", "name", "kind"), _unit)
    if not set(needed) <= set(columns):
        message = Text("the first line has neither id,name,… for people nor code,name,kind,… for units")
        yield Problem(file=str(file), line=1, field="header", message=message)
        return
    for row in rows:
        cells = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        missing = [column for column in needed if not cells[column]]
        yield from (_missing(file, rows.line_num, column) for column in missing)
        if not missing:
            yield made(cells)


def _missing(file: Path, line: int, column: str) -> Problem:
    return Problem(file=str(file), line=line, field=column, message=Text("this must not be empty"))


def _person(cells: Mapping[str, str]) -> Person:
    return Person(
        id=cells["id"],
        name=cells["name"],
        unit=cells.get("unit") or None,
        title=cells.get("title", ""),
        mobile=cells.get("mobile") or None,
        supervisor=cells.get("supervisor") or None,
    )


def _unit(cells: Mapping[str, str]) -> Unit:
    return Unit(code=cells["code"], name=cells["name"], kind=cells["kind"], parent=cells.get("parent") or None)
