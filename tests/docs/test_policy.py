"""What docs/explanation/policy.md shows works, and its tables are complete."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import attrs
import pytest

from provisioner.config.load import load
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Action
from provisioner.core.gateways import plugins
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.model import Account, AccountKind, AccountState, Unit
from provisioner.core.policy.policy import Policy
from provisioner.rules.plugin import RULES, RuleName
from provisioner.services.bootstrap import application
from provisioner.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "policy.md").read_text(encoding="utf-8")

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "memory"
[channels.sms]
plugin = "memory"
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(name="interns", autouse=True)
def _interns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the plug-in that the page shows."""
    [code] = blocks("python")
    module = ModuleType("our_rules")
    monkeypatch.setitem(sys.modules, "our_rules", module)
    exec(code, module.__dict__)  # noqa: S102 - our own page
    real = plugins.find_entry_point
    entry = EntryPoint("interns", "our_rules", plugins.ENTRY_POINT_GROUP)
    found = entry, PluginOrigin(plugin="interns", distribution="our-rules", version="1")
    for place in (
        "provisioner.core.gateways.plugins.find_entry_point",
        "provisioner.services.rule_sets.find_entry_point",
    ):
        monkeypatch.setattr(place, lambda name: found if name == "interns" else real(name))


def policy(tmp_path: Path, rules: str) -> Policy:
    file = tmp_path / "provisioner.toml"
    file.write_text(CONFIG + rules, encoding="utf-8")
    config = load(file)
    Store.create(config.store_url).close()
    with application(config) as app:
        return app.policy


@pytest.mark.parametrize("rules", [block for block in blocks("toml") if not block.startswith("# refused")])
def test_every_configuration_loads(rules: str, tmp_path: Path) -> None:
    assert [f"[rules.{one.name}]" for one in policy(tmp_path, rules).rule_sets] == re.findall(
        r"^\[rules\..*\]$", rules, re.MULTILINE
    )


@pytest.mark.parametrize("rules", [block for block in blocks("toml") if block.startswith("# refused")])
def test_every_contradiction_is_refused(rules: str, tmp_path: Path) -> None:
    words = rules.partition(": ")[2].splitlines()[0]

    with pytest.raises(ConfigurationError, match=words):
        policy(tmp_path, rules)


def test_there_are_examples_of_both() -> None:
    assert len(blocks("toml")) > 5
    assert any(block.startswith("# refused") for block in blocks("toml"))


@pytest.mark.parametrize("name", RuleName)
def test_every_rule_and_each_of_its_parameters_is_in_the_tables(name: RuleName) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    assert [f"`{name}`" in row[0] for row in rows].count(True) == 2
    start = next(number for number, row in enumerate(rows) if row[0] == f"`{name}`" and len(row) == 4)
    mine = [rows[start]]
    for row in rows[start + 1 :]:
        if row[0]:
            break
        mine.append(row)

    assert re.findall(r"`(\w+)`", " ".join(row[1] for row in mine)) == _parameters(RULES[name])


def _parameters(cls: type) -> list[str]:
    return [field.name for field in attrs.fields(cls)]


def test_nobody_is_warned_before_the_renewal_of_the_example(tmp_path: Path) -> None:
    [rules] = [block for block in blocks("toml") if "to_day = 27" in block]
    opened = datetime(2026, 1, 5, 6, tzinfo=UTC)
    account = Account(
        login="a", domain="b", unit="c", state=AccountState.OPEN, opened_at=opened, password_changed_at=opened
    )
    found = attrs.evolve(policy(tmp_path, rules), since={})

    [first, *others] = found.deadlines(account, Unit(code="c", name="C", kind="school"), [])

    assert first.action is Action.ROTATE
    assert others[-1].action is Action.CLOSE


def test_the_rule_of_the_page_closes_accounts_of_interns(tmp_path: Path) -> None:
    [rules] = [block for block in blocks("toml") if "interns" in block]
    opened = datetime(2026, 1, 5, 6, tzinfo=UTC)
    account = Account(
        login="a", domain="b", unit="c", kind=AccountKind.PERSONAL, state=AccountState.OPEN, opened_at=opened
    )
    unit = Unit(code="bilgi-islem", name="Bilgi İşlem", kind="branch")

    [deadline] = policy(tmp_path, rules).deadlines(account, unit, [])

    assert (deadline.action, deadline.at) == (Action.CLOSE, datetime(2026, 3, 5, 6, tzinfo=UTC))
