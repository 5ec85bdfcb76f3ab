"""Lists of units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from provisioner.core.engine.ports import Records
from provisioner.core.model import Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text
from provisioner.core.model.unit_paths import with_all_above
from provisioner.manifest import cross_checks, keys
from provisioner.manifest.findings import Findings
from provisioner.manifest.manifest import Manifest
from provisioner.manifest.rows import read_rows
from provisioner.manifest.shape import WORD, Column, Form, Row, Shape, sound_rows

KIND = Form(
    re.compile(r"[a-z][a-z_-]*"),
    Text("it must be a lower-case word such as province, district, branch, office or school"),
)

UNITS = Shape(
    table="unit",
    columns=(
        Column(name="code", required=True, form=WORD),
        Column(name="name", required=True, longest=200),
        Column(
            name="kind",
            required=True,
            longest=32,
            form=KIND,
        ),
        Column(name="parent", form=WORD),
        Column(name="login", longest=254, form=keys.rewriting),
        Column(name="custodian", form=WORD),
    ),
)


def read_units(path: Path, naming: Naming, records: Records, *, data: bytes | None = None) -> Manifest[Unit]:
    """Return the units in a file. They may hang below one another, and below units that are known.

    Args:

        path: A CSV file, or a TOML file or an Excel workbook (.xlsx) if its name ends so.

        naming: Knows a login of ours.

        records: The stored data.

        data: The content of the file, if it isn't to be read from *path*. What it is shows in the content.

    Raises:

        InputError: Something in it is wrong; every problem is named, with its line and column.
    """
    findings = Findings(str(path))
    all_rows = read_rows(path, UNITS, findings, data)
    rows = sound_rows(all_rows, UNITS, findings)
    logins = _logins(rows, naming, findings)
    _check_known_logins(rows, logins, records, findings)
    _check_tree(rows, {row.values["code"] for row in all_rows}, records, findings)
    _look_for_doubts(rows, records, findings)
    findings.check()
    units = [
        Unit(
            code=row.values["code"],
            name=row.values["name"],
            kind=row.values["kind"],
            parent=row.values["parent"] or None,
            login=logins.get(row.values["code"]),
            custodian=row.values["custodian"] or None,
        )
        for row in rows
    ]
    return Manifest(
        file=findings.file,
        items=units,
        lines={row.values["code"]: row.line for row in rows},
        warnings=findings.warnings,
    )


def _look_for_doubts(rows: Sequence[Row], records: Records, findings: Findings) -> None:
    """Warn of what may be right and looks as if a spreadsheet had changed it."""
    cross_checks.warn_of_lost_zeros(rows, ("code", "parent", "custodian"), findings)
    cross_checks.warn_of_same_but_zeros(rows, "code", records.units.get_many, findings)
    cross_checks.warn_of_gaps(rows, "parent", findings)
    known = records.persons.get_many({row.values["custodian"] for row in rows} - {""})
    if known:  # otherwise a personnel system knows them, or persons are imported later
        cross_checks.warn_of_unknown(rows, "custodian", known, cross_checks.no_person, findings)


def _logins(rows: Iterable[Row], naming: Naming, findings: Findings) -> dict[str, str]:
    """Return the login of each unit that has one, by the unit's code."""
    logins: dict[str, str] = {}
    first_lines: dict[str, int | None] = {}
    for row in rows:
        given = row.values["login"]
        if not given:
            continue
        try:
            login = naming.login(given)
        except ValueError:
            findings.add(row.line, "login", Text("{login} is not a valid login", {"login": given}))
            continue
        if login in first_lines:
            where = {"value": login, "line": first_lines[login]}
            findings.add(row.line, "login", Text("{value} is also in line {line}", where))
        first_lines.setdefault(login, row.line)
        logins[row.values["code"]] = login
    return logins


def _check_known_logins(rows: Iterable[Row], logins: Mapping[str, str], records: Records, findings: Findings) -> None:
    """Check that no account would be renamed, and none taken from another unit."""
    mine = records.accounts.of_units(logins)
    others = records.accounts.get_many(logins.values())
    for row in rows:
        code = row.values["code"]
        login = logins.get(code)
        if login and code in mine and mine[code].login != login:
            known = {"login": mine[code].login}
            findings.add(row.line, "login", Text("the unit has the account {login}, which cannot be renamed", known))
        elif login and login in others and others[login].unit != code:
            taken = {"login": login, "unit": others[login].unit}
            findings.add(row.line, "login", Text("{login} is the account of unit {unit}", taken))


def _check_tree(rows: Sequence[Row], in_file: set[str], records: Records, findings: Findings) -> None:
    """Check that every parent is there, and that nothing is above itself.

    Units that are only known may hang below units of the file, so those above are followed up to the top.
    """
    parents = {row.values["code"]: row.values["parent"] for row in rows}
    above = with_all_above(set(parents.values()) - {""}, records.units, apart_from=in_file)
    known = {code: unit.parent or "" for code, unit in above.items() if not unit.removed_at}
    for row in rows:
        parent = row.values["parent"]
        if parent and parent not in in_file and parent not in known:
            findings.add(row.line, "parent", Text("there is no unit {parent}", {"parent": parent}))
    looping = _looping({**known, **parents})
    for row in rows:
        if row.values["code"] in looping:
            findings.add(row.line, "parent", Text("the unit would be above itself"))


def _looping(parents: Mapping[str, str]) -> set[str]:
    """Return the codes that are above themselves."""
    looping: set[str] = set()
    seen: set[str] = set()
    for start in parents:
        branch: dict[str, None] = {}
        code = start
        while code in parents and code not in seen:
            seen.add(code)
            branch[code] = None
            code = parents[code]
        if code in branch:
            way = list(branch)
            looping |= set(way[way.index(code) :])
    return looping
