"""What is in the wheel, and whether it works without the working copy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "provisioner": ROOT / "provisioner",
    "provisioner_ldap": ROOT / "plugins/ldap/provisioner_ldap",
    "provisioner_letter": ROOT / "plugins/letter/provisioner_letter",
    "provisioner_mail": ROOT / "plugins/mail/provisioner_mail",
    "provisioner_pys": ROOT / "plugins/pys/provisioner_pys",
    "provisioner_sms": ROOT / "plugins/sms/provisioner_sms",
}


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(name="installed", scope="module")
def _installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own, as installers put it."""
    folder = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(name="distribution", scope="module")
def _distribution(installed: Path) -> Distribution:
    (metadata,) = installed.glob("*.dist-info")
    return PathDistribution(metadata)


def _sources() -> Iterator[str]:
    """Every file of the packages, as it is called in the wheel."""
    for name, folder in PACKAGES.items():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(Path(name, path.relative_to(folder)))


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    missing = set(_sources()) - set(ZipFile(wheel).namelist())

    assert not missing


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    man_page = "unit_provisioner-0.1.0.data/data/share/man/man1/provisioner.1"
    examples = {f"provisioner/demo/kahramanmaras/{name}.csv" for name in ("persons", "units")}
    others = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name} - set(_sources())

    assert others == {*examples, man_page}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_typed_and_speaks_turkish(installed: Path, package: str) -> None:
    assert (installed / package / "py.typed").is_file()
    assert (installed / package / "locale/tr/LC_MESSAGES" / f"{package}.mo").is_file()


def test_each_entry_point_leads_somewhere(distribution: Distribution) -> None:
    entries = {(entry.group, entry.name): entry.value for entry in distribution.entry_points}
    assert ("console_scripts", "provisioner") in entries
    assert {name for group, name in entries if group == "provisioner.plugins"} >= {
        "ldap",
        "letter",
        "local",
        "mail",
        "pys",
        "sms",
    }

    for value in entries.values():
        module, _, attribute = value.partition(":")
        assert not attribute or callable(getattr(import_module(module), attribute))


def test_the_wheel_works_without_the_working_copy(installed: Path, tmp_path: Path) -> None:
    script = "import provisioner.demo.examples as demo; print(demo.__file__, demo.example('units.csv'))"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    made = subprocess.run(
        [sys.executable, "-m", "provisioner", "init"], cwd=tmp_path, env=environment, check=False, capture_output=True
    )

    assert all(Path(path).is_relative_to(installed) for path in found.stdout.split())
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "provisioner.toml").is_file()


def test_the_tests_pass_on_what_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    """A file that only the working copy has, or an import of it, is found here."""
    guard = f"import provisioner\nassert provisioner.__file__.startswith({str(installed)!r}), provisioner.__file__\n"
    (tmp_path / "guard.py").write_text(guard, encoding="utf-8")
    pytest_itself = Path(sys.executable).with_name("pytest")
    names = ("core/api", "core/model", "core/engine/test_engine.py", "store/db", "manifest")
    command = [pytest_itself, "-q", "-p", "guard", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [*map(str, command), *(str(ROOT / "tests" / name) for name in names)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{tmp_path}"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
