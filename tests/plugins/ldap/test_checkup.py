"""What ``provisioner check`` says of a directory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from provisioner.core.api.errors import MisconfiguredError, SecretRefusedError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.model import AccountKind
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.slapd import Slapd
from provisioner_ldap import checkup, ppolicy
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import Entry
from provisioner_ldap.families import openldap
from provisioner_ldap.families.openldap import OpenLdap
from provisioner_ldap.ppolicy import PASSWORD_MODIFY
from provisioner_ldap.settings import LdapSettings, TlsMode
from tests.plugins.ldap.conftest import MakeDirectory

ALL = frozenset({"account_create", "account_close", "account_rotate", "account_handover", "account_update"})


@pytest.mark.server("slapd")
class TestRealServer:
    def test_a_good_one_has_no_warnings(self, make_directory: MakeDirectory, slapd: Slapd) -> None:
        report = make_directory().check()

        assert report.warnings == ()
        assert report.capabilities.undoes == ALL
        assert report.capabilities.facts == {"product": "OpenLDAP", "server": slapd.ldaps_url, "tls": "TLSv1.3"}

    @pytest.mark.parametrize(
        "wrong",
        [
            {"bind_password": Secret("not-the-right-one")},
            {"bind_dn": "cn=nobody,dc=directory,dc=test"},
            {"bind_dn": "not a name"},
        ],
    )
    def test_wrong_credentials_are_a_wrong_setting(self, make_directory: MakeDirectory, wrong: dict[str, Any]) -> None:
        with pytest.raises(MisconfiguredError) as caught:
            make_directory(**wrong).check()

        assert "bind_dn" in str(caught.value.cure)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"base_dn": "ou=nowhere,dc=directory,dc=test"},
            {"base_of_kind": {AccountKind.PERSONAL: "ou=nowhere,dc=directory,dc=test"}},
        ],
    )
    def test_a_missing_container_is_a_wrong_setting(self, make_directory: MakeDirectory, wrong: dict[str, Any]) -> None:
        with pytest.raises(MisconfiguredError, match="ou=nowhere"):
            make_directory(**wrong).check()

    def test_clear_text_is_warned_of(self, make_directory: MakeDirectory, slapd: Slapd) -> None:
        report = make_directory(urls=(slapd.url,), tls=TlsMode.NONE).check()

        assert report.warnings == (checkup.UNENCRYPTED,)
        assert report.capabilities.facts["tls"] == "none"

    def test_an_administrator_as_service_account_is_warned_of(
        self, make_directory: MakeDirectory, slapd: Slapd
    ) -> None:
        """No policy binds the server's own administrator, so weak passwords would pass."""
        report = make_directory(bind_dn=slapd.admin_dn, bind_password=slapd.admin_password).check()

        assert report.warnings == (openldap.NOT_POLICED,)

    def test_an_unreadable_policy_is_warned_of(self, make_directory: MakeDirectory) -> None:
        report = make_directory(policy_dn="cn=nowhere,dc=directory,dc=test").check()

        assert report.warnings == (checkup.POLICY_UNREADABLE,)

    def test_a_policy_may_be_left_out(self, make_directory: MakeDirectory) -> None:
        assert make_directory(policy_dn=None).check().warnings == ()

    def test_where_hashes_are_refused_no_undo_of_passwords_is_promised(self, make_directory: MakeDirectory) -> None:
        with Slapd(policy={"pwdCheckQuality": "2"}) as strict:
            report = make_directory(strict).check()

        assert report.warnings == (openldap.NOT_RESTORABLE,)
        assert report.capabilities.undoes == {"account_close", "account_update"}


@pytest.mark.server("slapd")
class TestPolicies:
    """What a password policy says is said before it stands in the way."""

    def test_one_that_wants_the_old_password_is_a_wrong_setting(self, make_directory: MakeDirectory) -> None:
        with (
            Slapd(policy={"pwdSafeModify": "TRUE"}) as strict,
            pytest.raises(MisconfiguredError, match="without the old one") as caught,
        ):
            make_directory(strict).check()

        assert "pwdSafeModify" in str(caught.value.cure)

    def test_one_that_wants_passwords_to_be_kept_is_warned_of(self, make_directory: MakeDirectory) -> None:
        with Slapd(policy={"pwdMinAge": "3600"}) as strict:
            assert make_directory(strict).check().warnings == (openldap.TOO_YOUNG,)

    def test_lengths_and_age_are_reported(self, make_directory: MakeDirectory) -> None:
        lengths = {"pwdMinLength": "14", "pwdMaxLength": "20"}
        with Slapd(policy={"pwdCheckQuality": "1", "pwdMaxAge": "1728000", **lengths}) as strict:
            report = make_directory(strict).check()

        assert report.passwords == PasswordLimits(minimum_length=14, maximum_length=20, maximum_age=1728000)

    @pytest.mark.parametrize("quality", ["0", "1"])
    def test_lengths_count_only_where_passwords_are_judged(self, make_directory: MakeDirectory, quality: str) -> None:
        """As the directory itself does: see what becomes of a short one."""
        with Slapd(policy={"pwdCheckQuality": quality, "pwdMinLength": "40"}) as strict:
            directory = make_directory(strict)
            limits = directory.check().passwords
            try:
                directory.create(samples.create())
            except SecretRefusedError:
                assert limits.minimum_length == 40
            else:
                assert limits.minimum_length == 0


class Sparse:
    """A server that has only what it is told to have."""

    server = "ldap://sparse"
    tls_version = None
    certificate_until = None
    policed = False
    family = OpenLdap()

    def __init__(self, **root: tuple[bytes, ...]) -> None:
        self._root = Entry("", {"objectclass": (b"top",), **root})

    def read(self, dn: str, _: object, __: object = None) -> Entry:
        return self._root if not dn else Entry(dn, {"objectclass": (b"top",)})


@pytest.fixture(name="settings")
def _settings() -> LdapSettings:
    return LdapSettings(
        urls=("ldap://sparse",), bind_dn="cn=a,dc=test", bind_password=Secret("x"), base_dn="ou=units,dc=test"
    )


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({}, "RFC 3062"),
        ({"supportedextension": (PASSWORD_MODIFY.encode(),)}, "cannot close accounts"),
    ],
)
def test_a_server_that_lacks_something_is_refused(settings: LdapSettings, root: Any, words: str) -> None:
    with pytest.raises(MisconfiguredError, match=words):
        checkup.check(cast("LdapSession", Sparse(**root)), settings)


def test_another_product_is_named_as_it_names_itself(settings: LdapSettings) -> None:
    session = Sparse(
        supportedextension=(PASSWORD_MODIFY.encode(),),
        supportedcontrol=(ppolicy.OID.encode(),),
        vendorname=(b"389 Project",),
        vendorversion=(b"2.3.1",),
    )

    report = checkup.check(cast("LdapSession", session), settings)

    assert report.capabilities.facts["product"] == "389 Project 2.3.1"
