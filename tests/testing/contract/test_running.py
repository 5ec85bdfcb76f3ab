"""Running a contract inside a process."""

from __future__ import annotations

import os
from html import unescape
from pathlib import Path

import pytest

from provisioner.testing.contract.results import Result, Verdict
from provisioner.testing.contract.running import run
from provisioner.testing.contract.tags import Tag

SUITE = """
import pytest

class TestSmall:
    @pytest.mark.contract_core
    @pytest.mark.parametrize("kind", ["good", "bad", "odd"])
    def test_it(self, kind):
        if kind == "odd":
            pytest.skip("it is odd")
        assert kind == "good", "it is bad"
"""


@pytest.fixture(name="suite")
def _suite(tmp_path: Path) -> Path:
    file = tmp_path / "suite.py"
    file.write_text(SUITE)
    return file


def test_each_case_has_its_verdict_and_its_reason(suite: Path) -> None:
    told: list[Result] = []

    results = run(suite, tell=told.append)

    assert told == results
    assert [(result.check, result.case, result.verdict, result.reason, result.tag) for result in results] == [
        ("it", "good", Verdict.OK, "", Tag.CORE),
        ("it", "bad", Verdict.FAILED, "it is bad", Tag.CORE),
        ("it", "odd", Verdict.SKIPPED, "it is odd", Tag.CORE),
    ]


def test_the_environment_is_left_as_it_was(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    before = dict(os.environ)

    run(suite)

    # pytest itself notes which test it is at.
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}


def test_a_module_that_cannot_be_imported_is_an_error_and_not_a_success(tmp_path: Path) -> None:
    file = tmp_path / "suite.py"
    file.write_text("import nothing_of_this_name")

    with pytest.raises(RuntimeError, match="before the checks"):
        run(file)


def test_who_wants_no_more_of_it_is_heard(tmp_path: Path) -> None:
    file = tmp_path / "suite.py"
    file.write_text("def test_it():\n    raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        run(file)


def test_no_secret_reaches_the_report_of_a_check_that_found_one(tmp_path: Path) -> None:
    """JUnit files are kept and sent around."""
    file, report = tmp_path / "suite.py", tmp_path / "report.xml"
    file.write_text(
        "from provisioner.core.model.secret import Secret\n"
        "from provisioner.testing.contract.secrecy import expect_unsaid\n"
        "import pytest\n"
        "@pytest.mark.contract_secrecy\n"
        "def test_it():\n"
        "    expect_unsaid((Secret('-'.join(['hush', 'hush'])),), 'a receipt', 'it is ' + '-'.join(['hush', 'hush']))\n"
    )

    [result] = run(file, junit=report)

    assert result.reason == "a receipt quotes a password"
    assert "hush-hush" not in report.read_text()


LEAK = """
import pytest

from provisioner import hookimpl
from provisioner.testing.contract.fixtures import TargetFixtures
from provisioner.testing.contract.secrecy import SecrecyChecks
from provisioner.testing.memory import MemoryTarget

class Leaky(MemoryTarget):
    def __repr__(self):
        return f"<{getattr(self, 'last', '')}>"

    @hookimpl
    def account_create(self, request):
        self.last = request.secret.reveal()
        with open(FILE, "a") as file:
            file.write(f"{self.last}\\n")
        return super().account_create(request)

class TestLeaky(SecrecyChecks, TargetFixtures):
    @pytest.fixture
    def target(self):
        return Leaky()
"""


def test_the_report_of_a_leak_does_not_leak(tmp_path: Path) -> None:
    """A representation with a password in it must not come into the report by way of pytest's explanations."""
    suite, passwords, report = (tmp_path / name for name in ("suite.py", "passwords", "report.xml"))
    suite.write_text(LEAK.replace("FILE", repr(str(passwords))))

    results = run(suite, junit=report)

    failed = {result.check for result in results if result.verdict is Verdict.FAILED}
    assert failed == {"no_secret_in_the_representation", "no_secret_is_kept"}
    said = unescape(report.read_text()) + repr(results)
    assert not [line for line in passwords.read_text().splitlines() if len(line) > 2 and line in said]
