"""The example of a stranger's plug-in: it installs, keeps the contract, and opens mailboxes through the product."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from provisioner.testing.dovecot import Dovecot
from tests.example_site import EXAMPLES, ExampleSite, passwords
from tests.translations import turkish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLE = EXAMPLES / "dovecot-passwd"
PACKAGE = EXAMPLE / "provisioner_dovecot"

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.mail]
plugin = "dovecot"
file = "{file}"
host = "127.0.0.1"
port = {port}
tls = false
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


@pytest.mark.server("dovecot")
def test_it_keeps_the_contract(site: ExampleSite, tmp_path: Path) -> None:
    """Dovecot makes everybody wait: by hand a few of the checks of each hook, in CI all; the README has the rest."""
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}", "-n", "4", "-m", "contract_core"]
    chosen = [] if os.environ.get("CI") else ["-k", "replaces or closed_account"]

    done = site.run(EXAMPLE, "pytest", *options, *chosen, "tests/test_contract.py")

    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.server("dovecot")
def test_its_own_tests_are_green(site: ExampleSite, tmp_path: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}"]

    done = site.run(EXAMPLE, "pytest", *options, "tests/test_dovecot.py")

    assert done.returncode == 0, done.stdout


@pytest.fixture(name="users")
def _users() -> Iterator[Path]:
    """An empty passwd-file, in a folder that Dovecot may enter; pytest's are closed to others."""
    with TemporaryDirectory(prefix="passwd-") as folder:
        Path(folder).chmod(0o755)
        users = Path(folder, "users")
        users.touch(mode=0o644)
        yield users


@pytest.mark.server("dovecot")
def test_the_password_on_the_phone_opens_the_mailbox_until_the_unit_closes(
    site: ExampleSite, tmp_path: Path, users: Path
) -> None:
    (tmp_path / "persons.csv").write_text(PERSONS, encoding="utf-8")
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    with Dovecot(passwd_file=users) as mail:
        config = CONFIG.format(file=users, port=mail.port)
        (tmp_path / "provisioner.toml").write_text(config, encoding="utf-8")
        for arguments in (["init"], ["check"], ["person", "import", "persons.csv"], ["unit", "open", "units.csv"]):
            done = site.run(tmp_path, "provisioner", *arguments)
            assert done.returncode == 0, done.stdout + done.stderr
        [password] = passwords(tmp_path / "sms.sqlite", NUMBER)
        assert mail.logs_in("temelegitim46", password)

        closed = site.run(tmp_path, "provisioner", "unit", "close", "tem")

        assert closed.returncode == 0, closed.stderr
        assert not mail.logs_in("temelegitim46", password)


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


def test_its_hooks_and_settings_are_short() -> None:
    """A worked example is for reading."""
    lines = [line for name in ("plugin.py", "settings.py") for line in (PACKAGE / name).read_text().splitlines()]

    assert len([line for line in lines if line.strip()]) <= 150


def test_each_of_its_messages_is_there_in_turkish() -> None:
    literals = {
        node.value
        for file in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert turkish(PACKAGE).keys() <= literals
