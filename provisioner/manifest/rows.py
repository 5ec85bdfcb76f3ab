"""Reads the lines of a manifest, CSV or TOML."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from provisioner.core.text import Text
from provisioner.manifest.encoding import decode
from provisioner.manifest.findings import WHOLE_FILE, WHOLE_LINE, Findings
from provisioner.manifest.shape import Row, Shape, tidy

#: A spreadsheet in a Turkish locale separates by semicolons.
DELIMITERS = ",;\t"


def read_rows(path: Path, shape: Shape, findings: Findings) -> list[Row]:
    """Return the lines of a file, and note what is wrong with its form.

    Raises:

        InputError: It cannot be read at all.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise findings.stop(None, WHOLE_FILE, Text("it cannot be read: {reason}", {"reason": error.strerror})) from None
    text = decode(data, findings)
    read = _toml_rows if path.suffix.lower() == ".toml" else _csv_rows
    return list(read(text, shape, findings))


def _csv_rows(text: str, shape: Shape, findings: Findings) -> Iterator[Row]:
    records = _records(text, findings)
    line, header = next(records, (1, []))
    names = _columns(header, line, shape, findings)
    for line, cells in records:
        if len(cells) == len(header):
            given = dict(zip(names, map(tidy, cells), strict=True))
            yield Row(line, {name: given.get(name, "") for name in shape.names})
        else:
            counts = {"found": len(cells), "expected": len(header)}
            findings.add(line, WHOLE_LINE, Text("it has {found} fields, and the header {expected}", counts))


def _records(text: str, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the line it begins in."""
    head = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.add(line, WHOLE_LINE, Text("it is no CSV: {reason}", {"reason": error}))
        else:
            if any(map(str.strip, cells)):
                yield line, cells


def _columns(header: list[str], line: int, shape: Shape, findings: Findings) -> list[str]:
    """Return the names in the header.

    Raises:

        InputError: They are not those of such a file.
    """
    names = [tidy(name).lower() for name in header]
    known = {"known": ",".join(shape.names)}
    for name in dict.fromkeys(names):
        if name not in shape.names:
            findings.add(line, name or WHOLE_LINE, Text("there is no such column; the columns are {known}", known))
        elif names.count(name) > 1:
            findings.add(line, name, Text("the column is there twice"))
    for column in shape.columns:
        if column.required and column.name not in names:
            findings.add(line, column.name, Text("the column is missing"))
    findings.check()
    return names


def _toml_rows(text: str, shape: Shape, findings: Findings) -> Iterator[Row]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place.group(1)) if place else None
        raise findings.stop(line, WHOLE_LINE, Text("it is no TOML: {reason}", {"reason": error})) from None
    for name in content.keys() - {shape.table}:
        findings.add(None, name, Text("there is no such table; write each as [[{table}]]", {"table": shape.table}))
    tables = content.get(shape.table, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise findings.stop(None, shape.table, Text("write each as [[{table}]]", {"table": shape.table}))
    for table, line in zip(tables, _table_lines(text, shape.table, len(tables)), strict=True):
        yield Row(line, _strings(table, line, shape, findings))


def _table_lines(text: str, name: str, count: int) -> list[int | None]:
    """Return where each table begins. It cannot be told if the tables are written in another way."""
    header = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
    lines: list[int | None] = [number for number, line in enumerate(text.splitlines(), start=1) if header.match(line)]
    return lines if len(lines) == count else [None] * count


def _strings(table: dict[str, object], line: int | None, shape: Shape, findings: Findings) -> dict[str, str]:
    for name in table.keys() - set(shape.names):
        known = {"known": ", ".join(shape.names)}
        findings.add(line, name, Text("there is no such key; the keys are {known}", known))
    values = dict.fromkeys(shape.names, "")
    for name in table.keys() & values.keys():
        values[name] = tidy(str(table[name]))
        if not isinstance(table[name], str):
            findings.add(line, name, Text("it is no string; write it in quotes"))
    return values
