"""Lists of staff."""

from __future__ import annotations

from pathlib import Path

from provisioner.core import mobile
from provisioner.core.model import Person
from provisioner.core.text import Text
from provisioner.manifest.findings import Findings
from provisioner.manifest.manifest import Manifest
from provisioner.manifest.rows import read_rows
from provisioner.manifest.shape import WORD, Column, Shape, sound_rows

PERSONS = Shape(
    table="person",
    columns=(
        Column(name="id", required=True, form=WORD),
        Column(name="name", required=True, longest=200),
        Column(name="unit", form=WORD),
        Column(name="title", longest=200),
        Column(name="mobile", longest=32, form=mobile.objection),
        Column(name="supervisor", form=WORD),
    ),
)


def read_persons(path: Path) -> Manifest[Person]:
    """Return the staff in a file.

    Whether the phone of a number can be reached is found out when something is to be sent to it.

    Raises:

        InputError: Something in it is wrong; every problem is named, with its line and column.
    """
    findings = Findings(str(path))
    rows = sound_rows(read_rows(path, PERSONS, findings), PERSONS, findings)
    for row in rows:
        if row.values["supervisor"] == row.values["id"]:
            findings.add(row.line, "supervisor", Text("nobody is their own supervisor"))
    findings.check()
    persons = [
        Person(
            id=row.values["id"],
            name=row.values["name"],
            unit=row.values["unit"] or None,
            title=row.values["title"],
            mobile=row.values["mobile"] or None,
            supervisor=row.values["supervisor"] or None,
        )
        for row in rows
    ]
    return Manifest(file=findings.file, items=persons, lines={row.values["id"]: row.line for row in rows})
