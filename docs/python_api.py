"""Generates ``docs/reference/python-api.md`` from the public names and the services."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, get_type_hints

import attrs

import provisioner
from docs.docstrings import comments, markdown, prose, summary, table
from provisioner.services import application
from provisioner.services.application import Application

#: Which of the public names are for plug-ins; the hooks page describes them.
FOR_PLUGINS = frozenset(
    {
        "AccountPage",
        "AccountReport",
        "DeliveryReceipt",
        "DeliveryState",
        "ListedAccount",
        "Outcome",
        "Presence",
        "Receipt",
        "Secret",
        "SessionsReport",
        "hookimpl",
        "require_lease",
    }
)

#: The methods of an application itself that are stable.
OWN_METHODS = ("now", "privacy")

EXAMPLE = """\
```python
from pathlib import Path

from provisioner import Initiator, application, load_configuration

with application(load_configuration(Path("provisioner.toml"))) as app:
    plan = app.accounts.plan_rotation(["arge46"], Initiator(actor="1001", reason="lost"))
    print(app.runs.preview(plan, viewer="1001").changes)
    print(app.runs.start(plan).wait())
```"""


def page() -> str:
    """Return the whole page."""
    parts = [
        "# Python API",
        "<!-- Generated from the code by `python -m docs`; change that. -->",
        (
            "A script can do what the command line does: open an application, and call its services. The services "
            "check the rights of the `actor`, or of the initiator of a plan, and raise errors of the product. Methods "
            "with a `viewer` mask the personal data that this person may not read. Logs go to structlog, which prints "
            "them on stdout unless you configure it."
        ),
        EXAMPLE,
        "`examples/python-api` opens accounts, renews one with an access request and hands one over.",
        "## What is stable",
        (
            "The names on this page are stable: a release that removes one, or changes a signature so that a correct "
            "call fails, has a new major version, and the changelog announces it one minor version before. New "
            "methods, new optional arguments and new fields can come with any release. Everything else in the package "
            "is internal, and so are the other attributes of an `Application`."
        ),
        "## Names",
        "Import these names from `provisioner`. Plug-ins use these and the names of [the hooks](hooks.md).",
        table(("name", "what"), *((f"`{name}`", summary(getattr(provisioner, name))) for name in public_names())),
        *(part for name in ("load_configuration", "prepare_store", "application") for part in _function(name)),
        "## Services",
        "These are the attributes of an `Application`, after its own methods.",
        *(part for name in OWN_METHODS for part in _method("app", name, vars(Application)[name])),
        *(part for name, cls in services().items() for part in _service(name, cls)),
        "## Results",
        *(part for cls in (provisioner.Run, provisioner.RunPreview, provisioner.RunSummary) for part in _result(cls)),
    ]
    return "\n\n".join(parts) + "\n"


def public_names() -> list[str]:
    """Return the public names that are not for plug-ins only."""
    return [name for name in provisioner.__all__ if name not in FOR_PLUGINS]


def services() -> Mapping[str, type]:
    """Return the class of each service of an application, by the name of the attribute."""
    names = _imported_for_types()
    found = {
        name: get_type_hints(value.fget, localns=names)["return"]
        for name, value in vars(Application).items()
        if isinstance(value, property) and value.fget
    }
    return dict(sorted(found.items()))


def _imported_for_types() -> Mapping[str, Any]:
    """Return what the module of the application imports only for its annotations."""
    tree = ast.parse(inspect.getsource(application))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.name: getattr(import_module(node.module), alias.name)
        for node in imports
        for alias in node.names
        if node.module
    }


def methods(cls: type) -> Mapping[str, Callable[..., Any]]:
    """Return the public methods of a class, in the order of the code."""
    return {name: value for name, value in vars(cls).items() if inspect.isfunction(value) and name[0] != "_"}


def signature(function: Callable[..., Any]) -> str:
    """Return the arguments of a function and what it returns, as the code has them."""
    found = inspect.signature(function)
    plain = found.replace(parameters=[given for name, given in found.parameters.items() if name != "self"])
    text = re.sub(r"<function (\w+) at \w+>", r"\1", str(plain))
    return re.sub(r"(: |-> )'([^']+)'", r"\1\2", text)


def _function(name: str) -> Iterator[str]:
    function = getattr(provisioner, name)
    yield f"### {name}"
    yield f"```python\n{name}{signature(function)}\n```"
    yield _described(function)


def _service(name: str, cls: type) -> Iterator[str]:
    yield f"### app.{name}"
    yield markdown(prose(cls))
    for method, function in methods(cls).items():
        yield from _method(f"app.{name}", method, function)


def _result(cls: type) -> Iterator[str]:
    yield f"### {cls.__name__}"
    yield markdown(prose(cls))
    fields = comments(cls)
    rows = [(f"`{field.name}`", fields.get(field.name, "")) for field in attrs.fields(cls) if field.name[0] != "_"]
    properties = {name: value for name, value in vars(cls).items() if isinstance(value, property)}
    yield table(("field", "what"), *rows, *((f"`{name}`", summary(value)) for name, value in properties.items()))
    for method, function in methods(cls).items():
        yield from _method(cls.__name__, method, function)


def _method(owner: str, name: str, function: Callable[..., Any]) -> Iterator[str]:
    yield f"```python\n{owner}.{name}{signature(function)}\n```"
    yield _described(function)


def _described(function: Callable[..., Any]) -> str:
    """Return what a function does, and what it raises."""
    raised = re.findall(r"^    (\w+Error): ", (inspect.getdoc(function) or "").partition("Raises:")[2], re.MULTILINE)
    errors = f" Raises {', '.join(f'`{name}`' for name in dict.fromkeys(raised))}." if raised else ""
    return summary(function) + errors
