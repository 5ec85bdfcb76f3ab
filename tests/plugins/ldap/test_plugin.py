"""The plug-in as the product sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from provisioner.config.load import load
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.kinds import HOOKS
from provisioner.core.api.messages import Presence
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Account, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.slapd import Slapd

FILE = """\
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
"""


def configured(folder: Path, table: dict[str, Any]) -> Plugins:
    """Load the plug-in as the product does, from a file."""
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in table.items()]
    file = folder / "provisioner.toml"
    file.write_text(FILE + "\n".join(lines), encoding="utf-8")
    plugins = Plugins(make_breaker=lambda name: Breaker(name=name, now=FakeClock()))
    plugins.load(load(file).plugin_settings())
    return plugins


@pytest.fixture(name="target")
def _target(slapd: Slapd, tmp_path: Path) -> Iterator[Target]:
    plugins = configured(tmp_path, slapd.config)
    yield plugins.targets["directory"]
    plugins.close()


@pytest.mark.server("slapd")
def test_an_account_lives_through_all_hooks(target: Target, account: Account) -> None:
    target.check()
    target.change(samples.create(account))
    target.change(samples.rotate(account))
    target.change(samples.handover(account, Secret("Lp9%kQwe3Rty")))
    closed = target.change(samples.close(account))

    assert closed.outcome is Outcome.APPLIED
    assert target.probe(samples.probe(None, account)).presence is Presence.DISABLED


@pytest.mark.server("slapd")
def test_it_has_all_hooks_of_a_target(target: Target) -> None:
    own = {"credential_set", "credential_probe"}
    reading = {"account_probe", "account_list", "account_compare", "target_check"}

    assert target.hooks == {*HOOKS.values(), *reading, *own}


def test_a_server_that_is_down_does_not_keep_the_program_from_starting(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x", encoding="utf-8")
    table = {
        "urls": ["ldaps://127.0.0.1:1"],
        "bind_dn": "cn=a,dc=test",
        "bind_password": "file:password",
        "base_dn": "dc=test",
    }

    with closing(configured(tmp_path, table)) as plugins:
        assert plugins.targets.keys() == {"directory"}


def test_a_wrong_setting_keeps_the_program_from_starting(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x", encoding="utf-8")
    table = {"urls": ["http://a"], "bind_dn": "cn=a", "bind_password": "file:password", "base_dn": "dc=test"}

    with pytest.raises(ConfigurationError, match=r"targets\.directory\.urls"):
        configured(tmp_path, table)


def test_registering_imports_nothing_heavy() -> None:
    """``provisioner --help`` must not wait for an LDAP library."""
    code = "import sys, provisioner_ldap.plugin; sys.exit(bool({'ldap3', 'pyasn1', 'ssl'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
