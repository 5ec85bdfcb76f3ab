"""The settings refuse what cannot work, and say what would."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner_mail.settings import MailServerSettings, MailSettings

FILE = Path("/etc/provisioner.toml")
KEY = "plain:key-of-the-test"
SERVER = {"api": "https://mail1.example.gov.tr:8080", "imap": "imaps://mail1.example.gov.tr"}
OTHER = {"api": "https://mail2.example.gov.tr:8080/", "imap": "imaps://mail2.example.gov.tr:1993"}


def settings(**table: object) -> MailSettings:
    return structure({"servers": [SERVER], "api_key": KEY} | table, MailSettings, "targets.mail", file=FILE)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"servers": [SERVER, OTHER], "timeout": 3, "login_timeout": 18, "ca_file": "ca.pem", "log_in_as": "mail"},
        {"servers": [SERVER | {"api": "http://127.0.0.1:8080"}]},
        {"servers": [SERVER | {"api": "http://10.0.0.1:8080"}], "insecure": True},
    ],
)
def test_what_works_is_taken(table: dict[str, object]) -> None:
    assert settings(**table).timeout == table.get("timeout", 10)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"servers": []}, "servers: name at least one server"),
        ({"servers": [SERVER, SERVER]}, "https://mail1.example.gov.tr:8080 is listed twice"),
        ({"servers": [SERVER, OTHER | {"imap": SERVER["imap"]}]}, "imaps://mail1.example.gov.tr is listed twice"),
        ({"servers": [{"api": SERVER["api"]}]}, "servers[1].imap: it is missing"),
        ({"servers": [SERVER | {"api": "mail1.example.gov.tr"}]}, "api: expected an address that begins with https://"),
        ({"servers": [SERVER | {"api": "https://"}]}, "write it as https://HOST:PORT"),
        ({"servers": [SERVER | {"api": "https://canary@mail1"}]}, "api: expected only a host and a port"),
        ({"servers": [SERVER | {"api": "https://mail1/doveadm/v1"}]}, "api: expected only a host and a port"),
        ({"servers": [SERVER | {"imap": "imap://mail1"}]}, "imap: expected an address that begins with imaps://"),
        ({"servers": [SERVER | {"imap": "imaps://mail1:port"}]}, "write it as imaps://HOST:PORT"),
        (
            {"servers": [SERVER | {"api": "http://mail1.example.gov.tr"}]},
            "the key would leave this machine unencrypted",
        ),
        ({"login_timeout": 17}, "login_timeout: expected more than 17 and at most 3600 seconds"),
        ({"login_timeout": float("nan")}, "login_timeout"),
        ({"timeout": 0}, "timeout: expected more than 0"),
        ({"log_in_as": "uid"}, "log_in_as: expected one of login, mail"),
        ({"server": []}, "unknown key server; did you mean servers?"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**table)

    assert complaint in str(caught.value)
    assert f"{FILE}: targets.mail" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_the_key_is_not_shown() -> None:
    assert "key-of-the-test" not in repr(settings())


def test_the_longest_request_is_the_log_in() -> None:
    assert settings().longest_call == settings().login_timeout


def test_every_setting_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "plugins" / "mail" / "README.md").read_text(encoding="utf-8")

    for field in (*attrs.fields(MailSettings), *attrs.fields(MailServerSettings)):
        assert f"| `{field.name}` |" in readme
