from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import AccountKind
from provisioner_ldap.settings import LdapSettings, TlsMode
from provisioner_ldap.templates import PLACEHOLDERS

LEAST = {
    "urls": ["ldaps://ldap1.example.org", "ldaps://ldap2.example.org:1636"],
    "bind_dn": "cn=provisioner,dc=example,dc=org",
    "bind_password": "env:LDAP_PASSWORD",
    "base_dn": "ou=units,dc=example,dc=org",
}


NUMBERS = {"first": 1000, "last": 2000, "counter_dn": "cn=next,dc=example,dc=org"}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDAP_PASSWORD", "s3rvice!")


def settings(**others: Any) -> LdapSettings:
    loaded = structure({**LEAST, **others}, LdapSettings, "targets.mail", file=Path("/etc/provisioner.toml"))
    loaded.verify("targets.mail")
    return loaded


def test_four_keys_are_enough_and_encryption_is_on() -> None:
    loaded = settings()

    assert loaded.urls == ("ldaps://ldap1.example.org", "ldaps://ldap2.example.org:1636")
    assert loaded.tls is TlsMode.REQUIRED
    assert loaded.bases == ("ou=units,dc=example,dc=org",)


def test_the_service_password_is_not_shown() -> None:
    assert "s3rvice!" not in repr(settings())


def test_personal_accounts_may_have_a_base_of_their_own() -> None:
    loaded = settings(base_of_kind={"personal": "ou=people,dc=example,dc=org"})

    assert loaded.base(AccountKind.PERSONAL) == "ou=people,dc=example,dc=org"
    assert loaded.base(AccountKind.UNIT) == "ou=units,dc=example,dc=org"
    assert loaded.bases == ("ou=units,dc=example,dc=org", "ou=people,dc=example,dc=org")


def test_a_relative_ca_file_starts_at_the_folder_of_the_configuration() -> None:
    assert settings(ca_file="ca.pem").ca_file == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        ({"urls": []}, "targets.mail.urls", "empty"),
        ({"urls": ["https://example.org"]}, "targets.mail.urls[0]", "expected ldaps://HOST"),
        ({"urls": ["ldaps://a", "ldapi:///run/slapd"]}, "targets.mail.urls[1]", "expected ldaps://HOST"),
        ({"urls": ["ldaps://"]}, "targets.mail.urls[0]", "expected ldaps://HOST"),
        ({"urls": ["ldaps://a:99999"]}, "targets.mail.urls[0]", "expected ldaps://HOST"),
        ({"urls": ["ldaps://admin:pw@a"]}, "targets.mail.urls[0]", "expected ldaps://HOST"),
        ({"urls": ["ldaps://a/dc=example"]}, "targets.mail.urls[0]", "expected ldaps://HOST"),
        ({"replicas": ["ldaps://a", "a"]}, "targets.mail.replicas[1]", "expected ldaps://HOST"),
        ({"bind_dn": ""}, "targets.mail.bind_dn", "empty"),
        ({"base_dn": ""}, "targets.mail.base_dn", "empty"),
        ({"object_classes": []}, "targets.mail.object_classes", "empty"),
        ({"rdn": "uid=x"}, "targets.mail", "is not the name of an attribute or object class"),
        ({"object_classes": ["inet org"]}, "targets.mail", "is not the name of an attribute or object class"),
        ({"attributes": {"mail)": "x"}}, "targets.mail", "is not the name of an attribute or object class"),
        ({"attributes": {"cn": "{unit}"}}, "targets.mail.attributes.cn", "unknown placeholder {unit}"),
        ({"attributes": {"cn": "{holder_name.__class__}"}}, "targets.mail.attributes.cn", "unknown place"),
        ({"attributes": {"cn": "{unit_name!r}"}}, "targets.mail.attributes.cn", "unknown place"),
        ({"attributes": {"cn": "{unit_name:>9}"}}, "targets.mail.attributes.cn", "unknown place"),
        ({"attributes": {"cn": "{}"}}, "targets.mail.attributes.cn", "unknown place"),
        ({"attributes": {"cn": "{unit_name"}}, "targets.mail.attributes.cn", "braces"),
        ({"attributes": {"UID": "x"}}, "targets.mail.attributes.UID", "not set by a template"),
        ({"attributes": {"userPassword": "{login}"}}, "targets.mail.attributes.userPassword", "not set by a template"),
        ({"attributes": {"objectClass": "x"}}, "targets.mail.attributes.objectClass", "not set by a template"),
        ({"attributes": {"cn": []}}, "targets.mail.attributes.cn", "empty"),
        ({"attributes": {"cn": ["{login}", "{logn}"]}}, "targets.mail.attributes.cn", "unknown placeholder {logn}"),
        ({"attributes": {"cn": ["{login}", 5]}}, "targets.mail.attributes['cn']", "expected a string, found"),
        ({"attributes": {"cn": 5}}, "targets.mail.attributes['cn']", "a string or a list of strings"),
        ({"attributes": {"cn": "{unit_name|asci}"}}, "targets.mail.attributes.cn", "unknown filter 'asci'"),
        (
            {"attributes": {"uidNumber": "{number}"}},
            "targets.mail.attributes.uidNumber",
            "unknown placeholder {number}",
        ),
        ({"container": "ou"}, "targets.mail.container", "expected ATTRIBUTE=VALUE"),
        ({"container": ""}, "targets.mail.container", "empty"),
        ({"container": "ou=,ou=x"}, "targets.mail.container", "expected ATTRIBUTE=VALUE"),
        ({"container": "ou={holder_name}"}, "targets.mail.container", "unknown placeholder {holder_name}"),
        ({"container": "ou={parent_name|x}"}, "targets.mail.container", "unknown filter 'x'"),
        ({"container": "c={unit_kind}", "create_containers": True}, "targets.mail.container", "cannot be created"),
        ({"numbers": {**NUMBERS, "last": 1}}, "targets.mail.numbers.last", "less than first"),
        ({"numbers": {**NUMBERS, "first": 0}}, "targets.mail.numbers", "'first' must be >= 1"),
        ({"numbers": {**NUMBERS, "counter_dn": "ou=x,dc=y"}}, "targets.mail.numbers.counter_dn", "begins with cn="),
        ({"closed": {"userPassword": "x"}}, "targets.mail.closed.userPassword", "not set by a template"),
        (
            {"closed": {"title": "x"}, "attributes": {"title": "{login}"}},
            "targets.mail.closed.title",
            "must have no placeholder",
        ),
        ({"timeout": 2.5}, "targets.mail.timeout", "a whole number"),
        ({"timeout": 0}, "targets.mail", "'timeout' must be >= 1"),
        ({"timeout": 3601}, "targets.mail", "'timeout' must be <= 3600"),
        ({"connect_timeout": 3601}, "targets.mail", "'connect_timeout' must be <= 3600"),
        ({"connections": 257}, "targets.mail", "'connections' must be <= 256"),
        ({"tls": "off"}, "targets.mail.tls", "expected one of"),
        ({"family": "ad"}, "targets.mail.family", "expected one of"),
        ({"base_of_kind": {"school": "ou=x"}}, "targets.mail.base_of_kind", "expected one of"),
        ({"insecure": True}, "targets.mail", "unknown key insecure"),
    ],
)
def test_a_mistake_is_named_with_its_place(wrong: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**wrong)

    assert place in str(caught.value)
    assert words in str(caught.value)


def test_every_setting_and_every_place_is_documented() -> None:
    readme = (Path(__file__).parents[3] / "plugins/ldap/README.md").read_text(encoding="utf-8")

    assert [field.name for field in attrs.fields(LdapSettings) if f"`{field.name}`" not in readme] == []
    assert [place for place in PLACEHOLDERS if f"`{{{place}}}`" not in readme] == []


def test_what_was_meant_as_a_password_is_not_quoted() -> None:
    """Credentials in a URL are a mistake; repeating them in the message would be the next one."""
    with pytest.raises(ConfigurationError) as caught:
        settings(urls=["ldaps://admin:hunter2@a"])

    assert "hunter2" not in str(caught.value)
