"""Reads the lines of a manifest: CSV, TOML, or a workbook."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from provisioner.core.model.quotations import toml_problem
from provisioner.core.model.text import Text
from provisioner.manifest.encoding import decode, encoding_of
from provisioner.manifest.findings import WHOLE_FILE, WHOLE_LINE, Findings
from provisioner.manifest.records import Record, read_table
from provisioner.manifest.shape import Row, Shape, is_sound, tidy
from provisioner.manifest.staged import StagedRows

#: How the names of files end that are read as lists.
ENDINGS = (".csv", ".toml", ".xlsx")

#: A spreadsheet in a Turkish locale separates by semicolons.
DELIMITERS = ",;\t"

#: Excel takes the delimiter from such a first line, and writes it too.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[;,\t]*(?:\r\n|\r|\n)', re.IGNORECASE)

#: What a TOML list begins with, after comments. No header of a table begins so. Each line before it can match in one
#: way only: the time would otherwise double with each blank line.
_TOML_TABLE = re.compile(r"\ufeff?(?:[^\S\n]*(?:#[^\n]*)?\n)*[^\S\n]*\[")
#: What a workbook begins with: it is a ZIP archive.
_ARCHIVE = b"PK\x03\x04"

#: How many octets of a copy are kept in memory.
_IN_MEMORY = 256 * 1024


def staged_rows(path: Path, shape: Shape, findings: Findings, data: bytes | None = None) -> StagedRows:
    """Return the lines of a file, and note what is wrong with each by itself, and which keys are repeated.

    A CSV file is read line by line, so it may have any length. A TOML file or a workbook is read at once.

    Args:

        path: The file. Its extension says what it is.

        shape: The columns.

        findings: Takes what is wrong.

        data: Its content, if it isn't to be read from *path*. What it is shows in the content.

    Raises:

        InputError: It cannot be read at all.

        StoreError: The folder for temporary files can't be written to.
    """
    rows = StagedRows(shape, ((row, is_sound(row, shape, findings)) for row in _read_rows(path, shape, findings, data)))
    for repeated in rows.exclude_repeated_keys():
        values = {"value": repeated.value, "line": repeated.first_line}
        findings.add(repeated.line, rows.key, Text("{value} is also in line {line}", values))
    return rows


def _read_rows(path: Path, shape: Shape, findings: Findings, data: bytes | None) -> Iterator[Row]:
    if data is None:
        with _copy(path, findings) as file:
            yield from _rows(file, path.suffix.lower(), shape, findings)
    else:
        yield from _rows(io.BytesIO(data), _suffix_for(data, findings), shape, findings)


def _copy(path: Path, findings: Findings) -> IO[bytes]:
    """Return a private copy of a file: it is read several times, and a pipe can't be, and others may change it."""
    copy = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by the reader
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, copy)
    except OSError as error:
        copy.close()
        raise findings.stop(None, WHOLE_FILE, Text("it cannot be read: {reason}", {"reason": error.strerror})) from None
    copy.seek(0)
    return copy


def _suffix_for(data: bytes, findings: Findings) -> str:
    """Return the extension that a file with this content would have."""
    if data.startswith(_ARCHIVE):
        return ".xlsx"
    return ".toml" if _TOML_TABLE.match(decode(data, Findings(findings.file))) else ".csv"


def _rows(file: IO[bytes], suffix: str, shape: Shape, findings: Findings) -> Iterator[Row]:
    match suffix:
        case ".xlsx":
            from provisioner.manifest.workbook import read_workbook

            return read_table(read_workbook(file.read(), findings), shape, findings)
        case ".toml":
            return _toml_rows(decode(file.read(), findings), shape, findings)
        case _:
            encoding = encoding_of(file, findings)
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, newline="")
            return read_table(_csv_records(text, findings), shape, findings)


def _csv_records(text: Iterator[str], findings: Findings) -> Iterator[Record]:
    """Yield each record, with the line it begins in.

    Args:

        text: The lines, with their ends.

        findings: Takes what is wrong.
    """
    beginning = [next(text, "")]
    separator = _SEPARATOR_LINE.fullmatch(beginning[0])
    if separator:
        above, delimiter, beginning = 1, separator[1], []
    else:
        beginning += _until_filled(text) if not beginning[0].strip() else ()
        above, delimiter = 0, max(DELIMITERS, key=beginning[-1].lstrip().count)
    last = ""

    def lines() -> Iterator[str]:
        nonlocal last
        for line in chain(beginning, text):
            last = line
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
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
    if last and last[-1] not in "\r\n" and len(cells) < widest:
        short = Text("the last line is shorter than others and has no line end; the file may be truncated")
        findings.warn(reader.line_num + above, WHOLE_LINE, short)
        findings.may_be_truncated = True


def _until_filled(text: Iterator[str]) -> Iterator[str]:
    """Yield lines up to the first one that isn't blank."""
    for line in text:
        yield line
        if line.strip():
            return


def _toml_rows(text: str, shape: Shape, findings: Findings) -> Iterator[Row]:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also for an integer of thousands of digits, or as many brackets
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
    lines: list[int | None] = [number for number, line in enumerate(text.split("\n"), start=1) if header.match(line)]
    return lines if len(lines) == count else [None] * count


def _strings(table: dict[str, object], line: int | None, shape: Shape, findings: Findings) -> dict[str, str]:
    for name in table.keys() - set(shape.names):
        known = {"known": ", ".join(shape.names)}
        findings.add(line, name, Text("there is no such key; the keys are {known}", known))
    values = dict.fromkeys(shape.names, "")
    for name in table.keys() & values.keys():
        with suppress(ValueError):  # an integer of thousands of digits
            values[name] = tidy(str(table[name]))
        if not isinstance(table[name], str):
            findings.add(line, name, Text("it must be a string; write it in quotes"))
    return values
