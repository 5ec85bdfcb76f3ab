"""POSIX numbers on a real server: none is given twice, even if processes compete or die."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import PlannedChange, ProbeAccount
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.testing import samples
from provisioner.testing.samples import HOLDER, UNIT
from provisioner.testing.slapd import Slapd
from provisioner_ldap.client import LdapSession
from provisioner_ldap.directory import Directory
from provisioner_ldap.settings import NumberSettings
from tests.plugins.ldap.conftest import Administrator, settings_of

pytestmark = pytest.mark.server("slapd")

COUNTER = f"cn=next-number,{Slapd.base_dn}"

LAYOUT: dict[str, Any] = {
    "object_classes": ("inetOrgPerson", "posixAccount"),
    "numbers": NumberSettings(first=20000, last=20999, counter_dn=COUNTER),
    "attributes": {
        "cn": "{unit_name}",
        "sn": "{login}",
        "uidNumber": "{number}",
        "gidNumber": "{number}",
        "homeDirectory": "/home/{login}",
    },
}

#: What another process does: it opens accounts on the same server.
OPENING = """
import sys
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner_ldap.directory import Directory
from tests.plugins.ldap.test_numbers import LAYOUT
from provisioner_ldap.settings import LdapSettings, TlsMode
import attrs
url, bind_dn, base_dn, prefix, count = sys.argv[1:]
settings = LdapSettings(urls=(url,), bind_dn=bind_dn, bind_password=Secret(sys.stdin.readline().strip()),
    base_dn=base_dn, tls=TlsMode.NONE, **LAYOUT)
directory = Directory(settings=settings)
for number in range(int(count)):
    directory.create(samples.create(attrs.evolve(samples.ACCOUNT, login=f"{prefix}{number}")))
"""


@pytest.fixture(name="server")
def _server() -> Iterator[Slapd]:
    with Slapd() as server:
        yield server


@pytest.fixture(name="posix")
def _posix(server: Slapd) -> Iterator[Directory]:
    with closing(Directory(settings=settings_of(server, **LAYOUT))) as directory:
        yield directory


@pytest.fixture(name="admin")
def _admin(server: Slapd) -> Iterator[Administrator]:
    with closing(Administrator(server)) as administrator:
        yield administrator


def accounts(prefix: str) -> Iterator[Account]:
    return (attrs.evolve(samples.ACCOUNT, login=f"{prefix}{number}") for number in itertools.count())


def numbers(directory: Directory) -> list[int]:
    entries = [entry for page in directory.accounts() for entry in page.accounts]
    assert all(entry.attributes["uidNumber"] == entry.attributes["gidNumber"] for entry in entries)
    return sorted(int(entry.attributes["uidNumber"]) for entry in entries)


def test_accounts_get_numbers_from_the_beginning_of_the_range(posix: Directory) -> None:
    for account in itertools.islice(accounts("a"), 3):
        posix.create(samples.create(account))

    assert numbers(posix) == [20000, 20001, 20002]


def test_an_account_keeps_its_number(posix: Directory, admin: Administrator) -> None:
    """Its files belong to the number."""
    account = next(accounts("a"))
    posix.create(samples.create(account))

    posix.shut(samples.close(account))
    posix.create(samples.create(account))
    posix.hand_over(samples.handover(account))

    assert posix.update(samples.update(account)).outcome is Outcome.UNCHANGED
    assert admin.text(admin.dn(account), "uidNumber") == "20000"
    assert admin.text(COUNTER, "serialNumber") == "20001"


def test_the_number_of_a_deleted_account_is_not_given_again(posix: Directory, admin: Administrator) -> None:
    """Its files may still be there."""
    first, second = itertools.islice(accounts("a"), 2)
    posix.create(samples.create(first))
    posix.shut(samples.close(first))
    posix.delete(samples.delete(first))

    posix.create(samples.create(second))

    assert admin.text(admin.dn(second), "uidNumber") == "20001"


def test_a_counter_that_was_deleted_begins_after_what_is_given(posix: Directory, admin: Administrator) -> None:
    first, second = itertools.islice(accounts("a"), 2)
    posix.create(samples.create(first))
    admin.delete(COUNTER)

    posix.create(samples.create(second))

    assert numbers(posix) == [20000, 20001]


def test_a_number_that_somebody_else_has_given_is_passed(posix: Directory, admin: Administrator) -> None:
    first, second = itertools.islice(accounts("a"), 2)
    posix.create(samples.create(first))
    attributes = {"cn": "x", "sn": "x", "uidNumber": "20001", "gidNumber": "5", "homeDirectory": "/x"}
    admin.add(f"uid=other,{Slapd.base_dn}", ["inetOrgPerson", "posixAccount"], attributes)

    posix.create(samples.create(second))

    assert admin.text(admin.dn(second), "uidNumber") == "20002"


def test_an_account_without_a_number_gets_one_with_an_update_and_not_with_a_dry_run(
    server: Slapd, posix: Directory, admin: Administrator
) -> None:
    account = next(accounts("a"))
    with closing(Directory(settings=settings_of(server))) as plain:
        plain.create(samples.create(account))
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=UNIT, holder=HOLDER)

    changes = posix.probe(ProbeAccount(account=account, planned=planned)).changes

    assert {change.name: change.adds for change in changes}["uidNumber"] == ("…",)
    assert admin.read(COUNTER) is None
    posix.update(samples.update(account))
    assert admin.text(admin.dn(account), "uidNumber") == "20000"
    assert posix.probe(ProbeAccount(account=account, planned=planned)).changes == ()


def test_a_range_that_is_used_up_is_said(server: Slapd) -> None:
    short = NumberSettings(first=7, last=7, counter_dn=COUNTER)
    with closing(Directory(settings=settings_of(server, **{**LAYOUT, "numbers": short}))) as directory:
        first, second = itertools.islice(accounts("a"), 2)
        directory.create(samples.create(first))

        with pytest.raises(RefusedError, match="no number from 7 to 7 is left"):
            directory.create(samples.create(second))


def test_a_number_lost_by_a_crash_is_a_gap_and_no_duplicate(
    posix: Directory, admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = itertools.islice(accounts("a"), 2)

    class DeadError(BaseException):
        """The process is gone."""

    def die(*_: object, **__: object) -> bool:
        raise DeadError

    posix.create(samples.create(next(accounts("z"))))
    with monkeypatch.context() as patch:
        patch.setattr(LdapSession, "add", die)
        with pytest.raises(DeadError):
            posix.create(samples.create(first))

    posix.create(samples.create(second))
    posix.create(samples.create(first))

    assert numbers(posix) == [20000, 20002, 20003]


def test_threads_and_processes_that_open_at_once_share_no_number(server: Slapd, posix: Directory) -> None:
    """Eight threads here and two more processes, with one counter that none of them has made before."""
    command = [sys.executable, "-c", OPENING, server.url, server.bind_dn, server.base_dn]
    others = [subprocess.Popen([*command, prefix, "20"], stdin=subprocess.PIPE, text=True) for prefix in ("b", "c")]
    for other in others:
        assert other.stdin is not None
        other.stdin.write(f"{server.bind_password.reveal()}\n")
        other.stdin.close()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: posix.create(samples.create(one)), itertools.islice(accounts("a"), 60)))

    assert [other.wait(60) for other in others] == [0, 0]
    given = numbers(posix)
    assert len(given) == 100
    assert len(set(given)) == 100
