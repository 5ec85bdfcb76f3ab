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
from provisioner.manifest.rows import staged_rows
from provisioner.manifest.shape import WORD, Column, Shape
from provisioner.manifest.staged import StagedItems, StagedLines, StagedRows

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

        StoreError: The folder for temporary files can't be written to.
    """
    findings = Findings(str(path))
    rows = staged_rows(path, PERSONS, findings)
    for line, _ in rows.values("id", where="supervisor = id"):
        findings.add(line, "supervisor", Text("nobody is their own supervisor"))
    cross_checks.warn_of_lost_zeros(rows, ("id", "unit", "supervisor"), findings)
    for column in ("mobile", "other_mobile"):
        cross_checks.warn_of_shared_numbers(rows, column, findings)
    if records:
        _compare(rows, records, findings)
    findings.check()
    return Manifest(
        file=findings.file,
        items=StagedItems(rows, PERSONS.names, _person),
        lines=StagedLines(rows),
        warnings=findings.warnings,
        may_be_truncated=findings.may_be_truncated,
    )


def _person(values: Sequence[str]) -> Person:
    id_, name, unit, title, mobile, supervisor, other_mobile = values
    return Person(
        id=id_,
        name=name,
        unit=unit or None,
        title=title,
        mobile=mobile or None,
        supervisor=supervisor or None,
        other_mobile=other_mobile or None,
    )


def _compare(rows: StagedRows, records: KnownPeople, findings: Findings) -> None:
    """Warn of what refers to nothing that is known. A list may be a part of the staff, so it is not refused."""

    def known_persons(ids: Iterable[str]) -> Iterable[str]:
        wanted = list(ids)
        return {*records.persons.get_many(wanted), *rows.keys_among(wanted)}

    cross_checks.warn_of_same_but_zeros(rows, records.persons.get_many, findings)
    cross_checks.warn_of_unknown(rows, "supervisor", known_persons, cross_checks.no_person, findings)
    if records.units.exist():
        cross_checks.warn_of_unknown(rows, "unit", records.units.get_many, cross_checks.no_unit, findings)
