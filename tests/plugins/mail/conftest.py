"""A private directory, a private mail server that asks it and remembers the answers, and a target for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import attrs
import pytest

from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient
from provisioner.net.tls import trusting
from provisioner.testing import samples
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings
from provisioner_mail.doveadm import Doveadm
from provisioner_mail.imap import ImapServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session", name="slapd")
def _slapd() -> Iterator[Slapd]:
    with Slapd() as slapd:
        yield slapd


@pytest.fixture(scope="session", name="dovecot")
def _dovecot(slapd: Slapd) -> Iterator[Dovecot]:
    with Dovecot(directory=slapd, cached=True) as dovecot:
        yield dovecot


@pytest.fixture(name="account")
def _account() -> Account:
    """An account that no other test has."""
    return attrs.evolve(samples.ACCOUNT, login=f"birim{next(_numbers)}")


@pytest.fixture(name="directory")
def _directory(slapd: Slapd) -> Iterator[Ldap]:
    """The directory, as the product changes it."""
    settings = LdapSettings(
        urls=(slapd.ldaps_url,),
        bind_dn=slapd.bind_dn,
        bind_password=slapd.bind_password,
        base_dn=slapd.base_dn,
        ca_file=slapd.ca_file,
    )
    with closing(Ldap(settings=settings)) as directory:
        yield directory


@pytest.fixture(name="opened")
def _opened(directory: Ldap, account: Account) -> Account:
    """The account, after it was created in the directory with the password of the samples."""
    directory.account_create(samples.create(account))
    return account


def doveadm_of(dovecot: Dovecot, api_key: Secret | None = None, timeout: float = 60) -> Doveadm:
    """Return the API of a server."""
    http = HttpClient.open(timeout=timeout, ca_file=dovecot.ca_file)
    return Doveadm.at(dovecot.addresses["api"], api_key or dovecot.api_key, http)


def imap_of(dovecot: Dovecot, timeout: float = 60) -> ImapServer:
    """Return IMAP on a server."""
    return ImapServer.at(dovecot.addresses["imap"], timeout=timeout, trust=trusting(dovecot.ca_file))
