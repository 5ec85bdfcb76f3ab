"""The plug-in mail on a real Dovecot that remembers log-ins, with the accounts in OpenLDAP."""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from provisioner.config.structure import structure
from provisioner.core.model.secret import Secret
from provisioner.testing.contract import SessionsContract
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.ports import free_ports
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_mail.plugin import MailTarget
from provisioner_mail.settings import MailSettings
from tests.contract.directories import made

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("dovecot")]


@pytest.fixture(name="slapd", scope="module")
def _slapd() -> Iterator[Slapd]:
    with Slapd() as slapd:
        yield slapd


@pytest.fixture(name="dovecot", scope="module")
def _dovecot(slapd: Slapd) -> Iterator[Dovecot]:
    with Dovecot(directory=slapd, cached=True) as dovecot:
        yield dovecot


def mail_target(dovecot: Dovecot, **others: Any) -> MailTarget:
    """Return a target on a server, with other settings than usual."""
    settings = structure(dovecot.config | others, MailSettings, "targets.mail", file=Path("/provisioner.toml"))
    return MailTarget(name="mail", settings=settings)


class TestMail(SessionsContract):
    """Over IMAP, as mail programs log in."""

    @pytest.fixture
    def directory(self, slapd: Slapd) -> Iterator[Ldap]:
        with closing(made(slapd)) as ldap:
            yield ldap

    @pytest.fixture
    def target(self, dovecot: Dovecot) -> Iterator[MailTarget]:
        with closing(mail_target(dovecot)) as mail:
            yield mail

    @pytest.fixture
    def unreachable_target(self, dovecot: Dovecot) -> Iterator[MailTarget]:
        [port] = free_ports(1)
        servers = [dovecot.addresses | {"api": f"https://127.0.0.1:{port}"}]
        with closing(mail_target(dovecot, servers=servers)) as mail:
            yield mail

    @pytest.fixture
    def open_session(self, dovecot: Dovecot) -> Iterator[Callable[[str, str], Callable[[], bool]]]:
        with ExitStack() as stack:

            def open_session(login: str, password: str) -> Callable[[], bool]:
                try:
                    return stack.enter_context(dovecot.session(login, Secret(password))).is_open
                except imaplib.IMAP4.error:
                    return lambda: False

            yield open_session

    @pytest.fixture
    def patience(self) -> float:
        return 60.0
