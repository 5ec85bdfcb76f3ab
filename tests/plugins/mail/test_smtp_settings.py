"""Settings that would send in the clear, to nobody, or something else than a notice, cannot be made."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner_mail.smtp_settings import Security, SmtpSettings

GOOD: dict[str, Any] = {
    "host": "mail.example.gov.tr",
    "sender": "notices@example.gov.tr",
    "address": "{id}@personel.example.gov.tr",
    "addresses": {"1002": "ismail.caglar@example.gov.tr"},
}


def test_a_person_is_reached_at_the_own_address_or_by_the_pattern() -> None:
    settings = SmtpSettings(**GOOD)

    assert settings.address_of("1001") == "1001@personel.example.gov.tr"
    assert settings.address_of("1002") == "ismail.caglar@example.gov.tr"


@pytest.mark.parametrize("person", ["a\r\nBcc: x", "a>,<b", "a b", "a@b", "ş", ""])
def test_a_staff_number_that_makes_no_address_reaches_nobody(person: str) -> None:
    assert SmtpSettings(**GOOD).address_of(person) is None


def test_without_a_pattern_only_listed_persons_are_reached() -> None:
    assert SmtpSettings(**GOOD | {"address": ""}).address_of("1001") is None


@pytest.mark.parametrize(
    "change",
    [
        {"security": Security.NONE},
        {"username": "notices"},
        {"password": Secret("Kx7!mPq2?vRt9")},
        {"address": "", "addresses": {}},
        {"address": "everybody@example.gov.tr"},
        {"address": "{id}@example.gov.tr\nBcc: x"},
        {"addresses": {"1": "a@b.tr, c@d.tr"}},
        {"sender": "notices"},
        {"sender": "a@example.gov.tr\r\nBcc: b@example.gov.tr"},
        {"subject": "a\r\nBcc: b@example.gov.tr"},
        {"port": 0},
        {"timeout": 0},
    ],
    ids=str,
)
def test_what_cannot_work_cannot_be_set(change: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        SmtpSettings(**GOOD | change)


def test_a_server_on_this_machine_needs_no_tls() -> None:
    assert SmtpSettings(**GOOD | {"host": "127.0.0.1", "security": Security.NONE}).security is Security.NONE
