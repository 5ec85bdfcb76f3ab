"""The password of the service account itself, on each kind of directory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from provisioner.core.api.errors import ForbiddenError, MisconfiguredError, UnavailableError
from provisioner.core.api.messages import ProbeCredential, SetCredential
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.private import PrivateDirectory
from provisioner.testing.samba import Samba
from provisioner.testing.slapd import Slapd
from provisioner_ldap.directory import Directory
from provisioner_ldap.settings import LdapSettings

_numbers = itertools.count(1)

POLICY = {"pwdMustChange": "TRUE", "pwdInHistory": "3", "pwdCheckQuality": "1"}


def fresh() -> Secret:
    return Secret(f"Kirmizi-Elma-{next(_numbers)}-x9Q")


def settings_of(server: PrivateDirectory, **others: Any) -> LdapSettings:
    table: dict[str, Any] = {
        "urls": (server.ldaps_url,),
        "bind_dn": server.bind_dn,
        "bind_password": server.bind_password,
        "base_dn": server.base_dn,
        "ca_file": server.ca_file,
        **others,
    }
    return LdapSettings(**table)


Open = Callable[..., Directory]


@pytest.fixture(name="open_directory")
def _open_directory() -> Iterator[Open]:
    with ExitStack() as stack:

        def make(server: PrivateDirectory, **others: Any) -> Directory:
            return stack.enter_context(closing(Directory(settings=settings_of(server, **others))))

        yield make


@pytest.fixture(
    scope="module",
    name="server",
    params=[
        pytest.param(lambda: Slapd(policy=POLICY), id="openldap", marks=pytest.mark.server("slapd")),
        pytest.param(NsSlapd, id="389ds", marks=pytest.mark.server("dirsrv389")),
        pytest.param(Samba, id="samba", marks=[pytest.mark.slow, pytest.mark.server("samba")]),
    ],
)
def _server(request: pytest.FixtureRequest) -> Iterator[PrivateDirectory]:
    with request.param() as server:
        yield server


def replaced(server: PrivateDirectory, directory: Directory) -> Secret:
    """Set another password, and return the former one."""
    former, server.bind_password = server.bind_password, fresh()
    directory.credential.set(SetCredential(secret=server.bind_password))
    return former


def test_the_new_password_is_valid_and_the_former_one_is_void(server: PrivateDirectory, open_directory: Open) -> None:
    """Active Directory would take the former one for an hour."""
    directory = open_directory(server)
    former = replaced(server, directory)

    assert directory.credential.probe(ProbeCredential(secret=server.bind_password)).accepted_by == (server.ldaps_url,)
    assert directory.credential.probe(ProbeCredential(secret=former)).refused_by == (server.ldaps_url,)


def test_the_same_password_can_be_set_again(server: PrivateDirectory, open_directory: Open) -> None:
    """The answer to the first request may have been lost."""
    directory = open_directory(server)
    replaced(server, directory)
    directory.credential.set(SetCredential(secret=server.bind_password))

    assert not directory.credential.probe(ProbeCredential(secret=server.bind_password)).refused_by


def test_who_has_the_former_password_logs_in_with_the_one_that_is_stored_now(
    server: PrivateDirectory, open_directory: Open
) -> None:
    """A program that runs since before the rotation, or one that starts in the middle of it."""
    former = replaced(server, open_directory(server))
    valid = server.bind_password
    late = open_directory(server, bind_password=Secret(former.reveal(), others=lambda: [valid]))

    assert replaced(server, late) is valid


def test_a_wrong_password_is_still_a_wrong_setting(server: PrivateDirectory, open_directory: Open) -> None:
    with pytest.raises(MisconfiguredError):
        open_directory(server, bind_password=Secret("none", others=lambda: [Secret("neither")])).check()


@pytest.mark.server("slapd")
def test_a_server_that_does_not_answer_is_no_refusal(open_directory: Open) -> None:
    with Slapd() as server:
        directory = open_directory(server, urls=(server.ldaps_url, "ldaps://127.0.0.1:1"))

        with pytest.raises(UnavailableError):
            directory.credential.probe(ProbeCredential(secret=samples.SECRET))


@pytest.mark.server("slapd")
def test_an_account_that_may_not_change_itself_is_told_so(open_directory: Open) -> None:
    rule = f'to dn.exact="{Slapd.bind_dn}" attrs=userPassword by anonymous auth by * none'
    with Slapd(rules=[rule]) as server, pytest.raises((ForbiddenError, MisconfiguredError)):
        open_directory(server).credential.set(SetCredential(secret=fresh()))
