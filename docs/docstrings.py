"""Turns docstrings and the comments above fields into Markdown, for the generated pages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum

import attrs


def markdown(text: str) -> str:
    """Return one paragraph of a docstring as Markdown."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`")


def paragraphs(text: str) -> Iterator[str]:
    """Yield running text and blocks of code as Markdown has them."""
    for part in re.split(r"\n\n(?=\S)", text.strip()):
        prose, is_code, code = part.partition("::\n\n")
        yield markdown(" ".join(prose.split())) + (":" if is_code else "")
        if is_code:
            yield f"```python\n{inspect.cleandoc(code)}\n```"


def prose(value: object) -> str:
    """Return a docstring without the sections that follow its text."""
    return re.split(r"^(?:Args|Returns|Raises):", inspect.getdoc(value) or "", maxsplit=1, flags=re.MULTILINE)[
        0
    ].strip()


def summary(value: object) -> str:
    """Return the first paragraph of a docstring as Markdown."""
    return markdown(prose(value).split("\n\n")[0])


def comments(cls: type) -> dict[str, str]:
    """Return the description of each field: the comment above it, or its entry among the arguments."""
    source = inspect.getsource(cls)
    above = re.findall(r"((?:^    #: .*\n)+)    (\w+)(?::| =)", source, re.MULTILINE)
    found = {name: " ".join(line.strip()[3:] for line in lines.splitlines()) for lines, name in above}
    arguments = (inspect.getdoc(cls) or "").partition("\nArgs:\n")[2]
    found |= dict(re.findall(r"^ {4}(\w+): ((?:.|\n(?!\n))+)", arguments, re.MULTILINE))
    return {name: markdown(text) for name, text in found.items()}


def inherited_comments(cls: type) -> dict[str, str]:
    """Return the description of each field, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if attrs.has(base):
            found |= comments(base)
    return found


def table(*rows: tuple[str, ...]) -> str:
    """Return a table, its heading being the first row."""
    heading, *others = rows
    lines = [heading, ("---",) * len(heading), *others]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def enum_members(cls: type[Enum]) -> str:
    """Return the members of an enumeration as a list."""
    described = comments(cls)
    return "\n".join(f"- `{member.name}`{_after(described.get(member.name, ''))}" for member in cls)


def _after(text: str) -> str:
    return f": {text}" if text else ""
