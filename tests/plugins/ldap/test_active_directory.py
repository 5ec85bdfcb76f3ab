"""What is different on Active Directory, against that of Samba."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import ldap3
import pytest

from provisioner.core.api.errors import (
    ConflictError,
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CompareAccount, Entitlements, PasswordLimits, Presence
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.samba import Samba
from provisioner_ldap import checkup
from provisioner_ldap.client import LdapSession, Written
from provisioner_ldap.directory import Directory
from provisioner_ldap.entry import Entry
from provisioner_ldap.errors import LdapResult, TakenError
from provisioner_ldap.families import recognised
from provisioner_ldap.families.active_directory import CAPABILITY, ActiveDirectory
from provisioner_ldap.settings import LdapSettings

FAMILY = ActiveDirectory()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
#: The same moment in units of 100 nanoseconds since 1601.
NOW_UNITS = 134168400000000000

LAYOUT = {
    "rdn": "cn",
    "object_classes": ("user",),
    "attributes": {
        "sAMAccountName": "{login}",
        "userPrincipalName": "{mail}",
        "mail": "{mail}",
        "displayName": "{holder_name}",
    },
}


def entry(**values: str) -> Entry:
    return Entry("cn=a", {"cn": (b"a",), **{name.lower(): (value.encode(),) for name, value in values.items()}})


def answer(code: int, message: str) -> LdapResult:
    return LdapResult(server="ldap://a", code=code, message=message)


def test_it_is_recognised_by_its_capability() -> None:
    root = Entry("", {"supportedcapabilities": (CAPABILITY,), "vendorname": (b"Samba Team",)})

    assert isinstance(recognised(root, "ldap://a"), ActiveDirectory)


@pytest.mark.parametrize(
    ("values", "presence"),
    [
        ({"userAccountControl": "512"}, Presence.ENABLED),
        ({"userAccountControl": "514"}, Presence.DISABLED),
        ({"userAccountControl": "66050"}, Presence.DISABLED),
        ({"userAccountControl": "512", "accountExpires": "0"}, Presence.ENABLED),
        ({"userAccountControl": "512", "accountExpires": str(2**63 - 1)}, Presence.ENABLED),
        ({"userAccountControl": "512", "accountExpires": str(NOW_UNITS)}, Presence.DISABLED),
        ({"userAccountControl": "512", "accountExpires": str(NOW_UNITS + 10_000_000)}, Presence.ENABLED),
        # After too many wrong passwords: somebody's cat on a keyboard does not close an account.
        ({"userAccountControl": "512", "lockoutTime": str(NOW_UNITS)}, Presence.ENABLED),
    ],
)
def test_bits_and_times_tell_enabled_from_disabled(values: dict[str, str], presence: Presence) -> None:
    assert FAMILY.presence(entry(**values), NOW) is presence


def test_other_bits_are_kept() -> None:
    """For example that the password never expires."""
    assert FAMILY.disabling(entry(userAccountControl="66048"), NOW) == {"userAccountControl": (b"66050",)}
    assert FAMILY.enabling(entry(userAccountControl="66050")) == {"userAccountControl": (b"66048",)}


def test_enabling_removes_an_end_and_a_lock() -> None:
    closed = entry(userAccountControl="512", accountExpires=str(NOW_UNITS), lockoutTime=str(NOW_UNITS))

    assert FAMILY.enabling(closed) == {"accountExpires": (b"0",), "lockoutTime": (b"0",)}
    assert FAMILY.enabling(entry(userAccountControl="512")) == {}


@pytest.mark.parametrize("secret", ["aB1\0x", "x" * 257, "\ud800"])
def test_what_would_be_kept_otherwise_is_not_sent(secret: str) -> None:
    with pytest.raises(SecretRefusedError):
        FAMILY.written(Secret(secret), 0)


@pytest.mark.parametrize(
    "login", ["ılce46", "x" * 21, "a.", "a@b", "a/b", "a\\b", "a+b", "a=b", "a,b", "a*", "a;b", 'a"b', "a:b"]
)
def test_a_login_that_windows_does_not_take_is_refused_before_it_is_sent(login: str) -> None:
    with pytest.raises(RefusedError):
        FAMILY.expect_login(login)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (19, "0000052D: Constraint violation - check_password_restrictions: too short", SecretRefusedError),
        (53, "00002035: setup_io: the password is not quoted", SecretRefusedError),
        (19, "0000202F: samldb: userPrincipalName is already in use", TakenError),
        (68, "00002071: samldb: samAccountName is already in use", TakenError),
        (19, "0000200B: objectclass_attrs: attribute 'title' is too long", RefusedError),
    ],
)
def test_the_codes_of_windows_tell_what_is_refused(code: int, message: str, kind: type[Exception]) -> None:
    assert type(FAMILY.explain(answer(code, message))) is kind


@pytest.mark.parametrize(
    ("message", "leaves_doubt"),
    [("00002095: objectclass: Cannot rename, parent does not exist!", False), ("Proxy operation retry failed", True)],
)
def test_only_a_proxy_leaves_doubt_about_a_change(message: str, leaves_doubt: bool) -> None:
    """Samba answers "other" if the container isn't there; that account was not moved."""
    assert FAMILY.leaves_doubt(answer(80, message)) is leaves_doubt


@pytest.mark.parametrize(
    ("base", "scope"),
    [
        ("OU=units,DC=example,DC=org", "DC=example,DC=org"),
        ("ou=units,dc=example,dc=org", "dc=example,dc=org"),
        ("o=example", "o=example"),
    ],
)
def test_logins_are_looked_for_in_the_whole_domain(base: str, scope: str) -> None:
    assert FAMILY.scope(base) == scope


class SambaAdministrator:
    """Looks at a domain controller, and changes things behind the plug-in's back."""

    def __init__(self, server: Samba) -> None:
        self._server = server
        self._connection = server.client(server.admin_dn, server.admin_password.reveal())
        assert self._connection.bind()

    def close(self) -> None:
        self._connection.unbind()

    def dn(self, account: Account) -> str:
        return f"cn={account.login},{self._server.base_dn}"

    def text(self, dn: str, attribute: str) -> str | None:
        self._connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=[attribute])
        values = self._connection.response[0]["raw_attributes"][attribute]
        return values[0].decode() if values else None

    def replace(self, dn: str, name: str, value: str) -> None:
        assert self._connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, [value])]}), self._connection.result

    def add(self, dn: str, classes: list[str], attributes: dict[str, str]) -> None:
        assert self._connection.add(dn, classes, attributes), self._connection.result

    def logs_in(self, dn: str, secret: Secret) -> bool:
        connection = self._server.client(dn, secret.reveal())
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[Samba]:
    with Samba() as server:
        yield server


def opened(server: Samba, **others: Any) -> Directory:
    settings: dict[str, Any] = {
        "urls": (server.ldaps_url,),
        "bind_dn": server.bind_dn,
        "bind_password": server.bind_password,
        "base_dn": server.base_dn,
        "ca_file": server.ca_file,
        **LAYOUT,
        **others,
    }
    return Directory(settings=LdapSettings(**settings))


@pytest.fixture(name="directory")
def _directory(server: Samba) -> Iterator[Directory]:
    with closing(opened(server)) as directory:
        yield directory


@pytest.fixture(name="administrator")
def _administrator(server: Samba) -> Iterator[SambaAdministrator]:
    with closing(SambaAdministrator(server)) as administrator:
        yield administrator


@pytest.mark.slow
@pytest.mark.server("samba")
class TestRealServer:
    def test_check_reads_the_policy_of_the_domain(self, directory: Directory) -> None:
        report = directory.check()

        assert report.warnings == ()
        assert report.passwords == PasswordLimits(minimum_length=7, maximum_length=256, maximum_age=42 * 86400)
        assert report.capabilities.undoes == {"account_close", "account_update"}
        assert report.capabilities.facts["product"].startswith("Samba Team")

    def test_a_container_without_delegated_rights_is_a_wrong_setting(self, server: Samba) -> None:
        """Otherwise the first opening would show it."""
        with (
            closing(opened(server, base_dn=f"CN=Computers,{server.suffix}")) as directory,
            pytest.raises(MisconfiguredError, match="make accounts below CN=Computers"),
        ):
            directory.check()

    def test_containers_that_may_not_be_created_are_a_wrong_setting(self, server: Samba) -> None:
        """Otherwise the first opening in a new district would show it. Only organizational units are delegated."""
        with (
            closing(opened(server, container="l={unit_parent}", create_containers=True)) as directory,
            pytest.raises(MisconfiguredError, match=f"create containers below {server.base_dn}"),
        ):
            directory.check()

    def test_clocks_that_are_apart_are_warned_of(self, directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
        """Accounts expire by the clock of the domain controller."""
        monkeypatch.setattr(checkup, "CLOCK_SKEW", timedelta(days=-1))

        assert directory.check().warnings == (checkup.CLOCKS_APART,)

    def test_a_former_password_is_void_at_once(
        self, directory: Directory, account: Account, administrator: SambaAdministrator
    ) -> None:
        """After one reset it would stay good for an hour, so the outgoing holder would still get in."""
        directory.create(samples.create(account))
        dn = administrator.dn(account)
        assert administrator.logs_in(dn, samples.SECRET)

        directory.hand_over(samples.handover(account))

        assert administrator.logs_in(dn, samples.OTHER_SECRET)
        assert not administrator.logs_in(dn, samples.SECRET)

    def test_nobody_gets_in_while_a_password_is_set_in_part(
        self,
        directory: Directory,
        account: Account,
        administrator: SambaAdministrator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A log-in with the new password would be taken for the proof that the former one is void."""
        directory.create(samples.create(account))
        dn, write = administrator.dn(account), LdapSession._write_password

        def once(session: LdapSession, dn: str, password: Secret, written: Written, number: int) -> LdapResult:
            if number:
                raise UnknownOutcomeError("lost")
            return write(session, dn, password, written, number)

        monkeypatch.setattr(LdapSession, "_write_password", once)
        with pytest.raises(UnknownOutcomeError, match="set in part"):
            directory.rotate(samples.rotate(account))

        assert not administrator.logs_in(dn, samples.OTHER_SECRET)
        assert not administrator.logs_in(dn, samples.SECRET)
        assert directory.probe(samples.probe(samples.OTHER_SECRET, account)).secret_accepted is False

        monkeypatch.undo()
        directory.rotate(samples.rotate(account))

        assert administrator.logs_in(dn, samples.OTHER_SECRET)
        assert not administrator.logs_in(dn, samples.SECRET)

    def test_a_rotation_lifts_the_lock_after_wrong_passwords_and_keeps_a_closing(
        self, directory: Directory, account: Account, administrator: SambaAdministrator, server: Samba
    ) -> None:
        administrator.replace(server.suffix, "lockoutThreshold", "3")
        try:
            directory.create(samples.create(account))
            dn = administrator.dn(account)
            for _ in range(4):
                assert not administrator.logs_in(dn, Secret("not the password"))
            assert administrator.text(dn, "lockoutTime") not in {None, "0"}

            directory.rotate(samples.rotate(account))

            assert administrator.logs_in(dn, samples.OTHER_SECRET)
            directory.shut(samples.close(account))
            directory.rotate(samples.rotate(account, samples.SECRET))
            assert not administrator.logs_in(dn, samples.SECRET)
        finally:
            administrator.replace(server.suffix, "lockoutThreshold", "0")

    @pytest.mark.parametrize("taken", ["sAMAccountName", "userPrincipalName"])
    def test_a_login_of_another_entry_is_a_conflict_that_names_it(
        self, directory: Directory, account: Account, administrator: SambaAdministrator, server: Samba, taken: str
    ) -> None:
        """Wherever in the domain it is: the directory says of both that the entry exists."""
        other = f"CN=baska {taken} {account.login},CN=Users,{server.suffix}"
        values = {"sAMAccountName": f"x{account.login}"[:20]}
        values |= {taken: account.login if taken == "sAMAccountName" else account.mail}
        administrator.add(other, ["user"], values)

        with pytest.raises(ConflictError, match=f"CN=baska {taken}"):
            directory.create(samples.create(account))

    def test_a_group_of_the_same_name_is_left_alone(
        self, directory: Directory, account: Account, administrator: SambaAdministrator
    ) -> None:
        administrator.add(administrator.dn(account), ["group"], {"sAMAccountName": account.login})

        with pytest.raises(ConflictError, match="of another kind, group"):
            directory.create(samples.create(account))

    def test_groups_are_joined_and_left_and_compared_by_the_entry(
        self, directory: Directory, account: Account, administrator: SambaAdministrator, server: Samba
    ) -> None:
        group = f"CN=g {account.login},{server.base_dn}"
        administrator.add(group, ["group"], {"sAMAccountName": f"g {account.login}"})
        granted, withdrawn = (Entitlements(**{side: frozenset({group.lower()})}) for side in ("granted", "withdrawn"))

        directory.create(attrs.evolve(samples.create(account), entitlements=granted))
        joined = administrator.text(group, "member")
        found = [one for page in directory.accounts() for one in page.accounts if one.login == account.login]
        differences = [
            directory.compare(
                CompareAccount(
                    listed=found[0], account=account, unit=samples.UNIT, holder=samples.HOLDER, entitlements=wanted
                )
            ).changes
            for wanted in (granted, withdrawn)
        ]
        directory.shut(attrs.evolve(samples.close(account), entitlements=withdrawn))

        assert joined is not None
        assert joined.casefold() == administrator.dn(account).casefold()
        assert [[change.removes for change in changes] for changes in differences] == [[], [(group.lower(),)]]
        assert administrator.text(group, "member") is None

    def test_an_expired_account_is_opened_again(
        self, directory: Directory, account: Account, administrator: SambaAdministrator
    ) -> None:
        directory.create(samples.create(account))
        dn = administrator.dn(account)
        administrator.replace(dn, "accountExpires", str(NOW_UNITS))
        assert directory.probe(samples.probe(None, account)).presence is Presence.DISABLED

        directory.create(samples.create(account, samples.OTHER_SECRET))

        assert administrator.logs_in(dn, samples.OTHER_SECRET)

    def test_no_password_is_ever_in_an_attribute_that_others_read(
        self, directory: Directory, account: Account, administrator: SambaAdministrator
    ) -> None:
        """A password in ``userPassword`` sets nothing, and everybody can read it."""
        directory.create(samples.create(account))
        directory.rotate(samples.rotate(account))

        assert administrator.text(administrator.dn(account), "userPassword") is None

    def test_a_new_account_is_removed_again_and_an_old_password_is_not_promised_back(
        self, directory: Directory, account: Account
    ) -> None:
        receipt = directory.create(samples.create(account))
        assert receipt.undo is not None
        assert directory.rotate(samples.rotate(account)).undo is None

        receipt.undo()

        assert directory.probe(samples.probe(None, account)).presence is Presence.ABSENT

    @pytest.mark.parametrize("secret", ["aB1-x", "onlyletters"])
    def test_a_password_that_the_policy_refuses_changes_nothing(
        self, directory: Directory, account: Account, administrator: SambaAdministrator, secret: str
    ) -> None:
        directory.create(samples.create(account))

        with pytest.raises(SecretRefusedError):
            directory.rotate(samples.rotate(account, Secret(secret)))

        assert administrator.logs_in(administrator.dn(account), samples.SECRET)

    def test_a_login_that_cannot_be_is_refused_before_the_first_request(
        self, directory: Directory, account: Account
    ) -> None:
        with pytest.raises(RefusedError, match="Active Directory"):
            directory.create(samples.create(attrs.evolve(account, login="temelegitimmudurlugu46")))
