"""The service account logs in without a password: with a certificate, or as a user of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError, MisconfiguredError, UnavailableError
from provisioner.core.model import Account
from provisioner.testing import samples
from provisioner.testing.private import make_certificate
from provisioner.testing.slapd import Slapd
from provisioner_ldap.families import openldap
from provisioner_ldap.settings import LdapSettings
from tests.plugins.ldap.conftest import MakeDirectory

BASE = {"base_dn": "ou=units,dc=example,dc=org"}
NOBODY: dict[str, Any] = {"bind_dn": "", "bind_password": None}


def settings(**others: Any) -> LdapSettings:
    loaded = structure({**BASE, **others}, LdapSettings, "targets.mail", file=Path("/etc/provisioner.toml"))
    loaded.verify("targets.mail")
    return loaded


@pytest.mark.parametrize(
    "enough",
    [
        {"urls": ["ldaps://a"], "client_certificate": "our.pem"},
        {"urls": ["ldap://a"], "client_certificate": "our.pem", "client_key": "our.key"},
        {"urls": ["ldapi://%2Frun%2Fslapd%2Fldapi"]},
    ],
)
def test_a_certificate_or_a_socket_replaces_the_password(enough: dict[str, Any]) -> None:
    assert settings(**enough).bind_password is None


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"urls": ["ldaps://a"]}, "bind_dn"),
        ({"urls": ["ldap://a"], "tls": "none", "client_certificate": "our.pem"}, "bind_dn"),
        ({"urls": ["ldapi://%2Frun%2Fldapi", "ldaps://a"]}, "bind_dn"),
        ({"urls": ["ldaps://a"], "bind_dn": "cn=a"}, "bind_password"),
        ({"urls": ["ldapi:///run/ldapi"]}, "urls[0]"),
        ({"urls": ["ldapi://run"]}, "urls[0]"),
    ],
)
def test_what_cannot_log_in_everywhere_is_named(wrong: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**wrong)

    assert f"targets.mail.{place}" in str(caught.value)


@pytest.fixture(scope="module", name="open_minded")
def _open_minded() -> Iterator[Slapd]:
    with Slapd(external=True) as server:
        yield server


@pytest.mark.server("slapd")
class TestRealServer:
    @pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
    def test_a_certificate_logs_in(
        self, make_directory: MakeDirectory, open_minded: Slapd, account: Account, scheme: str
    ) -> None:
        directory = make_directory(
            open_minded,
            **NOBODY,
            urls=(open_minded.ldaps_url if scheme == "ldaps" else open_minded.url,),
            client_certificate=open_minded.ca_file,
            client_key=open_minded.folder / "server.key",
        )

        directory.check()
        directory.create(samples.create(account))

        assert directory.probe(samples.probe(samples.SECRET, account)).secret_accepted

    def test_a_user_of_this_machine_logs_in_through_the_socket(
        self, make_directory: MakeDirectory, open_minded: Slapd, account: Account
    ) -> None:
        directory = make_directory(open_minded, **NOBODY, urls=(open_minded.ldapi_url,))

        report = directory.check()
        directory.create(samples.create(account))

        assert report.warnings == (openldap.POLICY_UNKNOWN,)
        assert directory.probe(samples.probe(samples.SECRET, account)).secret_accepted
        assert directory.probe(samples.probe(samples.OTHER_SECRET, account)).secret_accepted is False

    def test_a_password_works_through_the_socket_too(self, make_directory: MakeDirectory, slapd: Slapd) -> None:
        assert make_directory(urls=(slapd.ldapi_url,)).check().warnings == ()

    def test_a_socket_that_is_not_there_is_unavailable(
        self, make_directory: MakeDirectory, open_minded: Slapd, tmp_path: Path
    ) -> None:
        url = f"ldapi://{tmp_path}/none".replace("/", "%2F").replace("ldapi:%2F%2F", "ldapi://")

        with pytest.raises(Exception, match="does not answer"):
            make_directory(open_minded, **NOBODY, urls=(url,)).check()

    def test_a_certificate_that_the_server_does_not_know_does_not_log_in(
        self, make_directory: MakeDirectory, open_minded: Slapd, tmp_path: Path
    ) -> None:
        make_certificate(tmp_path / "strange.pem", tmp_path / "strange.key")
        directory = make_directory(
            open_minded, **NOBODY, client_certificate=tmp_path / "strange.pem", client_key=tmp_path / "strange.key"
        )

        with pytest.raises((MisconfiguredError, UnavailableError)):
            directory.check()

    def test_a_directory_that_takes_no_certificates_is_a_wrong_setting(
        self, make_directory: MakeDirectory, slapd: Slapd
    ) -> None:
        directory = make_directory(
            slapd, **NOBODY, client_certificate=slapd.ca_file, client_key=slapd.folder / "server.key"
        )

        with pytest.raises(MisconfiguredError) as caught:
            directory.check()

        assert "SASL EXTERNAL" in str(caught.value.cure)

    def test_a_certificate_that_cannot_be_read_is_named(
        self, make_directory: MakeDirectory, open_minded: Slapd, tmp_path: Path
    ) -> None:
        directory = make_directory(open_minded, **NOBODY, client_certificate=tmp_path / "none.pem")

        with pytest.raises(MisconfiguredError, match=r"none\.pem"):
            directory.check()

    def test_trial_log_ins_do_not_show_the_certificate(
        self, make_directory: MakeDirectory, open_minded: Slapd, account: Account
    ) -> None:
        """A password is tried as a mail program would try it, which has no certificate."""
        directory = make_directory(
            open_minded,
            **NOBODY,
            client_certificate=open_minded.ca_file,
            client_key=open_minded.folder / "server.key",
        )
        directory.create(samples.create(account))

        assert directory.probe(samples.probe(samples.OTHER_SECRET, account)).secret_accepted is False
