"""Reads the lines of a manifest: CSV, TOML, or a workbook."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from provisioner.core.model.quotations import toml_problem
from provisioner.core.model.text import Text
from provisioner.manifest.encoding import decode
from provisioner.manifest.findings import WHOLE_FILE, WHOLE_LINE, Findings
from provisioner.manifest.records import Record, read_table
from provisioner.manifest.shape import Row, Shape, tidy

#: How the names of files end that are read as lists.
ENDINGS = (".csv", ".toml", ".xlsx")

#: A spreadsheet in a Turkish locale separates by semicolons.
DELIMITERS = ",;\t"

#: Excel takes the delimiter from such a first line, and writes it too.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[;,\t]*(?:\r\n|\r|\n)', re.IGNORECASE)

#: A line with its end. A stream of the text would need four bytes for each character.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

#: What a TOML list begins with, after comments. No header of a table begins so.
_TOML_TABLE = re.compile(r"\ufeff?(?:\s*(?:#[^\n]*)?\n)*\s*\[")
#: What a workbook begins with: it is a ZIP archive.
_ARCHIVE = b"PK\x03\x04"


def read_rows(path: Path, shape: Shape, findings: Findings, data: bytes | None = None) -> list[Row]:
    """Return the lines of a file, and note what is wrong with its form.

    Args:

        path: The file. Its extension says what it is.

        shape: The columns.

        findings: Takes what is wrong.

        data: Its content, if it isn't to be read from *path*. What it is shows in the content.

    Raises:

        InputError: It cannot be read at all.
    """
    if data is None:
        return _rows(_read(path, findings), path.suffix.lower(), shape, findings)
    return _rows(data, _suffix_for(data, findings), shape, findings)


def _read(path: Path, findings: Findings) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise findings.stop(None, WHOLE_FILE, Text("it cannot be read: {reason}", {"reason": error.strerror})) from None


def _suffix_for(data: bytes, findings: Findings) -> str:
    """Return the extension that a file with this content would have."""
    if data.startswith(_ARCHIVE):
        return ".xlsx"
    return ".toml" if _TOML_TABLE.match(decode(data, Findings(findings.file))) else ".csv"


def _rows(data: bytes, suffix: str, shape: Shape, findings: Findings) -> list[Row]:
    match suffix:
        case ".xlsx":
            from provisioner.manifest.workbook import read_workbook

            return list(read_table(read_workbook(data, findings), shape, findings))
        case ".toml":
            return list(_toml_rows(decode(data, findings), shape, findings))
        case _:
            return list(read_table(_csv_records(decode(data, findings), findings), shape, findings))


def _csv_records(text: str, findings: Findings) -> Iterator[Record]:
    """Yield each record, with the line it begins in."""
    separator = _SEPARATOR_LINE.match(text)
    if separator:
        text, above, delimiter = text[separator.end() :], 1, separator[1]
    else:
        above, delimiter = 0, max(DELIMITERS, key=text.lstrip().partition("\n")[0].count)
    reader = csv.reader((line[0] for line in _LINE.finditer(text)), delimiter=delimiter, strict=True)
    widest, cells = 0, list[str]()
    while True:
        line = reader.line_num + 1 + above
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            findings.add(line, WHOLE_LINE, Text("it is not valid CSV: {reason}", {"reason": error}))
        else:
            widest = max(widest, len(cells))
            yield Record(line, cells)
    if text and text[-1] not in "\r\n" and len(cells) < widest:
        short = Text("the last line is shorter than others and has no line end; the file may be truncated")
        findings.warn(reader.line_num + above, WHOLE_LINE, short)


def _toml_rows(text: str, shape: Shape, findings: Findings) -> Iterator[Row]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place.group(1)) if place else None
        raise findings.stop(
            line, WHOLE_LINE, Text("it is not valid TOML: {reason}", {"reason": toml_problem(error)})
        ) from None
    for name in content.keys() - {shape.table}:
        findings.add(None, name, Text("there is no such table; write each as [[{table}]]", {"table": shape.table}))
    tables = content.get(shape.table, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise findings.stop(None, shape.table, Text("write each as [[{table}]]", {"table": shape.table}))
    for table, line in zip(tables, _table_lines(text, shape.table, len(tables)), strict=True):
        yield Row(line, _strings(table, line, shape, findings))


def _table_lines(text: str, name: str, count: int) -> list[int | None]:
    """Return where each table begins. It cannot be determined if the tables are written in another way."""
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
            findings.add(line, name, Text("it must be a string; write it in quotes"))
    return values
