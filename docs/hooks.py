"""Generates ``docs/reference/hooks.md`` from the docstrings of the hooks, their messages and their errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import attrs

from docs.docstrings import comments, enum_members, markdown, paragraphs, prose, summary, table
from provisioner.core import model
from provisioner.core.api import errors, events, hookspecs, messages, registration, rules
from provisioner.core.model.secret import Secret

#: Where the classes in the hooks' signatures are, in the order in which they are shown.
MODULES = (registration, messages, model, rules, errors, events)

Hook = Callable[..., Any]


def hooks() -> dict[str, Hook]:
    """Return all hooks by name, in the order of the code."""
    return {name: value for name, value in vars(hookspecs).items() if hasattr(value, "provisioner_spec")}


def page() -> str:
    """Return the whole page."""
    parts = [
        "# Hooks",
        "<!-- Generated from the docstrings by `python -m docs`; change those. -->",
        *paragraphs(inspect.getdoc(hookspecs) or ""),
        _contents(),
        *(part for name, hook in hooks().items() for part in _hook(name, hook)),
        "# Messages",
        *paragraphs(inspect.getdoc(messages) or ""),
        *(part for cls in _classes() for part in _class(cls)),
        *_secret(),
        *_errors(),
    ]
    return "\n\n".join(parts) + "\n"


def _contents() -> str:
    rows = [(f"[`{name}`](#{name})", _answers(hook), summary(hook)) for name, hook in hooks().items()]
    return table(("hook", "whose answer counts", "what"), *rows)


def _answers(hook: Hook) -> str:
    if asked := re.search(r"\b(?:per|one) (target|channel)\b", _sections(hook)[""]):
        return f"the {asked[1]}'s"
    options: dict[str, object] = hook.provisioner_spec  # type: ignore[attr-defined]
    if options["firstresult"]:
        return "the first one's"
    return "nobody's" if inspect.signature(hook).return_annotation == "None" else "everybody's"


def _hook(name: str, hook: Hook) -> Iterator[str]:
    sections = _sections(hook)
    signature = str(inspect.signature(hook)).replace("'", "")
    yield f"## {name}"
    yield f"```python\ndef {name}{signature}\n```"
    yield from paragraphs(sections[""])
    for title in ("Args", "Returns", "Raises", "Called"):
        if text := sections.get(title, "").strip():
            yield f"**{title}:**{_entries(text)}"


def _sections(hook: Hook) -> dict[str, str]:
    """Return the parts of a docstring by title; what stands before the first one is under the empty title."""
    parts = re.split(r"^(Args|Returns|Raises|Called):", inspect.getdoc(hook) or "", flags=re.MULTILINE)
    return {title: inspect.cleandoc(text) for title, text in zip(["", *parts[1::2]], parts[::2], strict=True)}


def _entries(text: str) -> str:
    """Return a list of what is named one by one, and running text as it is."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    named = [re.fullmatch(r"(\w+): (.+)", part) for part in paragraphs]
    if not all(named):
        return " " + markdown(" ".join(paragraphs))
    return "\n\n" + "\n".join(f"- `{found[1]}`: {markdown(found[2])}" for found in named if found)


def _classes() -> Iterator[type]:
    """Yield the classes that the signatures name, and those in their fields."""
    known = {cls.__name__: cls for module in MODULES for cls in vars(module).values() if _is_shown(cls)}
    wanted = {word for hook in hooks().values() for word in re.findall(r"\w+", str(inspect.signature(hook)))}
    for _ in known:
        wanted |= {word for name in wanted & known.keys() for word in _words(known[name])}
    yield from (cls for name, cls in known.items() if name in wanted)


def _is_shown(value: object) -> bool:
    if not isinstance(value, type) or not value.__module__.startswith("provisioner.core"):
        return False
    return attrs.has(value) or issubclass(value, Enum)


def _words(cls: type) -> set[str]:
    if not attrs.has(cls):
        return set()
    return {word for field in attrs.fields(cls) for word in re.findall(r"\w+", str(field.type))}


def _class(cls: type) -> Iterator[str]:
    yield f"## {cls.__name__}"
    yield from paragraphs(prose(cls))
    if issubclass(cls, Enum):
        yield enum_members(cls)
    elif fields := _fields(cls):
        yield fields


def _fields(cls: type) -> str:
    described = comments(cls)
    return "\n".join(
        f"- `{field.name}: {field.type}`{_after(described.get(field.name, ''))}"
        for field in attrs.fields(cls)
        if not field.name.startswith("_")
    )


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _secret() -> Iterator[str]:
    yield "## Secret"
    yield from paragraphs(prose(Secret))
    yield "\n".join(f"- `{name}`: {summary(getattr(Secret, name))}" for name in ("reveal", "around", "scrub"))


def _errors() -> Iterator[str]:
    """Yield the tree of errors, and what a plug-in says with each of those it may raise."""
    yield "# Errors"
    tree, _, rest = (inspect.getdoc(errors) or "").partition(".. code-block:: text\n\n")[2].partition("\n\n")
    yield "The class of an error decides what happens next."
    yield f"```text\n{inspect.cleandoc(tree)}\n```"
    yield from paragraphs(rest)
    yield table(
        ("error", "what it says"), *((f"`{cls.__name__}`", summary(cls)) for cls in _raised(errors.TargetError))
    )


def _raised(cls: type) -> Iterator[type]:
    """Yield a class and those below it, in the order of the tree."""
    yield cls
    children: list[type] = cls.__subclasses__()
    for below in children:
        if below.__module__ == errors.__name__:
            yield from _raised(below)
