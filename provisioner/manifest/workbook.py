"""Reads the table of an Excel workbook (.xlsx).

Excel stores whole numbers as numbers, so ``754321`` in a cell is ``754321``, and zeros in front are kept where the
cell's format shows them. A date, a logical value, an error or a formula without a stored value is refused: what was
typed there is lost. Hidden rows and columns count like others; hidden sheets do not. If several visible sheets have
data, the list is refused, because any of them could be meant.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from provisioner.core.api.errors import InputError
from provisioner.core.model.text import Text
from provisioner.manifest.findings import WHOLE_FILE, WHOLE_LINE, Findings
from provisioner.manifest.records import Record

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

#: How large a workbook may be, unpacked; a small file can unpack to any size. A list of 100,000 lines fits.
LARGEST = 100 * 1024 * 1024
#: In how many columns a list is looked for.
WIDEST = 100

#: The format that shows a number with zeros in front: ``000000``.
_PADDED = re.compile(r"0{2,}")
_LARGEST_WHOLE = 10**15

_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")


def read_workbook(data: bytes, findings: Findings) -> list[Record]:
    """Return the lines of the one visible sheet that has data, without blank ones.

    Raises:

        InputError: It is no workbook, is too large, or several sheets have data.
    """
    sheets = _sheet_parts(data, findings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about features that no list needs
            return _read(data, sheets, findings)
    except InputError:
        raise
    except Exception:  # a damaged part makes the library raise anything
        raise findings.stop(None, WHOLE_FILE, _NO_WORKBOOK) from None


def _read(data: bytes, sheets: Sequence[bytes], findings: Findings) -> list[Record]:
    values = _load(data, data_only=True)
    name = _only_sheet(values, findings)
    formulas = _load(data, data_only=False) if any(b"<f" in sheet for sheet in sheets) else None
    if any(b"mergeCell" in sheet for sheet in sheets):
        _warn_of_merged_cells(data, name, findings)
    return list(_records(values, formulas, name))


_NOT_COMPUTED = Text("it is a formula without a stored value; open and save the workbook once")
_NO_WORKBOOK = Text("the workbook cannot be read; save it as .xlsx, without a password")


def _sheet_parts(data: bytes, findings: Findings) -> list[bytes]:
    """Return the sheets as they are stored, after a look at the size of all there is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                large = Text("the workbook is too large; save the list as CSV in UTF-8")
                raise findings.stop(None, WHOLE_FILE, large)
            return [archive.read(name) for name in archive.namelist() if _SHEETS.fullmatch(name)]
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise findings.stop(None, WHOLE_FILE, _NO_WORKBOOK) from None


def _load(data: bytes, *, data_only: bool, read_only: bool = True) -> Workbook:
    from openpyxl import load_workbook

    return load_workbook(io.BytesIO(data), read_only=read_only, data_only=data_only, keep_links=False)


def _only_sheet(workbook: Workbook, findings: Findings) -> str:
    """Return the name of the one visible sheet that has data."""
    names = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible" and _has_data(sheet)]
    if not names:
        raise findings.stop(None, WHOLE_FILE, Text("the file is empty"))
    if len(names) > 1:
        several = Text(
            "several sheets have data: {names}; keep only the sheet with the list", {"names": ", ".join(names)}
        )
        raise findings.stop(None, WHOLE_FILE, several)
    return str(names[0])


def _has_data(sheet: Any) -> bool:
    sheet.reset_dimensions()  # what a file says of its own size need not be true
    return any(row.count(None) < len(row) for row in sheet.iter_rows(max_col=WIDEST, values_only=True))


def _records(workbook: Workbook, formulas: Workbook | None, name: str) -> Iterator[Record]:
    rows = workbook[name].iter_rows(max_col=WIDEST)
    former: tuple[object, object] = (), ()
    for line, (row, written) in enumerate(zip_longest(rows, _rows_of(formulas, name), fillvalue=()), start=1):
        if row is former[0] and written is former[1]:  # the one object for all rows that the file doesn't have
            continue
        former = row, written
        filled = {place: cell for place, cell in enumerate(row) if cell.value is not None}
        wrong = {place: message for place, cell in filled.items() if (message := _objection(cell))}
        wrong |= {
            place: _NOT_COMPUTED for place, cell in enumerate(written) if cell.data_type == "f" and place not in filled
        }
        if filled or wrong:
            cells = [_text(cell) for cell in row[: max(filled, default=-1) + 1]]
            yield Record(line, cells, wrong, [place for place in filled if row[place].data_type == "n"])


def _rows_of(workbook: Workbook | None, name: str) -> Iterator[Any]:
    if workbook is None:
        return iter(())
    sheet: Any = workbook[name]
    sheet.reset_dimensions()
    return iter(sheet.iter_rows(max_col=WIDEST))


def _text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _PADDED.fullmatch(cell.number_format):
        return str(value).zfill(len(cell.number_format))
    return "" if value is None else str(value)


def _objection(cell: Any) -> Text | None:
    match cell.value:
        case bool():
            return Text("it is a logical value; format the column as text and enter the value again")
        case dt.date() | dt.time() | dt.timedelta():
            return Text("a spreadsheet changed it into a date; format the column as text and enter the value again")
    if cell.data_type == "e":
        return Text("it is an error value of a spreadsheet")
    return None


def _warn_of_merged_cells(data: bytes, name: str, findings: Findings) -> None:
    """Warn of each range of merged cells: only the first of them has the value."""
    sheet: Any = _load(data, data_only=True, read_only=False)[name]
    for cells in sheet.merged_cells.ranges:
        merged = Text("the cells {cells} are merged, and only the first of them has a value", {"cells": cells.coord})
        findings.warn(cells.min_row, WHOLE_LINE, merged)
