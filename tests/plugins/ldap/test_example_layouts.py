"""The layouts of iRedMail and UCS, as the examples configure them, on a slapd that knows their attributes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.config.load import load
from provisioner.config.structure import structure
from provisioner.core.api.messages import Presence
from provisioner.core.model import AccountState, OperationState
from provisioner.core.reconcile.differences import Difference
from provisioner.testing import samples
from provisioner.testing.harness import NAMING, Harness
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings
from tests.plugins.ldap.conftest import Administrator

pytestmark = pytest.mark.server("slapd")

EXAMPLES = Path(__file__).parents[3] / "examples"
SCHEMAS = Path(__file__).parent / "schema"

LOGIN = samples.ACCOUNT.login
RENAMED = attrs.evolve(samples.UNIT, name="Ortaöğretim Şube Müdürlüğü")


@attrs.define(eq=False)
class FieldSite:
    """A directory with the layout of an example, and the product with the example's configuration."""

    server: Slapd
    admin: Administrator
    harness: Harness
    ldap: Ldap
    phones: MemoryChannel

    @property
    def base_dn(self) -> str:
        return self.ldap.settings.base_dn

    def open(self) -> None:
        self.harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        assert [operation.state for operation in self.harness.open([samples.UNIT.code])] == [OperationState.DONE]

    @property
    def password(self) -> str:
        return self.phones.inbox(samples.HOLDER.mobile or "")[-1].password

    def found(self, test: str) -> bool:
        """Search as a mail server does."""
        return bool(self.admin.search(self.base_dn, test))

    def differences(self) -> list[Difference]:
        return [found for found in self.harness.app.reconcile.compare(actor="x") if isinstance(found, Difference)]


def target_of(example: str, name: str, server: Slapd, monkeypatch: pytest.MonkeyPatch) -> Ldap:
    """Return the target of an example, on a private server."""
    monkeypatch.setenv("LDAP_PASSWORD", server.bind_password.reveal())
    text = (EXAMPLES / example / "provisioner.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text.replace("dc=example,dc=org", server.base_dn))["targets"][name]
    del table["plugin"]
    there = {"urls": [server.ldaps_url], "bind_dn": server.bind_dn, "ca_file": str(server.ca_file)}
    settings = structure({**table, **there}, LdapSettings, f"targets.{name}", file=EXAMPLES / example / "x.toml")
    settings.verify(f"targets.{name}")
    return Ldap(settings=settings)


@pytest.fixture(name="site")
def _site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FieldSite]:
    example, name, entries = request.param
    schema = (SCHEMAS / f"{example}.ldif").read_text(encoding="utf-8")
    with ExitStack() as stack:
        server = stack.enter_context(Slapd(schema=(schema,)))
        admin = stack.enter_context(closing(Administrator(server)))
        for dn, classes, attributes in entries:
            admin.add(f"{dn},{server.base_dn}", classes, attributes)
        ldap = stack.enter_context(closing(target_of(example, name, server, monkeypatch)))
        phones = MemoryChannel()
        harness = Harness(tmp_path / "store.sqlite", targets={name: ldap}, channels={"sms": phones})
        yield FieldSite(server, admin, stack.enter_context(harness), ldap, phones)


DOMAIN = NAMING.domain

#: The name of the example and of its target, and the entries that are there before.
Layout = tuple[str, str, list[tuple[str, list[str], dict[str, object]]]]

IREDMAIL: Layout = (
    "iredmail",
    "mail",
    [
        ("o=domains", ["organization"], {}),
        (f"domainName={DOMAIN},o=domains", ["mailDomain"], {"accountStatus": "active", "enabledService": ["mail"]}),
        (f"ou=Users,domainName={DOMAIN},o=domains", ["organizationalUnit"], {}),
    ],
)
UCS: Layout = ("ucs", "ucs", [("cn=users", ["organizationalRole"], {})])

#: How Dovecot looks for a mailbox of iRedMail.
MAILBOX = (
    f"(&(objectClass=mailUser)(accountStatus=active)(enabledService=mail)(enabledService=imap)(mail={LOGIN}@{DOMAIN}))"
)


@pytest.mark.parametrize("example", ["iredmail", "ucs"])
def test_the_configuration_of_an_example_is_read(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all its tables, as the program reads it."""
    monkeypatch.setenv("LDAP_PASSWORD", "x")

    loaded = load(EXAMPLES / example / "provisioner.toml")

    assert set(loaded.content.channels) == {"sms"}


@pytest.mark.parametrize("site", [IREDMAIL], indirect=True)
class TestIRedMail:
    def test_an_account_is_where_iredmail_looks_for_it(self, site: FieldSite) -> None:
        site.open()

        dn = f"mail={LOGIN}@{DOMAIN},ou=Users,domainName={DOMAIN},{site.base_dn}"
        entry = site.admin.read(dn)
        assert entry is not None
        assert site.admin.logs_in(dn, site.password)
        assert site.found(MAILBOX)
        assert entry["shadowAddress"] == [f"46-tem@{DOMAIN}".encode()]
        assert len(entry["enabledService"]) > 20
        assert site.differences() == []

    def test_a_closed_mailbox_is_disabled_for_postfix_and_dovecot(self, site: FieldSite) -> None:
        site.open()
        old = site.password

        assert [operation.state for operation in site.harness.rotate([LOGIN])] == [OperationState.DONE]
        assert [operation.state for operation in site.harness.close_accounts([LOGIN])] == [OperationState.DONE]

        dn = f"mail={LOGIN}@{DOMAIN},ou=Users,domainName={DOMAIN},{site.base_dn}"
        assert not site.found(MAILBOX)
        assert site.admin.text(dn, "accountStatus") == "disabled"
        assert not site.admin.logs_in(dn, old)
        assert not site.admin.logs_in(dn, site.password), "the mark alone refuses no log-in to the directory"
        assert site.differences() == []

    def test_a_reopened_mailbox_is_active_again(self, site: FieldSite) -> None:
        site.open()
        site.harness.close_accounts([LOGIN])

        site.harness.reopen([LOGIN])

        assert site.found(MAILBOX)
        assert site.harness.account(LOGIN).state is AccountState.OPEN

    def test_an_update_does_not_activate_a_mailbox_that_iredadmin_has_disabled(self, site: FieldSite) -> None:
        """It is listed as disabled, and a rotation says so."""
        site.open()
        dn = f"mail={LOGIN}@{DOMAIN},ou=Users,domainName={DOMAIN},{site.base_dn}"
        site.admin.replace(dn, accountStatus="disabled")
        site.harness.know(units=[RENAMED])

        site.harness.update([LOGIN])
        [rotated] = site.harness.rotate([LOGIN])

        assert site.admin.text(dn, "cn") == RENAMED.name
        assert site.admin.text(dn, "accountStatus") == "disabled"
        assert rotated.state is not OperationState.DONE
        assert rotated.error is not None
        assert "accountStatus=disabled" in str(rotated.error.message)

    def test_an_undo_of_a_closure_removes_the_mark(self, site: FieldSite) -> None:
        site.open()
        receipt = site.ldap.account_close(samples.close())
        assert receipt.undo is not None

        receipt.undo()

        assert site.found(MAILBOX)
        assert site.ldap.account_probe(samples.probe()).presence is Presence.ENABLED


@pytest.mark.parametrize("site", [UCS], indirect=True)
class TestUcs:
    def test_an_account_has_its_mailbox_and_its_number(self, site: FieldSite) -> None:
        site.open()

        dn = f"uid={LOGIN},{site.base_dn}"
        assert site.admin.logs_in(dn, site.password)
        assert site.found(f"(&(objectClass=univentionMail)(mailPrimaryAddress={LOGIN}@{DOMAIN}))")
        assert site.admin.text(dn, "uidNumber") == "100000"
        assert site.admin.text(dn, "gidNumber") == "5001"
        assert site.differences() == []

    def test_a_closed_account_is_expired_until_it_is_reopened(self, site: FieldSite) -> None:
        site.open()
        dn = f"uid={LOGIN},{site.base_dn}"

        site.harness.rotate([LOGIN])
        site.harness.close_accounts([LOGIN])
        assert site.admin.text(dn, "shadowExpire") == "1"
        assert not site.admin.logs_in(dn, site.password)
        site.harness.reopen([LOGIN])

        assert site.admin.text(dn, "shadowExpire") is None
        assert site.admin.text(dn, "uidNumber") == "100000"
        assert site.admin.logs_in(dn, site.password)
        assert site.differences() == []
