"""What is not found is absent only if it is nowhere: not moved by somebody, not hidden, and not on another server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    PartialListError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import Entitlements, Presence, RenameAccount
from provisioner.core.model import Account, Unit
from provisioner.testing import samples
from provisioner.testing.samples import SECRET
from provisioner.testing.slapd import Slapd
from provisioner_ldap.client import LdapSession
from provisioner_ldap.directory import Directory
from tests.plugins.ldap.conftest import Administrator, MakeDirectory
from tests.plugins.ldap.test_containers import below, creating, district, dn, group_with, members
from tests.plugins.ldap.test_listing import listed

pytestmark = pytest.mark.server("slapd")

CALLS: dict[str, Callable[[Directory, Account], object]] = {
    "probe": lambda directory, account: directory.probe(samples.probe(None, account)),
    "close": lambda directory, account: directory.shut(samples.close(account)),
    "rotate": lambda directory, account: directory.rotate(samples.rotate(account)),
    "delete": lambda directory, account: directory.delete(samples.delete(account)),
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
def test_an_entry_that_somebody_moved_is_not_absent(
    directory: Directory,
    account: Account,
    administrator: Administrator,
    slapd: Slapd,
    call: Callable[[Directory, Account], object],
) -> None:
    """Its owner still logs in where programs look for the login below the base."""
    directory.create(samples.create(account))
    folder = f"ou=arsiv-{account.login},{slapd.base_dn}"
    administrator.add(folder, ["organizationalUnit"], {})
    administrator.move(administrator.dn(account), folder)

    with pytest.raises(ConflictError) as caught:
        call(directory, account)

    assert f"uid={account.login},{folder}" in str(caught.value)
    assert administrator.logs_in(f"uid={account.login},{folder}", SECRET.reveal())


@pytest.mark.parametrize("container", [None, "ou={parent_name}"])
@pytest.mark.parametrize("name", ["probe", "close", "delete"])
def test_nothing_is_absent_below_a_base_that_is_gone(
    make_directory: MakeDirectory, account: Account, slapd: Slapd, container: str | None, name: str
) -> None:
    directory = make_directory(base_dn=f"ou=yok,{slapd.base_dn}", container=container)

    with pytest.raises(MisconfiguredError, match="ou=yok"):
        CALLS[name](directory, account)


@pytest.fixture(name="hiding", scope="module")
def _hiding() -> Iterator[Slapd]:
    """Yield a server that shows the service account that there is an entry or a group, and nothing of it."""
    rule = 'to dn.regex="^(uid|cn)=gizli," by dn.exact="{}" search by users read by anonymous auth'
    with Slapd(rules=[rule.format(Slapd.bind_dn)]) as server:
        administrator = Administrator(server)
        administrator.add(f"uid=gizli,{server.base_dn}", ["inetOrgPerson"], {"cn": "x", "sn": "x"})
        administrator.add(f"cn=gizli,{server.base_dn}", ["groupOfNames"], {"member": f"uid=acik,{server.base_dn}"})
        administrator.close()
        yield server


@every_call
def test_an_entry_that_is_hidden_is_not_absent(
    make_directory: MakeDirectory, hiding: Slapd, call: Callable[[Directory, Account], object]
) -> None:
    with pytest.raises(ForbiddenError, match="uid=gizli"):
        call(make_directory(hiding), attrs.evolve(samples.ACCOUNT, login="gizli"))


def test_a_group_that_is_hidden_is_not_taken_for_one_that_is_gone(make_directory: MakeDirectory, hiding: Slapd) -> None:
    directory, account = make_directory(hiding), attrs.evolve(samples.ACCOUNT, login="acik")
    directory.create(samples.create(account))
    rights = Entitlements(withdrawn=frozenset({f"cn=gizli,{hiding.base_dn}"}))

    with pytest.raises(ForbiddenError, match="cn=gizli"):
        directory.shut(attrs.evolve(samples.close(account), entitlements=rights))


@pytest.fixture(name="divided")
def _divided(account: Account, administrator: Administrator, slapd: Slapd) -> Iterator[str]:
    """Yield the name of an entry below the base that is on another server."""
    place = f"ou=baska-{account.login},{slapd.base_dn}"
    administrator.add(place, ["referral", "extensibleObject"], {"ref": f"ldap://127.0.0.1:1/{place}"})
    yield place
    administrator.delete_referral(place)


@pytest.mark.usefixtures("divided")
def test_a_list_without_the_containers_of_another_server_is_not_whole(make_directory: MakeDirectory) -> None:
    with pytest.raises(PartialListError, match="baska"):
        listed(make_directory(container="ou={parent_name}"))


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("name", ["probe", "close", "delete"])
def test_what_may_be_in_a_container_of_another_server_is_not_absent(
    make_directory: MakeDirectory, account: Account, name: str
) -> None:
    with pytest.raises(PartialListError, match="baska"):
        CALLS[name](make_directory(container="ou={parent_name}"), account)


@pytest.mark.usefixtures("divided")
def test_a_referral_keeps_no_account_that_is_directly_below_the_base_from_being_absent(
    directory: Directory, account: Account
) -> None:
    assert directory.probe(samples.probe(None, account)).presence is Presence.ABSENT


def created_and_moving(
    directory: Directory, account: Account, rights: Entitlements, first: Unit, second: Unit
) -> RenameAccount:
    """Create an account with entitlements below one unit, and return the request to move it below another one."""
    directory.create(attrs.evolve(creating(account, first), entitlements=rights))
    return attrs.evolve(samples.rename(account, below(second), second), entitlements=rights)


def test_an_account_whose_group_refuses_its_new_name_is_moved_back(
    make_directory: MakeDirectory,
    account: Account,
    administrator: Administrator,
    slapd: Slapd,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = make_directory(container="ou={parent_name}", create_containers=True)
    first, second = district("Göksun"), district("Nurhak")
    rights = group_with(account, administrator, slapd)
    request = created_and_moving(directory, account, rights, first, second)
    _refuse(monkeypatch, second.name)

    with pytest.raises(ForbiddenError):
        directory.rename(request)

    former = dn(slapd, account, first)
    assert administrator.read(former) is not None
    assert former.casefold() in {name.casefold() for name in members(administrator, rights)}


def test_a_move_that_cannot_be_taken_back_is_unknown(
    make_directory: MakeDirectory,
    account: Account,
    administrator: Administrator,
    slapd: Slapd,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = make_directory(container="ou={parent_name}", create_containers=True)
    first, second = district("Elbistan"), district("Andırın")
    rights = group_with(account, administrator, slapd)
    request = created_and_moving(directory, account, rights, first, second)
    _refuse(monkeypatch, second.name, first.name)

    with pytest.raises(UnknownOutcomeError, match="partly changed"):
        directory.rename(request)


def _refuse(monkeypatch: pytest.MonkeyPatch, *places: str) -> None:
    """Let groups take no new member in these containers, as the rights of a directory may say."""
    add = LdapSession.add_value

    def refuse(self: LdapSession, group: str, name: str, value: str) -> bool:
        if any(place in value for place in places):
            raise ForbiddenError("no")
        return add(self, group, name, value)

    monkeypatch.setattr(LdapSession, "add_value", refuse)
