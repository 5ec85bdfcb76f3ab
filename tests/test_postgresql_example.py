"""The example of a database: it installs, keeps the contract, and what somebody changes in it is found."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.testing.plugin import require_server
from provisioner.testing.postgresql import PrivatePostgresql
from tests.example_site import EXAMPLES, ExampleSite, passwords
from tests.translations import turkish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLE = EXAMPLES / "postgresql-roles"
PACKAGE = EXAMPLE / "provisioner_postgresql"

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.database]
plugin = "postgresql"
{settings}
[channels.sms]
plugin = "sms"
help_desk = "705 53 53"
gateway = "simulator"
[channels.sms.simulator]
embedded = "sms.sqlite"
"""

NUMBER = "+905321234567"
PERSONS = f"id,name,mobile\n1001,Ayşe Işık,{NUMBER}\n"
UNITS = "code,name,kind,login,custodian\ntem,Temel Eğitim,branch,temelegitim46,1001\n"


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory) -> ExampleSite:
    """A folder in which the example is installed."""
    return ExampleSite.with_examples(tmp_path_factory.mktemp("site"), EXAMPLE.name)


@pytest.mark.server("postgresql")
def test_it_keeps_the_contract(site: ExampleSite, tmp_path: Path) -> None:
    """By hand a few of the checks of each hook, in CI all."""
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}", "-n", "4", "-m", "contract_core"]
    chosen = [] if os.environ.get("CI") else ["-k", "replaces or closed_account or list_"]

    done = site.run(EXAMPLE, "pytest", *options, *chosen, "tests/test_contract.py")

    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.server("postgresql")
def test_its_own_tests_are_green(site: ExampleSite, tmp_path: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}"]

    done = site.run(EXAMPLE, "pytest", *options, "tests/test_postgresql.py")

    assert done.returncode == 0, done.stdout


@pytest.fixture(name="database", scope="module")
def _database() -> Iterator[PrivatePostgresql]:
    require_server("postgresql")
    with PrivatePostgresql() as database:
        yield database


@pytest.mark.server("postgresql")
def test_the_password_on_the_phone_logs_in_and_drift_is_found(
    site: ExampleSite, tmp_path: Path, database: PrivatePostgresql
) -> None:
    (tmp_path / "persons.csv").write_text(PERSONS, encoding="utf-8")
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in database.config.items())
    (tmp_path / "provisioner.toml").write_text(CONFIG.format(settings=settings), encoding="utf-8")
    for arguments in (["init"], ["check"], ["person", "import", "persons.csv"], ["unit", "open", "units.csv"]):
        done = site.run(tmp_path, "provisioner", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    [password] = passwords(tmp_path / "sms.sqlite", NUMBER)
    with _connected(database, "temelegitim46", password):
        pass
    clean = site.run(tmp_path, "provisioner", "reconcile")

    with _connected(database, database.admin, database.admin_password.reveal()) as administrator:
        administrator.execute("DROP ROLE temelegitim46; CREATE ROLE hacker LOGIN IN ROLE unit_accounts")
    drifted = site.run(tmp_path, "provisioner", "--json", "reconcile")

    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert drifted.returncode == 4
    found = [(item["login"], item["difference"]) for item in json.loads(drifted.stdout)["items"]]
    assert sorted(found) == [("hacker", "extra"), ("temelegitim46", "missing")]


def _connected(database: PrivatePostgresql, user: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=database.host, port=database.port, dbname="postgres", user=user, password=password, autocommit=True
    )


def test_it_is_in_good_style() -> None:
    for command in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(EXAMPLE)],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_each_of_its_messages_is_there_in_turkish() -> None:
    literals = {
        node.value
        for file in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert turkish(PACKAGE).keys() <= literals
