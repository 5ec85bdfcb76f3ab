"""The fixtures, as a stranger's tests use them: in a process of their own, where every warning is an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provisioner.core.engine.plan import Initiator
from provisioner.services.application import Application
from provisioner.testing import plugin
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import FaultTarget
from provisioner.testing.memory import MemoryTarget
from provisioner.testing.samples import HOLDER, UNIT
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

README = Path(plugin.__file__).with_name("README.md")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
DOCSTRING = textwrap.dedent(re.split(r"::\n\n|\n\nThe application", plugin.__doc__ or "")[1])

STRICT = """
    [pytest]
    addopts = --strict-markers --strict-config -p no:cacheprovider
    filterwarnings = error
"""


class TestExamples:
    """What the documentation shows."""

    @pytest.fixture(name="pytester")
    def _pytester(self, pytester: pytest.Pytester) -> pytest.Pytester:
        pytester.makeini(STRICT)
        for number, block in enumerate([*BLOCKS, DOCSTRING]):
            pytester.path.joinpath(f"test_example_{number}.py").write_text(block, encoding="utf-8")
        return pytester

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_work_one_by_one_and_beside_each_other(self, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
        examples = sum(block.count("\ndef test_") for block in [*BLOCKS, DOCSTRING])

        result = pytester.runpytest_subprocess(*workers)

        assert len(BLOCKS) >= 2
        result.assert_outcomes(passed=examples)

    def test_each_fixture_is_in_the_table(self) -> None:
        table, _, _ = README.read_text(encoding="utf-8").partition("## ")
        documented = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        fixtures = [name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"]

        assert sorted(documented) == sorted(fixtures)


class TestApplication:
    """``provisioner_app`` and what it is made of."""

    def test_without_a_wish_it_has_a_target_and_a_channel_in_memory(self, provisioner_app: Application) -> None:
        plugins = provisioner_app.plugins

        assert {name: target.origin.plugin for name, target in plugins.targets.items()} == {"memory": "memory"}
        assert {name: channel.origin.plugin for name, channel in plugins.channels.items()} == {"sms": "memory"}

    @pytest.mark.usefixtures("slapd", "fault_target")
    def test_it_has_all_that_is_asked_for(
        self, provisioner_app: Application, pys_mock: PysMock, memory_target: MemoryTarget, sms_inbox: SmsSimulator
    ) -> None:
        """One password, on a directory, a personnel system and in memory, as it is on the phone."""
        pys_mock.seed(people=[HOLDER], units=[UNIT])
        provisioner_app.store.units.save([UNIT])

        plan = provisioner_app.planner.open_units([UNIT], initiator=Initiator(actor="test"))
        [operation] = provisioner_app.engine.apply(plan)

        created = [step.name for step in operation.steps if step.hook == "account_create"]
        assert created == ["directory", "memory", "faults", "pys"]
        assert operation.state == "done"
        password = sms_inbox.last_password(HOLDER.mobile or "")
        assert memory_target.logs_in(UNIT.login or "", password)
        assert pys_mock.logs_in(UNIT.login or "", password)

    def test_its_time_is_the_clocks(self, provisioner_app: Application, fake_clock: FakeClock) -> None:
        assert provisioner_app.planner.now is fake_clock

    def test_its_files_are_nobody_elses_to_read(self, provisioner_app: Application) -> None:
        """The keys of the services stand in the configuration."""
        assert provisioner_app.config.file.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("provisioner_config", ['[accounts]\ndomain = "a.tr"\n[targets.one]\nplugin = "faults"\n'])
    def test_one_test_can_have_another_configuration(
        self, provisioner_app: Application, fault_target: FaultTarget, request: pytest.FixtureRequest
    ) -> None:
        assert list(provisioner_app.plugins.targets) == ["one"]
        assert not fault_target.faults.calls
        with pytest.raises(pytest.UsageError, match='no target with plugin = "memory"'):
            request.getfixturevalue("memory_target")


@pytest.mark.parametrize(("continuous", "outcome"), [("", "skipped"), ("true", "errors")])
def test_a_missing_slapd_is_skipped_by_hand_and_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, continuous: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", continuous)
    pytester.makeconftest("""
        from provisioner.testing import servers
        servers.SERVERS = {"slapd": lambda: ("slapd",)}
    """)
    pytester.makepyfile("def test_needs_a_directory(slapd): pass")

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs")

    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*slapd is not installed; apt-get install slapd*"])


def test_who_asks_for_nothing_pays_nothing() -> None:
    """The plug-in is loaded in every run of everybody who has the product installed."""
    heavy = {"attrs", "cattrs", "sqlalchemy", "ldap3", "httpx", "pluggy", "provisioner.core", "provisioner_pys"}
    code = "import sys, pytest; before = set(sys.modules); import provisioner.testing.plugin; "
    code += "print(*(set(sys.modules) - before))"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ)

    assert "provisioner.testing.plugin" in done.stdout.split()
    assert heavy.isdisjoint(done.stdout.split())
