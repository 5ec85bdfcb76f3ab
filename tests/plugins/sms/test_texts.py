from __future__ import annotations

import string
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner import Account, Secret
from provisioner.catalogue import Catalogue
from provisioner.core.api.errors import ConfigurationError, RefusedError, SecretRefusedError
from provisioner.core.api.rules import Facts, Rule
from provisioner.core.model import AccountState
from provisioner.core.policy.digest import MOST_HEADLINES, Reminder
from provisioner.core.policy.digest import texts as digest_texts
from provisioner.rules.duties import BackupDuty, Custodian
from provisioner.rules.passwords import RenewOrClose
from provisioner.testing import samples
from provisioner_sms.settings import GatewayKind, Settings, SimulatorSettings, SmsTexts
from provisioner_sms.texts import (
    BASIC,
    EXTENDED,
    PART,
    ROOM,
    SINGLE,
    UNSENDABLE,
    Template,
    Templates,
    fold,
    order,
    parts,
    sendable,
    septets,
)

ACCOUNT = Account(login="temelegitim46", domain="meb.gov.tr", unit="46")
ISTANBUL = ZoneInfo("Europe/Istanbul")
NIGHT = datetime(2026, 11, 29, 20, 59, tzinfo=UTC)
HELP = "0344 705 53 53"

#: What a policy may put into a password and a phone can show.
PASSWORDS = st.text(sorted((BASIC | EXTENDED) - set(string.whitespace)), min_size=8, max_size=16)


def prepare(text: str, *, help_desk: str = HELP, max_parts: int = 1) -> Template:
    return Template.prepare(text, help_desk=help_desk, max_parts=max_parts, place="channels.sms.texts.first")


def defaults(language: str) -> Templates:
    return Templates.of(settings(), language, "channels.sms")


def settings(**texts: str) -> Settings:
    return Settings(
        gateway=GatewayKind.SIMULATOR,
        help_desk=HELP,
        texts=SmsTexts(**texts),
        simulator=SimulatorSettings(embedded=Path("sms.sqlite")),
    )


def test_the_alphabet_has_the_127_signs_and_10_extensions_of_the_standard() -> None:
    assert len(BASIC) == 127  # 128 places, one of which is the escape
    assert len(EXTENDED) == 10
    assert not BASIC & EXTENDED


def test_the_back_tick_is_the_only_printable_ascii_sign_that_no_phone_shows() -> None:
    assert UNSENDABLE == "`"


@given(st.text())
def test_whatever_is_folded_can_be_sent(text: str) -> None:
    assert sendable(fold(text))


@given(st.text(sorted(BASIC | EXTENDED)))
def test_folding_changes_only_turkish_letters_of_the_alphabet(text: str) -> None:
    kept = "".join(sign for sign in text if sign not in "ÇÖÜöü")

    assert fold(kept) == kept


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("şifreniz değişti", "sifreniz degisti"),
        ("ÇĞİÖŞÜ çğıöşü", "CGIOSU cgiosu"),
        ("g\u0306 s\u0327", "g s"),
        ("kâğıt – “çay”…", 'kagit - "cay"...'),
        ("naïve ß €", "naive ß €"),
        ("日本", "??"),
    ],
)
def test_turkish_and_pasted_signs_are_folded_to_what_every_phone_shows(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * SINGLE, 1),
        ("a" * (SINGLE + 1), 2),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("a" * 2 * PART, 2),
        ("a" * (2 * PART + 1), 3),
        # 153 is odd: the pair at the end of the first part moves to the second, and the last sign to a third.
        ("a" * 152 + "€" + "a" * 152, 3),
        ("€" * 152, 2),
        ("€" * 153, 3),
    ],
)
def test_the_length_is_counted_as_a_phone_counts_it(text: str, expected: int) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize("language", ["tr", "en"])
@pytest.mark.parametrize("name", ["first", "replaces_earlier"])
def test_the_texts_name_the_account_the_password_and_the_help_desk(language: str, name: str) -> None:
    """001 ¶8: the person who cannot log in is told where help is to be had."""
    text = getattr(defaults(language), name).compose(ACCOUNT, Secret("aB3$eF7x")).reveal()

    assert ACCOUNT.mail in text
    assert "aB3$eF7x" in text.split()
    assert HELP in text
    assert parts(text) == 1


@pytest.mark.parametrize("language", ["tr", "en"])
def test_a_later_message_says_that_the_earlier_password_is_void(language: str) -> None:
    texts = defaults(language)

    assert texts.first.text != texts.replaces_earlier.text


@given(PASSWORDS)
def test_a_password_arrives_as_it_is(password: str) -> None:
    text = defaults("tr").first.compose(ACCOUNT, Secret(password)).reveal()

    assert password in text.split()
    assert sendable(text)


@pytest.mark.parametrize("password", ["{mail}{help_desk}", "{password}", "{0}{}", "%s%(x)s", "{{}}"])
def test_a_password_that_looks_like_a_place_is_not_filled(password: str) -> None:
    assert password in defaults("tr").first.compose(ACCOUNT, Secret(password)).reveal().split()


@pytest.mark.parametrize("password", ["pass`word1", "şifre123", "tab\tx1", "new\nline1", "bl ank1", "emoji😀1"])
def test_a_password_that_cannot_be_sent_as_it_is_is_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(SecretRefusedError) as refused:
        defaults("tr").first.compose(ACCOUNT, Secret(password))

    assert password not in f"{refused.value!r} {refused.value} {refused.value.cure}"


def test_a_login_that_cannot_be_sent_as_it_is_is_refused_and_not_folded() -> None:
    """``sube46`` would be another account."""
    with pytest.raises(RefusedError, match="the login şube46@"):
        defaults("tr").first.compose(Account(login="şube46", domain="meb.gov.tr", unit="46"), Secret("x"))


def test_a_message_of_160_is_sent_and_one_of_161_is_not() -> None:
    template = prepare("{login} {password} " + "x" * 100)
    room = SINGLE - septets(template.filled({"login": "", "mail": "", "password": ""}))

    text = template.compose(Account(login="l" * (room - 8), domain="d", unit="u"), Secret("p" * 8)).reveal()
    with pytest.raises(RefusedError, match="161 characters and exceed 1 message"):
        template.compose(Account(login="l" * (room - 7), domain="d", unit="u"), Secret("p" * 8))

    assert septets(text) == SINGLE


def test_extension_signs_in_a_password_count_twice() -> None:
    template = prepare("{login} {password} " + "x" * 100)
    room = SINGLE - septets(template.filled({"login": "", "mail": "", "password": ""}))

    with pytest.raises(RefusedError, match="161"):
        template.compose(Account(login="l" * (room - 8), domain="d", unit="u"), Secret("pppppp€p"))


@pytest.mark.parametrize("language", ["tr", "en"])
@pytest.mark.parametrize("name", ["first", "replaces_earlier"])
@pytest.mark.parametrize("number", [1, 99, 100, 5000])
def test_the_longest_usual_names_leave_no_room_for_the_order(language: str, name: str, number: int) -> None:
    account = Account(login="l" * ROOM["login"], domain="d" * (ROOM["mail"] - ROOM["login"] - 1), unit="u")
    place = order(number, NIGHT, ISTANBUL)

    text = getattr(defaults(language), name).compose(account, Secret("p" * ROOM["password"]), place).reveal()

    assert parts(text) == 1
    assert text.startswith(place)
    assert len(place) <= ROOM["order"]


@pytest.mark.parametrize("language", ["tr", "en"])
@pytest.mark.parametrize("name", ["first", "replaces_earlier"])
def test_the_longest_login_is_cut(language: str, name: str) -> None:
    """A login can have 64 characters and a domain 255. What doesn't fit is refused before anything is sent."""
    account = Account(login="l" * 64, domain="d" * 255, unit="u")

    with pytest.raises(RefusedError, match="exceed 1 message"):
        getattr(defaults(language), name).compose(account, Secret("p" * 20), order(1, NIGHT, ISTANBUL))


def test_the_order_is_missing_in_a_text_of_ones_own() -> None:
    place = order(2, datetime(2026, 11, 29, 11, 5, tzinfo=UTC), ISTANBUL)

    assert place == "14:05, no. 2"
    assert prepare("{login} {password}").compose(ACCOUNT, Secret("x"), place).reveal() == f"{place} {ACCOUNT.login} x"
    assert prepare("{login} {password} ({order})").compose(ACCOUNT, Secret("x"), place).reveal() == (
        f"{ACCOUNT.login} x ({place})"
    )


def test_the_order_without_a_time_is_empty() -> None:
    assert order(100, None, ISTANBUL) == "no. 1"


def test_a_longer_message_is_sent_where_the_configuration_allows_two_parts() -> None:
    template = prepare("{login} {password} " + "x" * 200, max_parts=2)

    assert parts(template.compose(ACCOUNT, Secret("p" * 8)).reveal()) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{mail} your account", "needs {password}"),
        ("your {password} here", "needs {password}, and {mail} or {login}"),
        ("{mail} {password} {name}", "only the placeholders"),
        ("{mail} {password!r}", "only the placeholders"),
        ("{mail:>40} {password}", "only the placeholders"),
        ("{mail.domain} {password}", "only the placeholders"),
        ("{mail} {password} {", "Single"),
        ("{mail} {password}.", "put a space before and after"),
        ("{mail}:{password} ok", "put a space before and after"),
        ("{mail} {password} 日", "'日' cannot be sent"),
        ("{mail} {password} " + "x" * 120, "can have 196 characters"),
    ],
)
def test_a_text_that_cannot_work_stops_the_program_at_start(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        prepare(text)

    assert problem in str(wrong.value)
    assert "channels.sms.texts.first" in str(wrong.value)


def test_a_help_desk_that_cannot_be_sent_stops_the_program_at_start() -> None:
    with pytest.raises(ConfigurationError, match="cannot be sent"):
        prepare("{mail} {password} {help_desk}", help_desk="☎ 1234")


def test_a_text_of_ones_own_replaces_only_its_own_kind() -> None:
    own = Templates.of(settings(first="{login} {password} {help_desk}"), "en", "channels.sms")

    assert own.first.text == "{login} {password} {help_desk}"
    assert own.replaces_earlier == defaults("en").replaces_earlier


def test_a_composed_message_shows_itself_to_nobody() -> None:
    message = defaults("tr").first.compose(ACCOUNT, Secret("aB3$eF7x"))

    assert "aB3$eF7x" not in repr(message)


@pytest.mark.parametrize("rule", [RenewOrClose(), Custodian(), BackupDuty()])
@pytest.mark.parametrize("custodian", [None, "another"])
@pytest.mark.parametrize("language", ["tr", "en"])
def test_the_shortest_notice_about_many_accounts_fits(rule: Rule, custodian: str | None, language: str) -> None:
    account = attrs.evolve(samples.ACCOUNT, state=AccountState.OPEN, opened_at=NIGHT, password_changed_at=NIGHT)
    facts = Facts(account=account, unit=attrs.evolve(samples.UNIT, custodian=custodian))
    for deadline in (one for one in rule.deadlines(facts) if one.digest):
        many = [Reminder(f"birim{number}", deadline) for number in range(9_999)]
        shortest = digest_texts(many, lambda text: text.said(Catalogue.of(language)))[-1]

        assert parts("\n".join([fold(shortest)] * MOST_HEADLINES)) <= settings().max_notice_parts
