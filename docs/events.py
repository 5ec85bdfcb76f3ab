"""Generates ``docs/reference/events.md`` from the event classes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import attrs

import provisioner
from docs.docstrings import comments, paragraphs, prose, summary, table
from provisioner import core
from provisioner.core.api.events import Event, OperationEvent

PACKAGE = Path(inspect.getfile(provisioner)).parent

#: What stores events or plays them in tests.
NOT_WRITERS = ("provisioner.store", "provisioner.testing")


def page() -> str:
    """Return the whole page."""
    found = event_classes()
    parts = [
        "# Events",
        "<!-- Generated from the event classes by `python -m docs`; change those. -->",
        (
            "The journal stores these events, the [audit log](audit.md) chains them, and the hook "
            "[`operation_event`](hooks.md#operation_event) observes them. In JSON, every event has `kind` and `at`."
        ),
        (
            "The `message` and the `cure` of a `StepError` are objects with an English `template` and its `values`, "
            "which may be such objects themselves. Entries of earlier versions have the finished sentence instead."
        ),
        table(("kind", "what happened"), *((f"[`{cls.kind}`](#{cls.kind})", summary(cls)) for cls in found.values())),
        "## Common fields",
        f"Every event has these fields; events of operations always have all of them.\n\n{_fields(Event, Event)}",
        *(part for cls in found.values() for part in _event(cls)),
    ]
    return "\n\n".join(parts) + "\n"


def event_classes() -> Mapping[str, type[Event]]:
    """Return the class of each kind of event, by kind."""
    for module in walk_packages(core.__path__, f"{core.__name__}."):
        import_module(module.name)
    kinds = {cls.kind: cls for cls in _below(Event) if "kind" in vars(cls) and cls.__module__.startswith(core.__name__)}
    return dict(sorted(kinds.items()))


def _below(cls: type[Event]) -> Iterator[type[Event]]:
    for below in cls.__subclasses__():
        yield below
        yield from _below(below)


def _event(cls: type[Event]) -> Iterator[str]:
    yield f"## {cls.kind}"
    yield from paragraphs(prose(cls))
    yield f"Class `{cls.__name__}` in `{cls.__module__}`. Written by {_writers(cls)}."
    if own := _fields(cls, OperationEvent if issubclass(cls, OperationEvent) else Event):
        yield own


def _fields(cls: type[Event], base: type[Event]) -> str:
    """Return the fields that a class has beside those of *base*, or all if it is the base itself."""
    common = {field.name for field in attrs.fields(base)} if cls is not base else set()
    described = comments(cls)
    return "\n".join(
        f"- `{field.name}: {field.type}`" + (f": {described[field.name]}" if field.name in described else "")
        for field in attrs.fields(cls)
        if field.name not in common
    )


def _writers(cls: type[Event]) -> str:
    return ", ".join(f"`{module}`" for module in sorted(_makers().get(cls.__name__, ())))


@cache
def _makers() -> Mapping[str, set[str]]:
    """Return in which modules each name is called or handed on to be called."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if module.startswith(NOT_WRITERS):
            continue
        for name in _made(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(name, set()).add(module)
    return found


def _made(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance")):
                continue
            case ast.Call(func=function, args=arguments):
                yield from _names(function, *arguments)
            case ast.IfExp(body=body, orelse=other):
                yield from _names(body, other)


def _names(*nodes: ast.expr) -> Iterator[str]:
    return (node.id for node in nodes if isinstance(node, ast.Name))
