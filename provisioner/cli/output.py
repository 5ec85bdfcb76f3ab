"""Where answers go: people read lines and tables, scripts read one JSON document, and both find errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from provisioner.cli.streams import indifferent
from provisioner.core.model.text import Lines, Text, printable_json, visible
from provisioner.phrasing import Phrasing

if TYPE_CHECKING:
    from provisioner.catalogue import Catalogue
    from provisioner.core.api.errors import Problem

ItemT = TypeVar("ItemT")

#: How many rows of a long table are read before the first is printed; they decide how wide its columns are.
PAGE = 500

#: How many warnings about one list people are shown.
SHOWN_WARNINGS = 50


class Output:
    """The two ways to answer. Each command uses both, and the one that is not asked for says nothing.

    Args:

        is_json: Says whether scripts read the answer.

        catalogue: Returns the messages in the language that is asked for.

        time: Returns a time as people write it where they are.
    """

    def __init__(
        self,
        *,
        is_json: Callable[[], bool],
        catalogue: Callable[[], Catalogue],
        time: Callable[[datetime], str],
    ) -> None:
        self._is_json = is_json
        self._catalogue = catalogue
        self._time = time
        #: Whether the JSON document was printed, or its beginning was.
        self.answered = False
        self._warnings: list[dict[str, object]] = []

    @property
    def is_json(self) -> bool:
        """Whether scripts read the answer. What only they read needn't be made otherwise."""
        return self._is_json()

    def document(self, content: object, long: Mapping[str, Iterable[str]] = MappingProxyType({})) -> None:
        """Print the JSON document, in JSON mode. There is never more than one.

        Warnings about a list that was read are in it.

        Args:

            content: The document.

            long: Further lists of the document, by name. Their items are JSON already, and are printed one by one.
        """
        if self._is_json() and not self.answered:
            self.answered = True
            if self._warnings and isinstance(content, dict):
                content = {**content, "warnings": self._warnings}
            text = _json(content)
            for name, items in long.items():
                _write(f"{text[:-1]}, {_json(name)}: [".encode(), sys.stdout, nl=False)
                before = ""
                for item in items:
                    _write(f"{before}{item}".encode(), sys.stdout, nl=False)
                    before = ", "
                text = "]}"
            _write(text.encode(), sys.stdout)

    def json(self, content: object) -> str:
        """Return JSON as :meth:`document` prints it."""
        return _json(content)

    def json_line(self, content: object) -> None:
        """Print one document of several, each in a line of its own, when it is known. No other document follows."""
        self.answered = True
        _write(_json(content).encode(), sys.stdout)

    def say(self, template: str | Text, /, **values: object) -> None:
        """Print a line for people, on stdout: a template and its values, or a message."""
        self.lines(self.text(template, **values))

    def line(self, text: str) -> None:
        """Print one line for people that needs no translation. A line feed in it is shown, and ends no line."""
        self.lines(visible(text))

    def lines(self, text: str) -> None:
        """Print text for people that needs no translation; the line feeds in it are the product's own."""
        if not self._is_json():
            _write(Lines.of(text.split("\n")), sys.stdout)

    def note(self, template: str | Text, /, **values: object) -> None:
        """Print a line on stderr, in both ways."""
        self.error_lines(self.text(template, **values))

    def error_line(self, text: str) -> None:
        """Print one line on stderr that needs no translation. A line feed in it is shown, and ends no line."""
        self.error_lines(visible(text))

    def error_lines(self, text: str) -> None:
        """Print text on stderr that needs no translation; the line feeds in it are the product's own."""
        _write(Lines.of(text.split("\n")), sys.stderr)

    def warn(self, warnings: Sequence[Problem]) -> None:
        """Say what looks wrong in a list that is read all the same: on stderr, or in the JSON document."""
        self._warnings = [
            {"file": warning.file, "line": warning.line, "field": warning.field, "message": self.said(warning.message)}
            for warning in warnings
        ]
        if self._is_json():
            return
        for warning in warnings[:SHOWN_WARNINGS]:
            place = ":".join(str(part) for part in (warning.file, warning.line, warning.field) if part is not None)
            self.note("warning: {place}: {message}", place=place, message=self.said(warning.message))
        if len(warnings) > SHOWN_WARNINGS:
            more = len(warnings) - SHOWN_WARNINGS
            self.note(
                Text.counted(
                    "{count} more warning; --json has all", "{count} more warnings; --json has all", count=more
                )
            )

    def text(self, template: str | Text, /, **values: object) -> str:
        """Return a sentence in the language asked for. What the values hold is made visible."""
        return self.phrasing.text(template, **values)

    def said(self, text: Text) -> str:
        """Return *text* in the language asked for, with what it quotes of our own. Its values are made visible."""
        return self.phrasing.said(text)

    def translated(self, sentence: str) -> str:
        """Return a sentence that a message quotes in the language asked for, with times where people are."""
        return self.phrasing.translated(sentence)

    def word(self, value: StrEnum) -> str:
        """Return a state or a kind in the language asked for."""
        return self.phrasing.word(value)

    @property
    def phrasing(self) -> Phrasing:
        """What puts sentences into the language asked for. For many sentences, ask for it once."""
        return Phrasing(catalogue=self._catalogue(), time=self._time)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table for people: drawn on a terminal, plain columns elsewhere.

        Args:

            headers: The names of the columns, as templates.

            rows: The cells.
        """
        if self._is_json():
            return
        names = [self.text(header) for header in headers]
        if sys.stdout.isatty():
            _draw(names, rows)
        else:
            shown = [names, *([visible(cell) for cell in row] for row in rows)]
            widths = _widths(shown)
            for cells in shown:
                self.lines(_columns(cells, widths))

    def fields(self, rows: Iterable[tuple[str, str]], named: Iterable[tuple[str, str]] = ()) -> None:
        """Print a table of fields for people.

        Args:

            rows: The name of each field, as a template, and its value.

            named: Further rows whose names need no translation.
        """
        self.table(("field", "value"), [*((self.text(name), value) for name, value in rows), *named])

    def stream(
        self,
        headers: Sequence[str],
        items: Iterable[ItemT],
        document: Callable[[ItemT], object],
        row: Callable[[ItemT], Sequence[str]],
    ) -> None:
        """Print a list that may be long while it is read: as one document, or page by page as a table.

        Args:

            headers: The names of the columns, as templates.

            items: What is listed.

            document: Returns an item as JSON shows it.

            row: Returns the cells of an item.
        """
        if self._is_json():
            self._stream_document(map(document, items))
        else:
            self._stream_table([self.text(header) for header in headers], map(row, items))

    def _stream_document(self, documents: Iterable[object]) -> None:
        before = '{"items": ['
        for document in documents:
            self.answered = True
            _write(f"{before}{_json(document)}".encode(), sys.stdout, nl=False)
            before = ", "
        _write(b"]}" if self.answered else b'{"items": []}', sys.stdout)
        self.answered = True

    def _stream_table(self, names: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
        shown = ([visible(cell) for cell in row] for row in rows)
        page = list(islice(shown, PAGE))
        widths = _widths([names, *page])
        if not sys.stdout.isatty():
            self.line(_columns(names, widths))
        while page:
            if sys.stdout.isatty():
                _draw(names, page)
            for cells in () if sys.stdout.isatty() else page:
                self.line(_columns(cells, widths))
            page = list(islice(shown, PAGE))

    def progress(self, items: Iterable[ItemT], total: int | None, template: str) -> Iterator[ItemT]:
        """Yield the items, with a progress bar on stderr if that is a terminal."""
        if not sys.stderr.isatty():
            yield from items
            return
        from rich.console import Console
        from rich.progress import track

        yield from track(items, description=self.text(template), total=total, console=Console(stderr=True))


def _write(text: str | bytes, stream: IO[Any], *, nl: bool = True) -> None:
    with indifferent(stream):
        click.echo(text, file=stream, nl=nl)


def _json(document: object) -> str:
    return printable_json(json.dumps(document, ensure_ascii=False))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _draw(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Cell

    table = Table(*names)
    for row in rows:
        table.add_row(*(Cell(visible(cell)) for cell in row))
    Console(file=sys.stdout).print(table)
