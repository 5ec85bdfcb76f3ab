"""Attributes and object classes that are configured under another name than the one the directory answers with."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import ConflictError, MisconfiguredError
from provisioner.core.model import Account, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.samples import OTHER_SECRET, SECRET
from provisioner_ldap.schema import Schema
from tests.plugins.ldap.conftest import Administrator, MakeDirectory

SYNONYMS: dict[str, Any] = {
    "rdn": "userid",
    "attributes": {
        "commonName": "{unit_name}",
        "surname": "{login}",
        "rfc822Mailbox": "{mail}",
        "mobileTelephoneNumber": "{holder_mobile}",
        "displayName": "{holder_name}",
    },
}

#: What changes in an entry whatever becomes of it.
VOLATILE = {"modifyTimestamp", "entryCSN", "pwdChangedTime", "pwdHistory", "modifiersName"}


def stable(entry: dict[str, list[bytes]] | None) -> dict[str, list[bytes]]:
    assert entry is not None
    return {name: values for name, values in entry.items() if name not in VOLATILE}


@pytest.mark.server("slapd")
class TestRealServer:
    def test_an_undone_handover_restores_everything(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator
    ) -> None:
        directory = make_directory(**SYNONYMS)
        directory.create(samples.create(account))
        before = stable(administrator.read(administrator.dn(account)))
        assert before["mobile"]

        undo = directory.hand_over(samples.handover(account)).undo
        assert undo
        undo()

        assert stable(administrator.read(administrator.dn(account))) == before
        assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_an_account_lives_through_all_hooks(self, make_directory: MakeDirectory, account: Account) -> None:
        directory = make_directory(**SYNONYMS)
        directory.create(samples.create(account))
        directory.create(samples.create(account, OTHER_SECRET))
        directory.hand_over(samples.handover(account, Secret("Lp9%kQwe3Rty")))

        attributes = directory.probe(samples.probe(None, account)).attributes
        assert attributes["displayName"] == samples.SUCCESSOR.name
        assert attributes["mobileTelephoneNumber"] == samples.SUCCESSOR.mobile
        assert directory.delete(samples.delete(account)).outcome is Outcome.APPLIED

    def test_a_login_that_differs_in_case_only_is_another_account(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        directory = make_directory(**SYNONYMS)
        directory.create(samples.create(account))

        with pytest.raises(ConflictError, match=f"another account, {account.login}"):
            directory.create(samples.create(attrs.evolve(account, login=account.login.upper())))

    def test_an_object_class_may_have_another_name_too(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator
    ) -> None:
        directory = make_directory(object_classes=("newPilotPerson",), attributes={"cn": "{login}", "sn": "{login}"})
        dn = administrator.dn(account)
        administrator.add(dn, ["pilotPerson"], {"cn": "x", "sn": "y"})

        directory.create(samples.create(account))
        directory.hand_over(samples.handover(account))

        assert administrator.logs_in(dn, OTHER_SECRET.reveal())
        assert [name.lower() for name in (administrator.read(dn) or {})["objectClass"]] == [b"pilotperson"]

    def test_check_accepts_other_names(self, make_directory: MakeDirectory) -> None:
        assert make_directory(**SYNONYMS).check().warnings == ()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"attributes": {"cn": "{login}", "sn": "{login}", "surname": "{unit_name}"}}, "sn and surname"),
            ({"attributes": {"cn": "{login}", "sn": "{login}", "userid": "{login}"}}, "uid and userid"),
        ],
    )
    def test_check_refuses_one_attribute_under_two_names(
        self, make_directory: MakeDirectory, settings: dict[str, Any], words: str
    ) -> None:
        """Each would undo what the other one sets."""
        with pytest.raises(MisconfiguredError, match=words):
            make_directory(**settings).check()


class TestSchema:
    SCHEMA = Schema.parse(
        [b"( 0.9.2342.19200300.100.1.41 NAME ( 'mobile' 'mobileTelephoneNumber' ) )", b"( 2.5.4.3 NAME 'cn' )"],
        [
            b"( 2.5.6.0 NAME 'top' ABSTRACT )",
            b"( 2.5.6.6 NAME 'person' SUP top STRUCTURAL )",
            b"( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL )",
            b"( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL )",
            b"( 1.2.3 NAME 'extra' SUP top AUXILIARY )",
        ],
    )

    def test_all_names_of_an_attribute_are_the_same_in_any_case(self) -> None:
        assert self.SCHEMA.attribute("MOBILE") == self.SCHEMA.attribute("mobiletelephonenumber")
        assert self.SCHEMA.attribute("Unknown") == "unknown"

    @pytest.mark.parametrize(
        ("classes", "structural"),
        [
            (["top", "person", "organizationalPerson", "inetOrgPerson"], "inetOrgPerson"),
            (["extra", "INETORGPERSON", "person"], "INETORGPERSON"),
            (["person", "extra"], "person"),
            (["top", "extra", "neverHeardOf"], None),
            ([], None),
        ],
    )
    def test_the_class_that_no_other_is_derived_from_says_what_an_entry_is(
        self, classes: list[str], structural: str | None
    ) -> None:
        assert self.SCHEMA.structural(classes) == structural
