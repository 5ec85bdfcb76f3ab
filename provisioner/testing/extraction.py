"""Finds the messages in source code, for Babel, which compares them with the translations.

A project names it in ``pyproject.toml``::

    [[tool.babel.mappings]]
    method = "provisioner.testing.extraction.extract"
    pattern = "**.py"

With ``commands = "true"`` it also finds what commands print with ``session.output``.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from string import Formatter
from typing import IO

from provisioner.core.api import errors

_FIRST = slice(1)

#: The calls that make messages, with those of their arguments that are templates. ``cure`` always is one.
MESSAGES = {
    **{
        name: _FIRST for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    },
    **dict.fromkeys(("InputError", "NotAuthorizedError", "NotReadyError", "DeliveryReceipt"), slice(0)),
    "Text": _FIRST,
    "counted": slice(2),
    "marked": _FIRST,
}

#: The same for what commands print. Headers are tuples of templates, and fields are tuples that begin with one.
COMMANDS = {**dict.fromkeys(("say", "note", "text", "table", "stream", "fields"), _FIRST), "progress": slice(2, 3)}


def extract(
    source: IO[bytes], _keywords: Collection[str], _tags: Collection[str], options: Mapping[str, str]
) -> Iterator[tuple[int, str, str | tuple[str, ...], list[str]]]:
    """Yield the line, the function of gettext and the templates of each message, as Babel wants it."""
    for call, templates in calls(ast.parse(source.read()), commands="commands" in options):
        texts = [node.value for node in templates if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        if name_of(call) == "counted" and len(texts) == 2:  # noqa: PLR2004
            yield call.lineno, "ngettext", tuple(texts), []
        else:
            yield from ((call.lineno, "gettext", text, []) for text in texts if says_something(text))


def calls(module: ast.Module, *, commands: bool) -> Iterator[tuple[ast.Call, list[ast.expr]]]:
    """Yield each call that makes a message, with the arguments that are templates."""
    known = MESSAGES | (COMMANDS if commands else {})
    constants = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and name_of(call) in known:
            name = name_of(call)
            given = _fields(call) if name == "fields" else call.args[known[name]]
            named = "detail" if name == "DeliveryReceipt" else "cure"
            nodes = [*given, *(keyword.value for keyword in call.keywords if keyword.arg == named)]
            yield call, [template for node in nodes for template in _templates(node, constants)]


def name_of(call: ast.Call) -> str:
    """Return the name of the function that is called."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def says_something(template: str) -> bool:
    """Whether there are words in a template, beside its places."""
    return any(text.strip() for text, *_ in Formatter().parse(template))


def _fields(call: ast.Call) -> list[ast.expr]:
    """Return the names of fields, however the rows are put together."""
    rows = [node for argument in call.args[:1] for node in ast.walk(argument) if isinstance(node, ast.Tuple)]
    return [row.elts[0] for row in rows if row.elts]


def _templates(node: ast.expr, constants: Mapping[str, ast.expr]) -> Iterator[ast.expr]:
    """Yield the templates in an argument: itself, what a constant of the module stands for, those of a tuple."""
    match node:
        case ast.Call():  # a message of its own
            return
        case ast.Name(name) if name in constants:
            yield from _templates(constants[name], constants)
        case ast.Tuple(elements):
            for element in elements:
                yield from _templates(element, constants)
        case _:
            yield node
