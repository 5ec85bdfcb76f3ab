"""The tree says where things are: tests mirror modules, one name means one class, and imports go one way."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "provisioner"

#: Folders of which every module has a test in the same place under tests.
MIRRORED = [
    "core/model",
    "core/api",
    "core/gateways",
    "core/engine",
    "core/policy",
    "core/governance",
    "store",
    "services",
]

#: The folders that packages are in.
SOURCES = [ROOT, *(ROOT / "plugins").iterdir()]


def modules(folder: str) -> Iterator[Path]:
    """Yield the modules of a folder, without those that only make a package or migrate a store."""
    for module in sorted((PACKAGE / folder).rglob("*.py")):
        if module.name != "__init__.py" and "migrations" not in module.parts:
            yield module.relative_to(PACKAGE)


@cache
def product() -> Mapping[str, ast.Module]:
    """Return the modules of the product and its plug-ins, by their names."""
    found = {}
    for source in SOURCES:
        for file in source.glob("provisioner*/**/*.py"):
            name = ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            found[name] = ast.parse(file.read_text(encoding="utf-8"))
    return found


def imports(node: ast.AST) -> Iterator[str]:
    """Yield what is imported when a program runs, also inside of functions; more than types only need."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        if isinstance(child, ast.ImportFrom) and child.module:
            members = [f"{child.module}.{alias.name}" for alias in child.names]
            yield from (member if member in product() else child.module for member in members)
        yield from imports(child)


@pytest.mark.parametrize("folder", MIRRORED)
def test_a_module_without_a_test_of_its_name_is_found(folder: str) -> None:
    untested = [
        str(module)
        for module in modules(folder)
        if not (ROOT / "tests" / module.parent / f"test_{module.stem}.py").is_file()
    ]

    assert list(modules(folder)), folder
    assert untested == []


def test_no_name_of_a_class_has_two_meanings() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, module in product().items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)

    assert len(places) > 400
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_two_modules_need_each_other() -> None:
    """Nor do they through a third one, or when a function is called."""
    graph = {}
    for name, module in product().items():
        graph[name] = {other for other in imports(module) if other in product()} - {name}

    assert sum(map(len, graph.values())) > 1000
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle: {' <- '.join(error.args[1])}")
