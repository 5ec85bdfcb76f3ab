"""What is different on 389 Directory Server, against a real one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import ldap3
import pytest

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
)
from provisioner.core.api.messages import CompareAccount, Entitlements, PasswordLimits, Presence
from provisioner.core.model import Account, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.kannel import wait_until
from provisioner_ldap.directory import Directory
from provisioner_ldap.entry import Entry
from provisioner_ldap.errors import LdapResult
from provisioner_ldap.families import dirsrv389, recognised
from provisioner_ldap.groups import MEMBERS
from provisioner_ldap.ppolicy import PolicyError
from provisioner_ldap.settings import LdapSettings
from tests.plugins.ldap.conftest import Administrator

FAMILY = dirsrv389.Dirsrv389()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

POLICY = {
    "passwordCheckSyntax": "on",
    "passwordMinLength": "6",
    "passwordHistory": "on",
    "passwordInHistory": "3",
    "passwordLockout": "on",
    "passwordMaxFailure": "3",
    "passwordTrackUpdateTime": "on",
}


def entry(**values: str) -> Entry:
    return Entry("uid=a", {"uid": (b"a",), **{name.lower(): (value.encode(),) for name, value in values.items()}})


def answer(code: int, message: str = "", policy: PolicyError | None = None) -> LdapResult:
    return LdapResult(server="ldap://a", code=code, message=message, policy=policy)


def test_it_is_recognised_by_who_made_it() -> None:
    root = Entry("", {"objectclass": (b"top",), "vendorname": (b"389 Project",)})

    assert isinstance(recognised(root, "ldap://a"), dirsrv389.Dirsrv389)


@pytest.mark.parametrize(
    ("text", "presence"),
    [
        ("true", Presence.DISABLED),
        ("TRUE", Presence.DISABLED),
        ("false", Presence.ENABLED),
        # The directory takes these, and lets the account log in all the same.
        ("yes", Presence.ENABLED),
        ("1", Presence.ENABLED),
    ],
)
def test_only_the_word_true_locks(text: str, presence: Presence) -> None:
    assert FAMILY.presence(entry(nsAccountLock=text), NOW) is presence


@pytest.mark.parametrize("text", ["", "false", "yes"])
def test_closing_writes_what_really_locks(text: str) -> None:
    assert FAMILY.disabling(entry(**({"nsAccountLock": text} if text else {})), NOW) == {"nsAccountLock": (b"true",)}


def test_a_lock_after_wrong_passwords_is_lifted() -> None:
    """The directory lifts it itself, and answers before: a log-in right after a rotation would be refused."""
    assert FAMILY.after_password(entry(passwordRetryCount="3")) == {"passwordRetryCount": (b"0",)}
    assert FAMILY.after_password(entry(passwordRetryCount="0")) == {}
    assert FAMILY.enabling(entry(passwordRetryCount="3", nsAccountLock="true")) == {
        "nsAccountLock": (),
        "passwordRetryCount": (b"0",),
    }


def test_a_closed_account_is_not_closed_again() -> None:
    assert FAMILY.disabling(entry(nsAccountLock="TRUE"), NOW) == {}


@pytest.mark.parametrize(
    "secret", ["{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{clear}x", "{}x", "aB1xyzQ7\0rest", "\ud800"]
)
def test_what_would_be_kept_otherwise_is_not_sent(secret: str) -> None:
    with pytest.raises(SecretRefusedError) as caught:
        FAMILY.written(Secret(secret), 0)

    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message", "policy", "same"),
    [
        (19, "password in history", None, True),
        (19, "password in history", PolicyError.PASSWORD_IN_HISTORY, False),
        (19, "invalid password syntax", PolicyError.INSUFFICIENT_PASSWORD_QUALITY, False),
        (53, "password in history", None, False),
    ],
)
def test_the_same_password_is_told_from_an_older_one(
    code: int, message: str, policy: PolicyError | None, same: bool
) -> None:
    assert FAMILY.same_password(answer(code, message, policy)) is same


@pytest.mark.parametrize(
    ("entry_rights", "attribute_rights", "may"),
    [
        ("vadn", "objectClass:rsc, userPassword:rscwo, nsAccountLock:rscwo", True),
        ("v", "userPassword:rscwo, nsAccountLock:rscwo", False),
        ("vadn", "userPassword:none, nsAccountLock:rscwo", False),
        ("vadn", "userPassword:rscwo, nsAccountLock:rsc", False),
        ("", "", True),
    ],
)
def test_effective_rights_are_read_as_far_as_they_are_shown(
    entry_rights: str, attribute_rights: str, may: bool
) -> None:
    shown = {"entryLevelRights": entry_rights, "attributeLevelRights": attribute_rights} if entry_rights else {}

    assert FAMILY.may_create(entry(**shown), ["inetOrgPerson"]) is may


def test_without_a_look_at_the_policy_nothing_is_promised() -> None:
    judgement = FAMILY.judge(Entry(""), "ldap://a", policed=False)

    assert judgement.warnings == (dirsrv389.POLICY_HIDDEN,)
    assert judgement.undoes == {"account_close", "account_update"}


class Dirsrv389Administrator(Administrator):
    """Looks at a 389 Directory Server."""

    def lock_by_role(self, dn: str, suffix: str) -> None:
        """Disable an account by a role, as the server's own tools do it. The server takes note of the role later."""
        lock = f"cn=nsManagedDisabledRole,{suffix}"
        if self.read(lock) is None:
            self._add_lock(lock, suffix)
        self.replace(dn, nsRoleDN=lock)
        wait_until(lambda: self._is_locked(dn, suffix))

    def _is_locked(self, dn: str, suffix: str) -> bool:
        self._connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["nsAccountLock"])
        is_locked = bool(self._connection.response[0]["raw_attributes"].get("nsAccountLock"))
        if not is_locked:
            # The server can miss a definition that is added while it reads the others, until one is changed.
            self.replace(f"cn=nsAccountInactivation_cos,{suffix}", description="disables accounts")
        return is_locked

    def _add_lock(self, lock: str, suffix: str) -> None:
        self.add(
            lock,
            ["ldapSubEntry", "nsRoleDefinition", "nsSimpleRoleDefinition", "nsManagedRoleDefinition"],
            {"cn": "nsManagedDisabledRole"},
        )
        template = f"cn=nsAccountInactivationTmp,{suffix}"
        self.add(template, ["nsContainer"], {})
        name = lock.replace(",", r"\2C").replace("=", r"\3D")
        self.add(
            f"cn={name},{template}",
            ["extensibleObject", "costemplate", "ldapsubentry"],
            {"cosPriority": "1", "nsAccountLock": "true"},
        )
        self.add(
            f"cn=nsAccountInactivation_cos,{suffix}",
            ["ldapSubEntry", "cosSuperDefinition", "cosClassicDefinition"],
            {"cosTemplateDn": template, "cosSpecifier": "nsRole", "cosAttribute": "nsAccountLock operational"},
        )


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[NsSlapd]:
    with NsSlapd(policy=POLICY) as server:
        yield server


def opened(server: NsSlapd, **others: Any) -> Directory:
    settings = {
        "urls": (server.ldaps_url,),
        "bind_dn": server.bind_dn,
        "bind_password": server.bind_password,
        "base_dn": server.base_dn,
        "ca_file": server.ca_file,
    }
    return Directory(settings=LdapSettings(**{**settings, **others}))


@pytest.fixture(name="directory")
def _directory(server: NsSlapd) -> Iterator[Directory]:
    with closing(opened(server)) as directory:
        yield directory


@pytest.fixture(name="administrator")
def _administrator(server: NsSlapd) -> Iterator[Dirsrv389Administrator]:
    with closing(Dirsrv389Administrator(server)) as administrator:
        yield administrator


@pytest.mark.server("dirsrv389")
class TestRealServer:
    def test_check_reads_the_policy_that_holds_for_all(self, directory: Directory, server: NsSlapd) -> None:
        report = directory.check()

        assert report.warnings == ()
        assert report.passwords == PasswordLimits(minimum_length=6)
        assert report.capabilities.undoes == {
            "account_create",
            "account_close",
            "account_rotate",
            "account_handover",
            "account_update",
        }
        assert report.capabilities.facts["product"].startswith("389 Project")

    def test_a_container_without_the_right_to_set_passwords_is_a_wrong_setting(
        self, server: NsSlapd, administrator: Dirsrv389Administrator
    ) -> None:
        """Otherwise the first opening would show it."""
        half = f"ou=half,{server.suffix}"
        rule = f'(version 3.0; acl "half"; allow (all) userdn="ldap:///{server.bind_dn}";)'
        administrator.add(half, ["organizationalUnit"], {"aci": f'(targetattr!="userPassword"){rule}'})

        with (
            closing(opened(server, base_dn=half)) as directory,
            pytest.raises(MisconfiguredError, match=f"make accounts below {half}"),
        ):
            directory.check()

    @pytest.mark.parametrize("kind", ["groupOfNames", "groupOfUniqueNames"])
    def test_groups_are_joined_and_left_and_compared(
        self,
        directory: Directory,
        account: Account,
        administrator: Dirsrv389Administrator,
        kind: str,
    ) -> None:
        group = f"cn=group {account.login},{NsSlapd.base_dn}"
        administrator.add(group, [kind], {})
        granted, withdrawn = (Entitlements(**{side: frozenset({group})}) for side in ("granted", "withdrawn"))
        attribute = MEMBERS[kind.lower()]

        directory.create(attrs.evolve(samples.create(account), entitlements=granted))
        joined = administrator.text(group, attribute)
        found = [one for page in directory.accounts() for one in page.accounts if one.login == account.login]
        request = CompareAccount(
            listed=found[0], account=account, unit=samples.UNIT, holder=samples.HOLDER, entitlements=granted
        )
        compared = directory.compare(request).changes
        directory.shut(attrs.evolve(samples.close(account), entitlements=withdrawn))

        assert joined == administrator.dn(account)
        assert compared == ()
        assert administrator.text(group, attribute) is None

    def test_an_account_is_closed_and_opened_again(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator
    ) -> None:
        directory.create(samples.create(account))
        dn = administrator.dn(account)
        closed = directory.shut(samples.close(account))

        assert closed.outcome is Outcome.APPLIED
        assert directory.probe(samples.probe(samples.SECRET, account)).presence is Presence.DISABLED
        assert not administrator.logs_in(dn, samples.SECRET.reveal())

        directory.create(samples.create(account, samples.OTHER_SECRET))

        assert administrator.logs_in(dn, samples.OTHER_SECRET.reveal())
        assert directory.probe(samples.probe(None, account)).lock == ""

    def test_the_holder_need_not_change_the_password(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator, server: NsSlapd
    ) -> None:
        """``passwordMustChange`` would lock out the person who has a mail program that cannot change passwords."""
        administrator.replace("cn=config", passwordMustChange="on")
        try:
            directory.create(samples.create(account))
            directory.rotate(samples.rotate(account))

            report = directory.probe(samples.probe(samples.rotate(account).secret, account))
        finally:
            administrator.replace("cn=config", passwordMustChange="off")

        assert report.secret_accepted
        assert "pwdReset" not in report.attributes

    def test_an_account_that_a_role_disables_is_a_conflict(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator, server: NsSlapd
    ) -> None:
        """The directory says success, and the account stays disabled."""
        directory.create(samples.create(account))
        administrator.lock_by_role(administrator.dn(account), server.suffix)

        with pytest.raises(ConflictError, match="comes from a role"):
            directory.create(samples.create(account, samples.OTHER_SECRET))

        assert directory.probe(samples.probe(None, account)).lock == "nsAccountLock=true"

    def test_an_entry_that_the_service_account_may_not_read_is_not_absent(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator, server: NsSlapd
    ) -> None:
        directory.create(samples.create(account))
        rule = f'(targetattr="*")(version 3.0; acl "hidden"; deny (all) userdn="ldap:///{server.bind_dn}";)'
        administrator.replace(administrator.dn(account), aci=rule)

        with pytest.raises(ForbiddenError, match=account.login):
            directory.shut(samples.close(account))

        administrator.delete(administrator.dn(account))

    def test_a_closing_outlives_the_role_that_disabled_the_account_before(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator, server: NsSlapd
    ) -> None:
        """Otherwise the account would be open again as soon as somebody removes it from the role."""
        directory.create(samples.create(account))
        dn = administrator.dn(account)
        administrator.lock_by_role(dn, server.suffix)

        assert directory.shut(samples.close(account)).outcome is Outcome.APPLIED

        administrator.replace(dn, nsRoleDN="")
        assert not administrator.logs_in(dn, samples.SECRET.reveal())
        assert directory.shut(samples.close(account)).outcome is Outcome.UNCHANGED

    def test_wrong_passwords_lock_for_a_while_and_a_rotation_opens(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator
    ) -> None:
        """The directory answers with the code of a violated constraint, which is no error of ours."""
        directory.create(samples.create(account))
        secrets = [samples.SECRET, *(Secret(f"Zw4=hJn8+{number}bGy3") for number in range(8))]
        for former, secret in itertools.pairwise(secrets):
            for _ in range(4):
                report = directory.probe(samples.probe(Secret("not the password"), account))
                assert report.secret_accepted is False
            assert directory.probe(samples.probe(former, account)).secret_accepted is False

            directory.rotate(samples.rotate(account, secret))

            assert administrator.logs_in(administrator.dn(account), secret.reveal())

    @pytest.mark.parametrize("secret", ["aB1-x", "okul-Temel9"])
    def test_a_refused_password_is_told_from_a_refused_request(
        self, directory: Directory, account: Account, secret: str
    ) -> None:
        """Too short, and made of the words of the entry."""
        directory.create(samples.create(account))

        with pytest.raises(SecretRefusedError):
            directory.rotate(samples.rotate(account, Secret(secret)))

    def test_an_entry_of_another_kind_is_left_alone(
        self, directory: Directory, account: Account, administrator: Dirsrv389Administrator
    ) -> None:
        """The directory has no structural object class; a printer was taken over for that."""
        administrator.add(administrator.dn(account), ["account"], {})

        with pytest.raises(ConflictError, match="of another kind, account"):
            directory.create(samples.create(account))

    def test_where_hashes_are_refused_no_undo_of_passwords_is_promised(self, account: Account) -> None:
        with NsSlapd(policy=POLICY, hashed=False) as strict, closing(opened(strict)) as directory:
            report = directory.check()
            directory.create(samples.create(account))
            receipt = directory.rotate(samples.rotate(account))
            assert receipt.undo is not None
            with pytest.raises(RefusedError, match="cannot be restored") as caught:
                receipt.undo()

        assert report.warnings == (dirsrv389.HASHES_REFUSED,)
        assert report.capabilities.undoes == {"account_close", "account_update"}
        assert "nsslapd-allow-hashed-passwords" in str(caught.value.cure)


@pytest.mark.server("dirsrv389")
@pytest.mark.usefixtures("server")
def test_the_server_leaves_dev_null_alone() -> None:
    """As root, it would take the right to write there from everybody else."""
    assert Path("/dev/null").stat().st_mode & 0o666 == 0o666
