"""Where answers go: people read lines and tables, scripts read one JSON document, and both find errors on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from provisioner.core.text import Text

if TYPE_CHECKING:
    from provisioner.cli.session import Session

ItemT = TypeVar("ItemT")

#: Values that are one of our own words, such as the state of an account.
_WORDS = frozenset({"kind", "state"})

#: Control characters, which could make a terminal do what a file or another system wants.
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"}


class Output:
    """The two ways to answer. Each command uses both, and the one that is not asked for says nothing.

    Args:

        session: Says which one is asked for, and in which language.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answered = False

    def document(self, content: object) -> None:
        """Print the JSON document, in JSON mode. There is never more than one."""
        if self._session.json and not self._answered:
            self._answered = True
            _write(json.dumps(content, ensure_ascii=False).encode(), sys.stdout)

    def say(self, template: str, /, **values: object) -> None:
        """Print a line for people, on stdout."""
        self.line(self.text(template, **values))

    def line(self, text: str) -> None:
        """Print a line for people that needs no translation."""
        if not self._session.json:
            _write(text.translate(_CONTROLS), sys.stdout)

    def note(self, template: str, /, **values: object) -> None:
        """Print a line on stderr, in both ways."""
        self.error_line(self.text(template, **values))

    def error_line(self, text: str) -> None:
        """Print a line on stderr that needs no translation."""
        _write(text.translate(_CONTROLS), sys.stderr)

    def text(self, template: str, /, **values: object) -> str:
        """Return a sentence in the language asked for."""
        return Text(template, values).said(self._session.catalogue)

    def said(self, text: Text) -> str:
        """Return *text* in the language asked for, with what it quotes of our own."""
        catalogue = self._session.catalogue
        values = {
            name: catalogue(str(value)) if name in _WORDS else catalogue.again(str(value))
            for name, value in text.values.items()
        }
        return Text(text.template, values).said(catalogue)

    def translated(self, message: str) -> str:
        """Return a message that was stored in English in the language asked for."""
        return self._session.catalogue.again(message)

    def word(self, value: StrEnum) -> str:
        """Return a state or a kind in the language asked for."""
        return self._session.catalogue(value.value)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table for people: drawn on a terminal, plain columns elsewhere.

        Args:

            headers: The names of the columns, as templates.

            rows: The cells.
        """
        if self._session.json:
            return
        names = [self.text(header) for header in headers]
        if sys.stdout.isatty():
            _draw(names, rows)
        else:
            for line in _columns([names, *rows]):
                self.line(line)

    def progress(self, items: Iterable[ItemT], total: int | None, template: str) -> Iterator[ItemT]:
        """Yield the items, with a progress bar on stderr if that is a terminal."""
        if not sys.stderr.isatty():
            yield from items
            return
        from rich.console import Console
        from rich.progress import track

        yield from track(items, description=self.text(template), total=total, console=Console(stderr=True))


def _write(text: str | bytes, stream: IO[Any]) -> None:
    try:
        click.echo(text, file=stream)
    except BrokenPipeError:
        # Whoever read this has had enough. The work, and its exit code, do not depend on it.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _draw(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Cell

    table = Table(*names)
    for row in rows:
        table.add_row(*(Cell(cell.translate(_CONTROLS)) for cell in row))
    Console(file=sys.stdout).print(table)
