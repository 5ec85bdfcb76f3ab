"""What each hook does to a real directory, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
)
from provisioner.core.api.messages import PlannedChange, Presence, ProbeAccount
from provisioner.core.model import Account, AccountKind, OperationKind, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.samples import OTHER_SECRET, SECRET
from provisioner.testing.slapd import Slapd
from provisioner_ldap.directory import Directory
from provisioner_ldap.settings import MAILBOX, TlsMode
from tests.plugins.ldap.conftest import ADD, BIND, EXTENDED, Administrator, MakeDirectory, Proxy

pytestmark = pytest.mark.server("slapd")

#: What a server answers to an ``add`` if there is such an entry, without the head of the message.
ALREADY_EXISTS = bytes.fromhex("69070a014404000400")

FIRST, SECOND, THIRD = SECRET.reveal(), OTHER_SECRET.reveal(), "Lp9%kQwe3Rty"


class TestCreate:
    def test_a_new_account_logs_in(self, directory: Directory, account: Account, administrator: Administrator) -> None:
        receipt = directory.create(samples.create(account))

        assert receipt.outcome is Outcome.APPLIED
        assert receipt.reference == administrator.dn(account)
        assert administrator.logs_in(administrator.dn(account), FIRST)

    def test_the_entry_holds_what_the_templates_say(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))

        entry = administrator.read(administrator.dn(account))
        assert entry is not None
        assert entry["mail"] == [account.mail.encode()]
        assert entry["cn"] == ["Temel Eğitim Şube Müdürlüğü".encode()]
        assert entry["displayName"] == ["Ayşe Işık".encode()]

    def test_the_password_is_stored_hashed(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))

        assert (administrator.text(administrator.dn(account), "userPassword") or "").startswith("{SSHA}")

    def test_it_takes_two_requests(self, make_directory: MakeDirectory, account: Account, proxy: Proxy) -> None:
        make_directory(urls=(proxy.url,), tls=TlsMode.NONE, family="openldap").create(samples.create(account))

        assert proxy.seen == {BIND: 1, ADD: 1, EXTENDED: 1}

    @pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
    def test_repeating_it_changes_nothing_but_the_password(
        self, directory: Directory, account: Account, administrator: Administrator, secret: Secret
    ) -> None:
        """Also with the same password, although the policy forbids to use one again."""
        directory.create(samples.create(account))
        directory.create(samples.create(account, secret))

        assert administrator.logs_in(administrator.dn(account), secret.reveal())

    def test_it_finishes_what_an_earlier_attempt_left_without_a_password(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        administrator.add(dn, ["inetOrgPerson"], {"cn": "x", "sn": "y"})

        directory.create(samples.create(account))

        assert administrator.logs_in(dn, FIRST)
        assert administrator.text(dn, "mail") == account.mail

    def test_it_reopens_a_closed_account(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        directory.create(samples.create(account, OTHER_SECRET))

        assert administrator.logs_in(dn, SECOND)
        assert not administrator.logs_in(dn, FIRST)

    def test_a_reopened_account_is_never_open_with_its_old_password(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """If the new password is refused, the account must stay closed."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        with pytest.raises(SecretRefusedError):
            directory.create(samples.create(account, Secret("kurz")))

        assert not administrator.logs_in(dn, FIRST)
        assert administrator.text(dn, "pwdEndTime")

    def test_an_attribute_that_fell_out_of_line_is_put_right(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.replace(dn, displayName="Somebody Else", description="kept")

        directory.create(samples.create(account, OTHER_SECRET))

        assert administrator.text(dn, "displayName") == "Ayşe Işık"
        assert administrator.text(dn, "description") == "kept"

    def test_further_values_that_somebody_added_are_kept(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "mail", "alias@meb.gov.tr")

        directory.create(samples.create(account, OTHER_SECRET))

        assert set((administrator.read(dn) or {})["mail"]) == {account.mail.encode(), b"alias@meb.gov.tr"}

    def test_a_further_login_that_somebody_added_is_kept(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "uid", f"{account.login}-alias")

        directory.create(samples.create(account, OTHER_SECRET))

        assert f"{account.login}-alias".encode() in (administrator.read(dn) or {})["uid"]

    def test_a_refused_password_leaves_no_entry_behind(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        with pytest.raises(SecretRefusedError, match="password too short"):
            directory.create(samples.create(account, Secret("kurz")))

        assert administrator.read(administrator.dn(account)) is None

    def test_an_entry_of_another_kind_is_left_alone(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        administrator.add(dn, ["account", "simpleSecurityObject"], {"userPassword": "printer1"})

        with pytest.raises(ConflictError, match="another kind, account"):
            directory.create(samples.create(account))

        assert administrator.logs_in(dn, "printer1")

    @pytest.mark.parametrize("classes", [["account", "simpleSecurityObject"], ["person"]])
    def test_an_entry_whose_class_is_not_told_is_judged_by_its_object_classes(
        self, make_directory: MakeDirectory, account: Account, classes: list[str]
    ) -> None:
        """389 Directory Server has no structuralObjectClass, and a printer was taken over there."""
        with Slapd(hidden=["structuralObjectClass"]) as server, closing(Administrator(server)) as administrator:
            directory = make_directory(server, object_classes=("inetOrgPerson", "extensibleObject"))
            dn = administrator.dn(account)
            names = {"cn": "x", "sn": "y"} if "person" in classes else {}
            administrator.add(
                dn, [*classes, "extensibleObject"], {"userPassword": "printer1", "uid": account.login, **names}
            )

            with pytest.raises(ConflictError, match=f"another kind, {classes[0]}"):
                directory.create(samples.create(account))

            assert administrator.logs_in(dn, "printer1")

    def test_an_entry_whose_class_is_not_told_is_taken_over_if_it_is_an_account(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        with Slapd(hidden=["structuralObjectClass"]) as server, closing(Administrator(server)) as administrator:
            directory = make_directory(server)
            administrator.add(administrator.dn(account), ["inetOrgPerson", "top"], {"cn": "x", "sn": "y"})

            directory.create(samples.create(account))

            assert administrator.logs_in(administrator.dn(account), FIRST)

    def test_another_entry_that_has_the_name_is_named(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator, proxy: Proxy
    ) -> None:
        """A directory may keep names unique, and answers as if the entry itself were there."""
        other = f"cn=alias of {account.login},{Slapd.base_dn}"
        administrator.add(other, ["inetOrgPerson"], {"sn": "x", "mail": account.mail})
        proxy.answer[ADD] = ALREADY_EXISTS
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE)

        with pytest.raises(ConflictError, match=f"login or mail address: {other}"):
            directory.create(samples.create(account))

    @pytest.mark.parametrize("attributes", [MAILBOX, {"cn": "{unit_name}", "sn": "{unit_name}"}])
    def test_an_entry_that_cannot_be_read_is_a_wrong_setting(
        self, make_directory: MakeDirectory, account: Account, proxy: Proxy, attributes: Mapping[str, str]
    ) -> None:
        """Also where nothing but the name could be taken."""
        proxy.answer[ADD] = ALREADY_EXISTS
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE, attributes=attributes)

        with pytest.raises(MisconfiguredError, match="may not read"):
            directory.create(samples.create(account))

    def test_a_login_that_differs_in_case_only_is_another_account(self, directory: Directory, account: Account) -> None:
        """A directory takes both for the same name, and the second one would take the first one over."""
        directory.create(samples.create(account))

        with pytest.raises(ConflictError, match=f"another account, {account.login}"):
            directory.create(samples.create(attrs.evolve(account, login=account.login.upper())))

    def test_a_missing_container_is_a_wrong_setting(self, make_directory: MakeDirectory, account: Account) -> None:
        directory = make_directory(base_dn="ou=nowhere,ou=units,dc=directory,dc=test")

        with pytest.raises(MisconfiguredError, match="has no parent entry for") as caught:
            directory.create(samples.create(account))

        assert "base_dn" in str(caught.value.cure)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"object_classes": ("inetOrgPerson", "mebPerson")}, "invalidAttributeSyntax|objectClass"),
            ({"attributes": {"cn": "{login}", "sn": "{login}", "homeDirectory": "/x"}}, "homeDirectory"),
            ({"attributes": {"cn": "{login}"}}, "sn"),
            ({"base_dn": Slapd.suffix}, "insufficientAccessRights"),
        ],
    )
    def test_what_does_not_fit_the_server_is_said(
        self, make_directory: MakeDirectory, account: Account, settings: dict[str, Any], words: str
    ) -> None:
        with pytest.raises((MisconfiguredError, RefusedError), match=words):
            make_directory(**settings).create(samples.create(account))

    def test_personal_accounts_go_where_they_belong(
        self, slapd: Slapd, make_directory: MakeDirectory, account: Account, administrator: Administrator
    ) -> None:
        people = f"ou=people,{slapd.base_dn}"
        administrator.add(people, ["organizationalUnit"], {})
        directory = make_directory(base_of_kind={AccountKind.PERSONAL: people})

        directory.create(samples.create(attrs.evolve(account, kind=AccountKind.PERSONAL)))

        assert administrator.read(f"uid={account.login},{people}")
        assert administrator.read(administrator.dn(account)) is None

    @pytest.mark.parametrize("login", ["ışık.İl", "a+b,c=d", "x,ou=admins", "#1", "\\", "*)(uid=*"])
    def test_no_login_can_break_out_of_its_name(
        self, make_directory: MakeDirectory, account: Account, login: str
    ) -> None:
        directory = make_directory(attributes={"cn": "{unit_name}", "sn": "{login}"})
        hostile = attrs.evolve(account, login=login)

        directory.create(samples.create(hostile))

        assert directory.probe(samples.probe(SECRET, hostile)).secret_accepted
        directory.shut(samples.close(hostile))
        assert directory.probe(samples.probe(None, hostile)).presence is Presence.DISABLED

    @pytest.mark.parametrize("tail", [" ", "\N{SOFT HYPHEN}", "\N{ZERO WIDTH SPACE}", "\0"])
    def test_no_login_is_taken_for_another_one(self, directory: Directory, account: Account, tail: str) -> None:
        """A directory overlooks such characters, so the entry of one account would be closed for another."""
        directory.create(samples.create(account))

        with pytest.raises(RefusedError):
            directory.shut(samples.close(attrs.evolve(account, login=f"{account.login}{tail}")))

        assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_unit_without_a_name_is_refused_and_stops_nothing_else(
        self, directory: Directory, account: Account
    ) -> None:
        request = attrs.evolve(samples.create(account), unit=attrs.evolve(samples.UNIT, name=" "))

        with pytest.raises(RefusedError, match="without a value are cn"):
            directory.create(request)

        assert directory.probe(samples.probe(None, account)).presence is Presence.ABSENT

    def test_undo_removes_what_was_not_there(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        receipt = directory.create(samples.create(account))

        assert receipt.undo
        receipt.undo()

        assert administrator.read(administrator.dn(account)) is None

    def test_undo_closes_a_reopened_account_again(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        directory.shut(samples.close(account))
        before = administrator.text(dn, "pwdEndTime")
        receipt = directory.create(samples.create(account, OTHER_SECRET))

        assert receipt.undo
        receipt.undo()

        assert administrator.text(dn, "pwdEndTime") == before
        administrator.replace(dn, pwdEndTime="")
        assert administrator.logs_in(dn, FIRST)


class TestDelete:
    def test_nothing_is_left(self, directory: Directory, account: Account, administrator: Administrator) -> None:
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        receipt = directory.delete(samples.delete(account))

        assert (receipt.outcome, receipt.undo) == (Outcome.APPLIED, None)
        assert administrator.read(administrator.dn(account)) is None
        assert directory.probe(samples.probe(SECRET, account)).presence is Presence.ABSENT

    def test_what_is_not_there_is_unchanged(self, directory: Directory, account: Account) -> None:
        assert directory.delete(samples.delete(account)).outcome is Outcome.UNCHANGED

    def test_it_can_be_made_anew(self, directory: Directory, account: Account, administrator: Administrator) -> None:
        """Also with the same password: the policy's memory is gone with the entry."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        directory.shut(samples.close(account))
        directory.delete(samples.delete(account))

        directory.create(samples.create(account))

        assert administrator.logs_in(dn, FIRST)
        assert administrator.text(dn, "mail") == account.mail

    def test_an_entry_with_others_below_it_is_left_alone(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        administrator.add(f"cn=device,{administrator.dn(account)}", ["device"], {})

        with pytest.raises(ConflictError, match="notAllowedOnNonLeaf") as caught:
            directory.delete(samples.delete(account))

        assert "below it" in str(caught.value.cure)
        assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_an_entry_of_another_kind_is_left_alone(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        administrator.add(dn, ["account", "simpleSecurityObject"], {"userPassword": "printer1"})

        with pytest.raises(ConflictError, match="another kind, account"):
            directory.delete(samples.delete(account))

        assert administrator.logs_in(dn, "printer1")

    def test_a_login_that_differs_in_case_only_is_left_alone(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))

        with pytest.raises(ConflictError, match=f"another account, {account.login}"):
            directory.delete(samples.delete(attrs.evolve(account, login=account.login.upper())))

        assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_missing_right_is_about_the_entry(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator
    ) -> None:
        administrator.add(f"uid={account.login},{Slapd.suffix}", ["inetOrgPerson"], {"cn": "x", "sn": "y"})

        with pytest.raises(ForbiddenError, match="insufficientAccessRights") as caught:
            make_directory(base_dn=Slapd.suffix).delete(samples.delete(account))

        assert "rights" in str(caught.value.cure)


class TestClose:
    def test_nobody_logs_in_any_more(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))

        receipt = directory.shut(samples.close(account))

        assert receipt.outcome is Outcome.APPLIED
        assert not administrator.logs_in(administrator.dn(account), FIRST)
        assert administrator.text(administrator.dn(account), "mail") == account.mail

    def test_it_stays_closed_when_an_administrator_sets_a_password(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """That lifts pwdAccountLockedTime, which is why it is not the switch."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        administrator.set_password(dn, THIRD)

        assert not administrator.logs_in(dn, THIRD)

    def test_a_closed_account_is_left_alone(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        assert directory.shut(samples.close(account)).outcome is Outcome.UNCHANGED

    def test_an_absent_account_is_closed_already(self, directory: Directory, account: Account) -> None:
        assert directory.shut(samples.close(account)).outcome is Outcome.UNCHANGED

    def test_undo_opens_it_again(self, directory: Directory, account: Account, administrator: Administrator) -> None:
        directory.create(samples.create(account))
        receipt = directory.shut(samples.close(account))

        assert receipt.undo
        receipt.undo()

        assert administrator.logs_in(administrator.dn(account), FIRST)


class TestRotate:
    def test_only_the_new_password_logs_in(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))

        directory.rotate(samples.rotate(account))

        assert administrator.logs_in(dn, SECOND)
        assert not administrator.logs_in(dn, FIRST)

    def test_repeating_it_with_the_same_password_is_fine(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        directory.rotate(samples.rotate(account))

        assert directory.rotate(samples.rotate(account)).outcome is Outcome.APPLIED
        assert administrator.logs_in(administrator.dn(account), SECOND)

    def test_an_earlier_password_is_refused_by_the_history(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))
        directory.rotate(samples.rotate(account))

        with pytest.raises(SecretRefusedError, match="history"):
            directory.rotate(samples.rotate(account, SECRET))

    def test_a_closed_account_stays_closed(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        directory.rotate(samples.rotate(account))

        assert not administrator.logs_in(administrator.dn(account), SECOND)

    def test_an_account_that_somebody_locked_for_good_stays_locked(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """The directory lifts that lock when a password is set."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.replace(dn, pwdAccountLockedTime="000001010000Z")

        directory.rotate(samples.rotate(account))

        assert not administrator.logs_in(dn, SECOND)

    def test_nothing_else_is_touched(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.replace(dn, displayName="Somebody Else")

        directory.rotate(samples.rotate(account))

        assert administrator.text(dn, "displayName") == "Somebody Else"

    def test_a_missing_account_is_missing(self, directory: Directory, account: Account) -> None:
        with pytest.raises(MissingError):
            directory.rotate(samples.rotate(account))

    def test_undo_brings_the_former_password_back(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        receipt = directory.rotate(samples.rotate(account))

        assert receipt.undo
        receipt.undo()

        assert administrator.logs_in(dn, FIRST)
        assert not administrator.logs_in(dn, SECOND)

    def test_undo_brings_a_lock_back_too(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.replace(dn, pwdAccountLockedTime="000001010000Z")
        receipt = directory.rotate(samples.rotate(account))

        assert receipt.undo
        receipt.undo()

        assert not administrator.logs_in(dn, FIRST)
        assert administrator.text(dn, "pwdAccountLockedTime") == "000001010000Z"

    def test_without_a_readable_former_password_there_is_no_undo(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        administrator.add(administrator.dn(account), ["inetOrgPerson"], {"cn": "x", "sn": "y"})

        assert directory.rotate(samples.rotate(account)).undo is None


class TestHandOver:
    def test_the_holder_and_the_password_change(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))

        directory.hand_over(samples.handover(account))

        assert administrator.text(dn, "displayName") == "İsmail Çağlar"
        assert administrator.text(dn, "employeeNumber") == "1002"
        assert administrator.logs_in(dn, SECOND)
        assert not administrator.logs_in(dn, FIRST)

    def test_a_title_does_not_pass_to_a_holder_without_one(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        untitled = attrs.evolve(samples.SUCCESSOR, title="")

        directory.hand_over(attrs.evolve(samples.handover(account), holder=untitled))

        assert administrator.text(administrator.dn(account), "title") is None

    def test_what_others_have_added_stays(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "mail", "alias@meb.gov.tr")
        administrator.add_value(dn, "title", "Gönüllü")

        directory.hand_over(attrs.evolve(samples.handover(account), holder=attrs.evolve(samples.SUCCESSOR, title="")))

        entry = administrator.read(dn) or {}
        assert set(entry["mail"]) == {account.mail.encode(), b"alias@meb.gov.tr"}
        assert entry["title"] == ["Gönüllü".encode()]

    def test_a_title_that_others_gave_to_a_holder_without_one_stays(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn, untitled = administrator.dn(account), attrs.evolve(samples.HOLDER, title="")
        directory.create(attrs.evolve(samples.create(account), holder=untitled))
        administrator.add_value(dn, "title", "Gönüllü")

        directory.hand_over(attrs.evolve(samples.handover(account), outgoing=untitled))

        assert set((administrator.read(dn) or {})["title"]) == {"Gönüllü".encode(), samples.SUCCESSOR.title.encode()}

    def test_an_account_that_somebody_locked_for_good_does_not_open_for_its_new_holder(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """The directory lifts that lock when a password is set."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.replace(dn, pwdAccountLockedTime="000001010000Z")

        directory.hand_over(samples.handover(account))

        assert not administrator.logs_in(dn, SECOND)

    def test_a_probe_foresees_what_it_does(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "title", "Gönüllü")
        request = samples.handover(account)
        planned = PlannedChange(
            kind=OperationKind.HANDOVER, unit=request.unit, holder=request.holder, outgoing=request.outgoing
        )
        before = administrator.read(dn)

        found = directory.probe(ProbeAccount(account=account, planned=planned)).changes
        assert administrator.read(dn) == before
        directory.hand_over(request)

        after = administrator.read(dn) or {}
        assert {one.name: {*one.adds, *one.keeps} for one in found} == {
            one.name: {value.decode() for value in after.get(one.name, [])} for one in found
        }
        [title] = [one for one in found if one.name == "title"]
        assert (title.removes, title.keeps) == ((samples.HOLDER.title,), ("Gönüllü",))

    def test_nothing_is_foreseen_where_there_is_no_entry(self, directory: Directory, account: Account) -> None:
        planned = PlannedChange(kind=OperationKind.CREATE, unit=samples.UNIT, holder=samples.HOLDER)

        assert directory.probe(ProbeAccount(account=account, planned=planned)).changes == ()

    def test_an_attribute_of_one_value_is_ours(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """Somebody gave the account a name for display while its holder had none."""
        dn, nameless = administrator.dn(account), attrs.evolve(samples.HOLDER, name="")
        directory.create(attrs.evolve(samples.create(account), holder=nameless))
        administrator.replace(dn, displayName="Somebody")

        directory.hand_over(attrs.evolve(samples.handover(account), outgoing=nameless))

        assert administrator.text(dn, "displayName") == samples.SUCCESSOR.name

    def test_a_holder_that_the_directory_refuses_leaves_all_as_it_was(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator
    ) -> None:
        """The password is changed first; it must not stay changed when the second step fails."""
        directory = make_directory(attributes={"cn": "{login}", "sn": "{login}", "mail": "{holder_name}@example.org"})
        dn = administrator.dn(account)
        ascii_holder = attrs.evolve(samples.HOLDER, name="Ayse")
        directory.create(attrs.evolve(samples.create(account), holder=ascii_holder))

        with pytest.raises(RefusedError, match="mail"):
            directory.hand_over(samples.handover(account))

        assert administrator.logs_in(dn, FIRST)
        assert not administrator.logs_in(dn, SECOND)
        assert administrator.text(dn, "mail") == "Ayse@example.org"

    def test_a_missing_account_is_missing(self, directory: Directory, account: Account) -> None:
        with pytest.raises(MissingError):
            directory.hand_over(samples.handover(account))

    def test_undo_brings_holder_and_password_back(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        receipt = directory.hand_over(samples.handover(account))

        assert receipt.undo
        receipt.undo()

        assert administrator.text(dn, "displayName") == "Ayşe Işık"
        assert administrator.text(dn, "title") == "Şef"
        assert administrator.logs_in(dn, FIRST)


class TestProbe:
    def test_absent_enabled_and_disabled_are_told_apart(self, directory: Directory, account: Account) -> None:
        found = [directory.probe(samples.probe(None, account))]
        directory.create(samples.create(account))
        found += [directory.probe(samples.probe(None, account))]
        directory.shut(samples.close(account))
        found += [directory.probe(samples.probe(None, account))]

        assert [one.presence for one in found] == [Presence.ABSENT, Presence.ENABLED, Presence.DISABLED]
        assert [one.secret_accepted for one in found] == [None, None, None]

    def test_a_password_is_tried(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))

        assert directory.probe(samples.probe(SECRET, account)).secret_accepted is True
        assert directory.probe(samples.probe(OTHER_SECRET, account)).secret_accepted is False
        assert directory.probe(samples.probe(SECRET, account)).secret_accepted is True

    def test_the_right_password_of_a_closed_account_is_not_accepted(
        self, directory: Directory, account: Account
    ) -> None:
        directory.create(samples.create(account))
        directory.shut(samples.close(account))

        report = directory.probe(samples.probe(SECRET, account))

        assert (report.presence, report.secret_accepted) == (Presence.DISABLED, False)

    def test_no_password_is_accepted_where_there_is_no_account(self, directory: Directory, account: Account) -> None:
        report = directory.probe(samples.probe(SECRET, account))

        assert (report.presence, report.secret_accepted) == (Presence.ABSENT, False)

    def test_attributes_are_shown_and_passwords_are_not(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))

        attributes = directory.probe(samples.probe(None, account)).attributes

        assert attributes["mail"] == account.mail
        assert "pwdChangedTime" in attributes
        assert not any("{SSHA}" in value for value in attributes.values())

    def test_an_alias_is_not_mistaken_for_what_it_points_to(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        other = attrs.evolve(account, login=f"{account.login}-alias")
        alias = {"aliasedObjectName": administrator.dn(account), "uid": other.login}
        administrator.add(administrator.dn(other), ["alias", "extensibleObject"], alias)

        assert "mail" not in directory.probe(samples.probe(None, other)).attributes

    def test_a_successful_log_in_is_one_request(
        self, make_directory: MakeDirectory, account: Account, proxy: Proxy
    ) -> None:
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE)
        directory.create(samples.create(account))
        proxy.seen.clear()
        for _ in range(3):
            directory.probe(samples.probe(SECRET, account))

        assert proxy.seen == {BIND: 3}
        assert proxy.connections == 2

    def test_a_wrong_password_is_tried_once(self, make_directory: MakeDirectory, account: Account) -> None:
        """Each attempt counts; more than one would lock accounts that everybody else leaves alone."""
        with Slapd(policy={"pwdLockout": "TRUE", "pwdMaxFailure": "2"}) as strict:
            directory = make_directory(strict)
            directory.create(samples.create(account))
            directory.probe(samples.probe(OTHER_SECRET, account))

            assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_password_that_must_be_changed_is_reported(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        administrator.replace(administrator.dn(account), pwdReset="TRUE")

        report = directory.probe(samples.probe(SECRET, account))

        assert report.secret_accepted
        assert report.attributes == {"pwdReset": "TRUE"}

    def test_every_name_that_logs_in_is_told(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        """A mail server remembers a log-in by the name that was used."""
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "uid", f"{account.login}-Alias")
        administrator.add_value(dn, "mail", "Takma.Ad@meb.gov.tr")

        names = directory.probe(samples.probe(account=account)).spellings

        assert set(names) == {account.login, f"{account.login}-Alias", account.mail, "Takma.Ad@meb.gov.tr"}


class TestPolicies:
    def test_where_only_clear_text_is_taken_an_undo_says_so(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        with Slapd(policy={"pwdCheckQuality": "2"}) as strict:
            directory = make_directory(strict)
            directory.create(samples.create(account))
            receipt = directory.rotate(samples.rotate(account))

            assert receipt.undo
            with pytest.raises(RefusedError, match="cannot be restored") as caught:
                receipt.undo()

            assert "pwdCheckQuality" in str(caught.value.cure)
            assert directory.probe(samples.probe(OTHER_SECRET, account)).secret_accepted

    def test_a_policy_that_wants_the_old_password_is_a_wrong_setting(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        with (
            Slapd(policy={"pwdSafeModify": "TRUE"}) as strict,
            pytest.raises(MisconfiguredError, match="must supply old password"),
        ):
            make_directory(strict).create(samples.create(account))

    @pytest.mark.parametrize("scheme", ["{SSHA}", "{ARGON2}"])
    def test_a_former_hash_is_restored_to_the_octet(
        self, make_directory: MakeDirectory, account: Account, scheme: str
    ) -> None:
        """Values of {ARGON2} end in two NUL octets."""
        with Slapd(password_hash=scheme) as server:
            directory = make_directory(server)
            directory.create(samples.create(account))
            receipt = directory.rotate(samples.rotate(account))
            assert receipt.undo
            receipt.undo()

            assert directory.probe(samples.probe(SECRET, account)).secret_accepted


@pytest.mark.parametrize("password", ["ığüşöçİ!1a", "a b c d e f", "ﬁligran²…", "\\n\t\x01\x7f quote'\"", "🂡🂡🂡"])
def test_a_password_arrives_as_it_is(directory: Directory, account: Account, password: str) -> None:
    """ldap3 would prepare it, and a mail server that does not could never log in."""
    directory.create(samples.create(account, Secret(password)))

    assert directory.probe(samples.probe(Secret(password), account)).secret_accepted


def test_many_threads_keep_their_accounts_apart(directory: Directory, account: Account) -> None:
    def live(number: int) -> bool:
        mine = attrs.evolve(account, login=f"{account.login}-{number}")
        first, second = Secret(f"first-{number}-{account.login}"), Secret(f"second-{number}-{account.login}")
        directory.create(samples.create(mine, first))
        directory.rotate(samples.rotate(mine, second))
        return (
            directory.probe(samples.probe(second, mine)).secret_accepted is True
            and directory.probe(samples.probe(first, mine)).secret_accepted is False
            and directory.shut(samples.close(mine)).outcome is Outcome.APPLIED
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(live, range(160)))
