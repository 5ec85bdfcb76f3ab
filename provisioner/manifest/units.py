"""Lists of units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from provisioner.core.engine.ports import Records
from provisioner.core.model import Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text
from provisioner.core.model.unit_paths import with_all_above
from provisioner.manifest import cross_checks, keys
from provisioner.manifest.findings import Findings
from provisioner.manifest.manifest import Manifest
from provisioner.manifest.rows import staged_rows
from provisioner.manifest.shape import WORD, Column, Form, Shape
from provisioner.manifest.staged import StagedRows

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

        StoreError: The folder for temporary files can't be written to.
    """
    findings = Findings(str(path))
    rows = staged_rows(path, UNITS, findings, data)
    logins = _logins(rows, naming, findings)
    _check_known_logins(rows, logins, records, findings)
    _check_tree(rows, records, findings)
    _look_for_doubts(rows, records, findings)
    findings.check()
    units, lines = list[Unit](), dict[str, int | None]()
    for line, code, name, kind, parent, custodian in rows.values("code", "name", "kind", "parent", "custodian"):
        login = logins.get(code)
        unit = Unit(code=code, name=name, kind=kind, parent=parent or None, login=login, custodian=custodian or None)
        units.append(unit)
        lines[code] = line
    return Manifest(
        file=findings.file,
        items=units,
        lines=lines,
        warnings=findings.warnings,
        may_be_truncated=findings.may_be_truncated,
    )


def _look_for_doubts(rows: StagedRows, records: Records, findings: Findings) -> None:
    """Warn of what may be right and looks as if a spreadsheet had changed it."""
    cross_checks.warn_of_lost_zeros(rows, ("code", "parent", "custodian"), findings)
    cross_checks.warn_of_same_but_zeros(rows, records.units.get_many, findings)
    cross_checks.warn_of_gaps(rows, "parent", findings)
    known = set(records.persons.get_many({custodian for custodian, _ in rows.first_lines("custodian")}))
    if known:  # otherwise a personnel system knows them, or persons are imported later
        cross_checks.warn_of_unknown(rows, "custodian", known.intersection, cross_checks.no_person, findings)


def _logins(rows: StagedRows, naming: Naming, findings: Findings) -> dict[str, str]:
    """Return the login of each unit that has one, by the unit's code."""
    logins: dict[str, str] = {}
    first_lines: dict[str, int | None] = {}
    for line, code, given in rows.values("code", "login", where="login <> ''"):
        try:
            login = naming.login(given)
        except ValueError:
            findings.add(line, "login", Text("{login} is not a valid login", {"login": given}))
            continue
        if login in first_lines:
            where = {"value": login, "line": first_lines[login]}
            findings.add(line, "login", Text("{value} is also in line {line}", where))
        first_lines.setdefault(login, line)
        logins[code] = login
    return logins


def _check_known_logins(rows: StagedRows, logins: Mapping[str, str], records: Records, findings: Findings) -> None:
    """Check that no account would be renamed, and none taken from another unit."""
    mine = records.accounts.of_units(logins)
    others = records.accounts.get_many(logins.values())
    for line, code in rows.values("code", where="login <> ''"):
        login = logins.get(code)
        if login and code in mine and mine[code].login != login:
            known = {"login": mine[code].login}
            findings.add(line, "login", Text("the unit has the account {login}, which cannot be renamed", known))
        elif login and login in others and others[login].unit != code:
            taken = {"login": login, "unit": others[login].unit}
            findings.add(line, "login", Text("{login} is the account of unit {unit}", taken))


def _check_tree(rows: StagedRows, records: Records, findings: Findings) -> None:
    """Check that every parent is there, and that nothing is above itself.

    Units that are only known may hang below units of the file, so those above are followed up to the top.
    """
    in_file = set(rows.keys())
    parents = {code: parent for _, code, parent in rows.values("code", "parent")}
    above = with_all_above(set(parents.values()) - {""}, records.units, apart_from=in_file)
    known = {code: unit.parent or "" for code, unit in above.items() if not unit.removed_at}
    for line, parent in rows.values("parent"):
        if parent and parent not in in_file and parent not in known:
            findings.add(line, "parent", Text("there is no unit {parent}", {"parent": parent}))
    looping = _looping({**known, **parents})
    for line, code in rows.values("code"):
        if code in looping:
            findings.add(line, "parent", Text("the unit would be above itself"))


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
