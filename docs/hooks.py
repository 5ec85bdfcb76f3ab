"""Makes ``docs/hooks.md`` from the docstrings of the hooks and of what they are given and answer.

``python -m docs.hooks`` writes the page anew; a test holds it equal to the code.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from provisioner.core import model
from provisioner.core.api import events, hookspecs, messages, registration

PAGE = Path(__file__).with_name("hooks.md")

#: Where the classes in the hooks' signatures are, in the order in which they are shown.
MODULES = (registration, messages, model, events)

Hook = Callable[..., Any]


def hooks() -> dict[str, Hook]:
    """Return all hooks by name, in the order of the code."""
    return {name: value for name, value in vars(hookspecs).items() if hasattr(value, "provisioner_spec")}


def page() -> str:
    """Return the whole page."""
    parts = [
        "# Hooks",
        "<!-- Made from the docstrings by `python -m docs.hooks`; change those. -->",
        *_paragraphs(inspect.getdoc(hookspecs) or ""),
        _contents(),
        *(part for name, hook in hooks().items() for part in _hook(name, hook)),
        "# What they are given, and what they answer",
        "Fields that come later have defaults, so that a plug-in written today keeps working.",
        *(part for cls in _classes() for part in _class(cls)),
    ]
    return "\n\n".join(parts) + "\n"


def _contents() -> str:
    rows = [
        f"| [`{name}`](#{name}) | {_answers(hook)} | {_markdown(_sections(hook)[''].split(chr(10) * 2)[0])} |"
        for name, hook in hooks().items()
    ]
    return "\n".join(["| hook | whose answer counts | what |", "| --- | --- | --- |", *rows])


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
    yield from _paragraphs(sections[""])
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
        return " " + _markdown(" ".join(paragraphs))
    return "\n\n" + "\n".join(f"- `{found[1]}`: {_markdown(found[2])}" for found in named if found)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield running text and blocks of code as Markdown has them."""
    for part in re.split(r"\n\n(?=\S)", text.strip()):
        prose, is_code, code = part.partition("::\n\n")
        yield _markdown(" ".join(prose.split())) + (":" if is_code else "")
        if is_code:
            yield f"```python\n{inspect.cleandoc(code)}\n```"


def _markdown(text: str) -> str:
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`")


def _classes() -> Iterator[type]:
    """Yield the classes that the signatures name, and those in their fields."""
    known = {cls.__name__: cls for module in MODULES for cls in vars(module).values() if _is_shown(cls)}
    wanted = {word for hook in hooks().values() for word in re.findall(r"\w+", str(inspect.signature(hook)))}
    for _ in known:
        wanted |= {word for name in wanted & known.keys() for word in _words(known[name])}
    yield from (cls for name, cls in known.items() if name in wanted)


def _is_shown(value: object) -> bool:
    return isinstance(value, type) and attrs.has(value) and value.__module__.startswith("provisioner.core")


def _words(cls: type) -> set[str]:
    return {word for field in attrs.fields(cls) for word in re.findall(r"\w+", str(field.type))}


def _class(cls: type) -> Iterator[str]:
    yield f"## {cls.__name__}"
    yield from _paragraphs((inspect.getdoc(cls) or "").partition("\nArgs:\n")[0])
    comments = _comments(cls)
    fields = [
        f"- `{field.name}: {field.type}`{comments.get(field.name, '')}"
        for field in attrs.fields(cls)
        if not field.name.startswith("_")
    ]
    if fields:
        yield "\n".join(fields)


def _comments(cls: type) -> dict[str, str]:
    """Return what is said of each field: in the comment above it, or among the class's arguments."""
    source = inspect.getsource(cls)
    above = re.findall(r"((?:^    #: .*\n)+)    (\w+):", source, re.MULTILINE)
    said = {name: " ".join(line.strip()[3:] for line in lines.splitlines()) for lines, name in above}
    arguments = (inspect.getdoc(cls) or "").partition("\nArgs:\n")[2]
    said |= dict(re.findall(r"^ {4}(\w+): ((?:.|\n(?!\n))+)", arguments, re.MULTILINE))
    return {name: f": {_markdown(text)}" for name, text in said.items()}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
