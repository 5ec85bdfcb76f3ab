"""Tables as CSV files and workbooks have them: lines of cells below a header."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from provisioner.core.model.text import Text
from provisioner.manifest.findings import WHOLE_LINE, Findings
from provisioner.manifest.shape import Row, Shape, tidy

#: Capitals as a Turkish keyboard writes them: the header ``İD`` is ``id``, and so is ``ıd``.
_DOTLESS = str.maketrans({"İ": "i", "ı": "i"})


_NONE: frozenset[str] = frozenset()


@attrs.frozen
class Record:
    """One line of a table."""

    #: Where it begins, counted from 1.
    line: int
    cells: Sequence[str]
    #: Why a cell cannot be used, by its place in the line.
    wrong: Mapping[int, Text] = attrs.field(factory=dict)
    #: The places of the cells that hold numbers and no text.
    numbers: Collection[int] = ()


def read_table(records: Iterable[Record], shape: Shape, findings: Findings) -> Iterator[Row]:
    """Yield the lines below the header, and note what is wrong with their form.

    Blank lines are left out, and so are blank cells at the end of a line, however many a spreadsheet has written.

    Raises:

        InputError: The header is not that of such a list.
    """
    lines = iter(records)
    header = next((record for record in lines if any(map(str.strip, record.cells))), Record(1, ()))
    names, blank = _columns(header, shape, findings), dict.fromkeys(shape.names, "")
    for record in lines:
        cells = [tidy(cell) if cell else "" for cell in record.cells]
        if not any(cells) and not record.wrong:
            continue
        if any(cells[len(names) :]):
            _note_surplus(_without_blank_end(cells), header, record.line, findings)
        for place, message in record.wrong.items():
            findings.add(record.line, names[place] if place < len(names) else WHOLE_LINE, message)
        values = blank | dict(zip(names, cells, strict=False))
        numbers = frozenset(names[place] for place in record.numbers if place < len(names)) if record.numbers else _NONE
        yield Row(record.line, values, numbers)


def _columns(header: Record, shape: Shape, findings: Findings) -> list[str]:
    """Return the names in the header.

    Raises:

        InputError: They are not those of such a file.
    """
    names = [tidy(cell).translate(_DOTLESS).lower() for cell in _without_blank_end(header.cells)]
    known = {"known": ",".join(shape.names)}
    for name in dict.fromkeys(names):
        if name not in shape.names:
            message = Text("there is no such column; the columns are {known}", known)
            findings.add(header.line, name or WHOLE_LINE, message)
        elif names.count(name) > 1:
            findings.add(header.line, name, Text("the column occurs twice"))
    for column in shape.columns:
        if column.required and column.name not in names:
            findings.add(header.line, column.name, Text("the column is missing"))
    findings.check()
    return names


def _note_surplus(given: Sequence[str], header: Record, line: int, findings: Findings) -> None:
    """Note a value behind the last column that has a name."""
    if len(given) <= len(header.cells):
        if not findings.has(header.line, WHOLE_LINE):
            findings.add(header.line, WHOLE_LINE, Text("a column with values has no name"))
        return
    surplus = Text.counted(
        "it has {count} field, and the header {expected}",
        "it has {count} fields, and the header {expected}",
        count=len(given),
        expected=len(_without_blank_end(header.cells)),
    )
    findings.add(line, WHOLE_LINE, surplus)


def _without_blank_end(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
