"""The tree says where things are: each module of the core and the store has the test of its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "provisioner"

#: Folders of which every module has a test in the same place under tests.
MIRRORED = ["core/model", "core/api", "core/gateways", "core/engine", "core/policy", "core/governance", "store"]


def modules(folder: str) -> Iterator[Path]:
    """Yield the modules of a folder, without those that only make a package or migrate a store."""
    for module in sorted((PACKAGE / folder).rglob("*.py")):
        if module.name != "__init__.py" and "migrations" not in module.parts:
            yield module.relative_to(PACKAGE)


@pytest.mark.parametrize("folder", MIRRORED)
def test_a_module_without_a_test_of_its_name_is_found(folder: str) -> None:
    untested = [
        str(module)
        for module in modules(folder)
        if not (ROOT / "tests" / module.parent / f"test_{module.stem}.py").is_file()
    ]

    assert list(modules(folder)), folder
    assert untested == []
