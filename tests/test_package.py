"""The package itself: what a plug-in's author imports from it, and finds in it."""

from __future__ import annotations

import ast
import pydoc
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import provisioner

ROOT = Path(__file__).parents[1]

#: Not imported by name: what openpyxl uses if it is there, and a bound for what ldap3 needs.
INDIRECT = {"defusedxml", "pyasn1"}

#: No distribution brings these: our own packages, and the stubs that type checkers have.
OURS = {
    "provisioner",
    "provisioner_ldap",
    "provisioner_letter",
    "provisioner_mail",
    "provisioner_pys",
    "provisioner_sms",
    "_typeshed",
}


def test_help_shows_what_is_imported_late() -> None:
    """The names are imported when they are first used; ``help(provisioner)`` has them all the same."""
    page = pydoc.plain(pydoc.render_doc(provisioner))

    assert [name for name in provisioner.__all__ if f"class {name}(" not in page] == [
        "application",
        "hookimpl",
        "load_configuration",
        "prepare_store",
        "require_lease",
    ]


def test_the_dependencies_are_what_is_imported() -> None:
    """A library that only the tests have is missed by those who install the product, and one too many is theirs too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {_name(line) for line in project["dependencies"]}
    optional = {_name(line) for extra in project["optional-dependencies"].values() for line in extra}
    brings = packages_distributions()
    imported = {_name(brings.get(module, [module])[0]) for module in _imported()}

    assert required - INDIRECT <= imported <= required | optional


def _imported() -> Iterator[str]:
    """Every top-level module that the packages of the wheel import, apart from their own and Python's."""
    folders = (ROOT / "provisioner", *(ROOT / "plugins").glob("*/provisioner_*"))
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            yield from {name.partition(".")[0] for name in names} - OURS - sys.stdlib_module_names


def _name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0].lower().replace("_", "-")
