from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provisioner.testing.slapd import Slapd
from provisioner_ldap.client import LdapSession
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.names import canonical, entry_dn, escaped
from tests.plugins.ldap.conftest import settings_of


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("temelegitim46", "temelegitim46"),
        ("İstanbul ığdır", "İstanbul ığdır"),
        (" a ", r"\ a\ "),
        (" ", r"\ "),
        ("  ", r"\ \ "),
        ("#a#", r"\#a#"),
        ('a,b+c"d\\e<f>g;h=i', r"a\,b\+c\"d\\e\<f\>g\;h\=i"),
        ("\x00\n\x7f", r"\00\0a\7f"),
    ],
)
def test_special_characters_are_escaped_as_rfc_4514_says(value: str, written: str) -> None:
    assert escaped(value) == written


def test_a_login_cannot_climb_out_of_its_container() -> None:
    dn = entry_dn("uid", "x,ou=admins", "ou=units,dc=test")

    assert dn == r"uid=x\,ou\=admins,ou=units,dc=test"


@pytest.mark.parametrize(
    ("dn", "other"),
    [
        ("uid=okul,ou=units,dc=test", "UID=Okul, OU=Units , DC=test"),
        (r"cn=a\,b,dc=test", r"cn=a\2Cb,dc=test"),
        (r"cn=a\=b,dc=test", "cn=a=b,dc=test"),
        (r"cn=\C5\9Fef,dc=test", "cn=Şef,dc=test"),
    ],
)
def test_another_spelling_of_a_name_is_no_other_name(dn: str, other: str) -> None:
    assert canonical(dn) == canonical(other)


def test_a_separator_in_a_value_does_not_make_two_names_one() -> None:
    assert canonical(r"cn=a\,ou=b,dc=test") != canonical("cn=a,ou=b,dc=test")


#: Whatever slapd takes as a uid: it strips outer blanks for comparison, and knows no empty value.
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)


@pytest.mark.server("slapd")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
@example(value="İIıi")
@example(value="a\x00b")
@example(value=" #a ")
@example(value='",+;<>\\=')
@example(value="\\2c")
def test_every_name_comes_back_from_the_server_as_it_was(slapd: Slapd, service: LdapSession, value: str) -> None:
    dn = entry_dn("uid", value, slapd.base_dn)
    service.delete(dn)  # other tests use the same server, and the name may be one of theirs

    made = service.add(dn, {"objectClass": (b"account",), "uid": (value.encode(),)})
    entry = service.read(dn, ["uid"])
    service.delete(dn)

    assert made
    assert entry["uid"] == (value.encode(),)


@pytest.fixture(name="service")
def _service(slapd: Slapd) -> Iterator[LdapSession]:
    with closing(LdapClient(settings_of(slapd)).connect_service(slapd.ldaps_url)) as session:
        yield session
