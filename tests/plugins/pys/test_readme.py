"""What the README says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from provisioner.config.structure import structure
from provisioner_pys.mock import PysFault
from provisioner_pys.mock.faults import PysFaultOrder
from provisioner_pys.mock.routes import ENDPOINTS, ROUTES
from provisioner_pys.settings import PysSettings

README = (Path(__file__).parents[3] / "plugins" / "pys" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("snippet", blocks("python"))
def test_the_snippets_run(snippet: str) -> None:
    exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - it is ours


@pytest.mark.parametrize("snippet", blocks("toml"))
def test_the_tables_are_taken(snippet: str, tmp_path: Path) -> None:
    table = tomllib.loads(snippet)["targets"]["pys"]
    assert table.pop("plugin") == "pys"
    if "api_key" in table:
        table["api_key"] = "plain:key-of-the-test"

    structure(table, PysSettings, "targets.pys", file=tmp_path / "provisioner.toml")


def test_the_faults_are_all_told() -> None:
    section = README[README.index("### Faults\n") :]

    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == {"do", *PysFault}
    for name in (*ENDPOINTS, "call", "seconds", "always"):
        assert name in section
    assert PysFaultOrder(endpoint="login", do="refuse").seconds == 1


def test_the_requests_are_all_told() -> None:
    for route in ROUTES:
        if route.name not in {"unit.get", "account.undo"}:
            assert f"`{route.method} {route.path}`" in README
