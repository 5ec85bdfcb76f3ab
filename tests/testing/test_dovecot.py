from __future__ import annotations

from collections.abc import Iterator

import ldap3
import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.slapd import Slapd

pytestmark = [pytest.mark.server("slapd"), pytest.mark.server("dovecot")]

#: Everything that IMAP has a meaning for.
PASSWORD = 'p(a)s*s "w\\o%r{d}'


@pytest.fixture(name="directory", scope="module")
def _directory() -> Iterator[Slapd]:
    with Slapd() as directory:
        server = ldap3.Server(directory.url, get_info=ldap3.NONE)
        admin = directory.admin_dn, directory.admin_password.reveal()
        connection = ldap3.Connection(server, *admin, client_strategy=ldap3.SAFE_SYNC, auto_bind=True)
        entry = {"cn": "ab46", "sn": "ab46", "mail": "ab46@meb.gov.tr", "userPassword": PASSWORD}
        assert connection.add(f"uid=ab46,{directory.base_dn}", "inetOrgPerson", entry)[0]
        connection.unbind()
        yield directory


@pytest.fixture(name="mail", scope="module")
def _mail(directory: Slapd) -> Iterator[Dovecot]:
    with Dovecot(directory=directory) as mail:
        yield mail


@pytest.mark.parametrize("login", ["ab46", "ab46@meb.gov.tr", "AB46"])
def test_the_password_in_the_directory_opens_the_mailbox(mail: Dovecot, login: str) -> None:
    assert mail.logs_in(login, PASSWORD)
    assert PASSWORD not in mail.log()


@pytest.mark.parametrize("login", ["ab46", "nobody", "*"])
def test_nothing_else_opens_one(mail: Dovecot, login: str) -> None:
    assert not mail.logs_in(login, "another password")
    assert "another password" not in mail.log()


def test_a_directory_that_is_away_is_not_taken_for_a_wrong_password(mail: Dovecot, directory: Slapd) -> None:
    directory.kill()
    try:
        with pytest.raises(ConfigurationError, match="the mail server could not test the login"):
            mail.logs_in("ab46", PASSWORD)
    finally:
        directory.start()
