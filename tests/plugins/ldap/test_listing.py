"""The list of a directory: complete over many pages, or an error; and nothing in it that is no account."""

from __future__ import annotations

from contextlib import closing

import attrs
import pytest

from provisioner.core.api.errors import RefusedError, SecretRefusedError, TargetError
from provisioner.core.api.messages import ListedAccount, Presence
from provisioner.core.model import Account, AccountKind
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing import slapd as slapd_server
from provisioner.testing.slapd import Slapd
from provisioner_ldap import client
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.directory import Directory
from provisioner_ldap.times import CLOCK_SKEW
from tests.plugins.ldap.conftest import Administrator, MakeDirectory, settings_of

pytestmark = pytest.mark.server("slapd")


def listed(directory: Directory) -> dict[str, ListedAccount]:
    pages = list(directory.accounts())
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    accounts = [account for page in pages for account in page.accounts]
    assert len({account.login for account in accounts}) == len(accounts)
    return {account.login: account for account in accounts}


def test_an_account_is_listed_as_it_is(directory: Directory, account: Account, administrator: Administrator) -> None:
    directory.create(samples.create(account))
    entry = listed(directory)[account.login]

    assert entry.presence is Presence.ENABLED
    assert entry.reference == administrator.dn(account)
    assert entry.holder == samples.create(account).holder.id
    assert entry.attributes["mail"] == account.mail
    assert entry.lock == ""
    assert entry.password_changed_at
    assert abs(entry.password_changed_at - directory.now()) < CLOCK_SKEW

    directory.shut(samples.close(account))
    assert listed(directory)[account.login].presence is Presence.DISABLED


def test_every_address_of_a_mailbox_is_listed(
    directory: Directory, account: Account, administrator: Administrator
) -> None:
    directory.create(samples.create(account))
    administrator.add_value(administrator.dn(account), "mail", "eski@meb.gov.tr")

    entry = listed(directory)[account.login]

    assert {value for name, value in entry.values() if name == "mail"} == {account.mail, "eski@meb.gov.tr"}
    assert "cn" not in entry.further_values


def test_more_than_a_page_comes_whole(
    directory: Directory, administrator: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 3)
    accounts = [Account(login=f"sayfa{number}", domain="meb.gov.tr", unit="u") for number in range(10)]
    for account in accounts:
        directory.create(samples.create(account))

    assert {account.login for account in accounts} <= listed(directory).keys()


def test_entries_that_are_no_accounts_are_not_listed(
    directory: Directory, slapd: Slapd, administrator: Administrator
) -> None:
    administrator.add(f"ou=kutu,{slapd.base_dn}", ["organizationalUnit"], {})
    administrator.add(f"cn=yazici,{slapd.base_dn}", ["device"], {})

    assert not {"kutu", "yazici"} & listed(directory).keys()


def test_a_base_that_is_gone_is_an_error_and_no_empty_list(make_directory: MakeDirectory, slapd: Slapd) -> None:
    gone = f"ou=yok,{slapd.base_dn}"
    with (
        closing(make_directory(base_of_kind={AccountKind.PERSONAL: gone})) as directory,
        pytest.raises(TargetError),
    ):
        list(directory.accounts())


def test_an_attribute_without_the_holder_says_nothing_of_one(make_directory: MakeDirectory, account: Account) -> None:
    with closing(make_directory(attributes={"cn": "{unit_name}", "sn": "{login}"})) as directory:
        directory.create(samples.create(account))

        assert listed(directory)[account.login].holder is None


def test_a_list_over_the_servers_limit_is_an_error(
    directory: Directory, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may end a list early with a result that ldap3's own generator does not show."""
    directory.create(samples.create(account))
    session_class = client.LdapSession
    answered = session_class._answer

    def limited(self: client.LdapSession, result: dict[str, object]) -> object:
        answer = answered(self, result)
        is_list = client._PAGED in result.get("controls", {})  # type: ignore[operator]
        return attrs.evolve(answer, code=11) if is_list else answer

    monkeypatch.setattr(session_class, "_answer", limited)
    with pytest.raises(TargetError):
        list(directory.accounts())


def test_a_list_that_ends_at_the_server_s_default_limit_says_how_to_raise_it(
    make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenLDAP ends every list after 500 entries; the limit that the README shows lifts that for us alone."""
    limited = slapd_server.CONFIG.replace("olcSizeLimit: unlimited", "olcSizeLimit: 5")
    lifted = limited.replace("{restrictions}", 'olcLimits: dn.exact="{bind_dn}" size.prtotal=unlimited\n{restrictions}')
    logins = {f"sinir{number}" for number in range(7)}

    def read(config: str) -> dict[str, ListedAccount]:
        monkeypatch.setattr(slapd_server, "CONFIG", config)
        with Slapd() as server:
            directory = make_directory(server)
            for login in logins:
                directory.create(samples.create(Account(login=login, domain="meb.gov.tr", unit="u")))
            return listed(directory)

    with pytest.raises(RefusedError) as caught:
        read(limited)
    assert "more entries" in caught.value.cure.template
    assert read(lifted).keys() == logins


def test_an_account_is_probed_while_a_list_is_read_with_the_only_connection(
    make_directory: MakeDirectory, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison confirms what it suspects before it reads on."""
    monkeypatch.setattr(client, "PAGE_SIZE", 1)
    with closing(make_directory(connections=1, timeout=2)) as directory:
        directory.create(samples.create(account))
        pages = directory.accounts()
        next(pages)

        assert directory.probe(samples.probe(account=account)).presence is Presence.ENABLED
        assert list(pages)[-1].is_last


def test_a_password_that_cannot_be_sent_spoils_no_list_after_it(slapd: Slapd) -> None:
    """Nothing was sent, so the connection stays in use."""
    settings = settings_of(slapd)
    with closing(LdapClient(settings).connect_service(settings.urls[0])) as session:
        with pytest.raises(SecretRefusedError):
            session.bind(settings.bind_dn, Secret("\ud800"))

        assert [*session.pages(slapd.base_dn, "(objectClass=*)", ["uid"], subtree=True)]
