"""Lists of staff."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from provisioner.core.engine.ports import PersonRecords
from provisioner.core.model import Person, mobile
from provisioner.core.model.text import Text
from provisioner.core.model.unit_paths import UnitLookup
from provisioner.manifest import cross_checks
from provisioner.manifest.findings import Findings
from provisioner.manifest.manifest import Manifest
from provisioner.manifest.rows import read_rows
from provisioner.manifest.shape import WORD, Column, Row, Shape, sound_rows

PERSONS = Shape(
    table="person",
    columns=(
        Column(name="id", required=True, form=WORD),
        Column(name="name", required=True, longest=200),
        Column(name="unit", form=WORD),
        Column(name="title", longest=200),
        Column(name="mobile", longest=32, form=mobile.objection),
        Column(name="supervisor", form=WORD),
        Column(name="other_mobile", longest=32, form=mobile.objection),
    ),
)


class KnownUnits(UnitLookup, Protocol):
    """What is known of units."""

    def exist(self) -> bool:
        """Whether there is any unit."""


class KnownPeople(Protocol):
    """What is known of units and persons."""

    @property
    def units(self) -> KnownUnits:
        """The units."""

    @property
    def persons(self) -> PersonRecords:
        """The persons."""


def read_persons(path: Path, records: KnownPeople | None = None) -> Manifest[Person]:
    """Return the staff in a file.

    Whether the phone of a number can be reached is found out when something is to be sent to it.

    Args:

        path: A CSV file, or a TOML file or an Excel workbook (.xlsx) if its name ends so.

        records: What is known; without it, nothing is compared with it.

    Raises:

        InputError: Something in it is wrong; every problem is named, with its line and column.
    """
    findings = Findings(str(path))
    all_rows = read_rows(path, PERSONS, findings)
    rows = sound_rows(all_rows, PERSONS, findings)
    for row in rows:
        if row.values["supervisor"] == row.values["id"]:
            findings.add(row.line, "supervisor", Text("nobody is their own supervisor"))
    cross_checks.warn_of_lost_zeros(rows, ("id", "unit", "supervisor"), findings)
    for column in ("mobile", "other_mobile"):
        cross_checks.warn_of_shared_numbers(rows, "id", column, findings)
    if records:
        _compare(rows, {row.values["id"] for row in all_rows}, records, findings)
    findings.check()
    persons = [
        Person(
            id=row.values["id"],
            name=row.values["name"],
            unit=row.values["unit"] or None,
            title=row.values["title"],
            mobile=row.values["mobile"] or None,
            supervisor=row.values["supervisor"] or None,
            other_mobile=row.values["other_mobile"] or None,
        )
        for row in rows
    ]
    return Manifest(
        file=findings.file,
        items=persons,
        lines={row.values["id"]: row.line for row in rows},
        warnings=findings.warnings,
    )


def _compare(rows: Sequence[Row], in_file: Iterable[str], records: KnownPeople, findings: Findings) -> None:
    """Warn of what refers to nothing that is known. A list may be a part of the staff, so it is not refused."""
    cross_checks.warn_of_same_but_zeros(rows, "id", records.persons.get_many, findings)
    supervisors = {row.values["supervisor"] for row in rows} - {""}
    known = [*records.persons.get_many(supervisors), *in_file]
    cross_checks.warn_of_unknown(rows, "supervisor", known, cross_checks.no_person, findings)
    if records.units.exist():
        units = records.units.get_many({row.values["unit"] for row in rows} - {""})
        cross_checks.warn_of_unknown(rows, "unit", units, cross_checks.no_unit, findings)
