"""Tokens: who gets one, which are refused and why, and that nothing keeps one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from provisioner.config.oidc import ClaimMeaning, OidcSettings
from provisioner.config.settings import ConsoleSettings
from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.governance.roles import Role
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.tokens import TokenAccess
from provisioner.services.throttles import TokenThrottles
from provisioner.services.tokens import LONGEST, NewToken, Tokens
from provisioner.testing.clock import FakeClock
from tests.console_office import ADMINISTRATOR, OFFICER, SUPERVISOR, TEACHER, Office, opened

MONTH = timedelta(days=30)
MADE_UP = f"prv_{'0' * 16}_{'A' * 43}"


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as office:
        yield office


@pytest.fixture(name="tokens")
def _tokens(office: Office) -> Tokens:
    return office.harness.app.tokens


def clear(new: NewToken) -> str:
    assert new.secret
    return new.secret.reveal()


def check(tokens: Tokens, given: str, address: str = "10.0.0.1") -> str:
    """Return the owner of a token, or nobody."""
    found = tokens.authenticate(given, address=address)
    return found.owner if found else ""


def events(office: Office, kind: str) -> list[Any]:
    return [json.loads(one.body) for one in office.harness.store.audit_log.entries() if one.kind == kind]


def refusals(office: Office) -> list[tuple[str, str]]:
    return [(event["actor"], event["reason"]) for event in events(office, "token_refused")]


def test_a_token_works_for_its_owner_and_is_kept_nowhere(office: Office, tokens: Tokens) -> None:
    new = tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    secret = clear(new).rpartition("_")[2]

    assert check(tokens, clear(new)) == TEACHER
    assert [event["token"]["owner"] for event in events(office, "token_created")] == [TEACHER]
    assert secret not in repr(new)
    kept = b"".join(file.read_bytes() for file in Path(office.harness.store.place).parent.iterdir() if file.is_file())
    assert new.token.id.encode() in kept
    assert secret.encode() not in kept


def test_a_refused_token_is_not_told_why_and_the_audit_log_is(office: Office, tokens: Tokens) -> None:
    clock = cast("FakeClock", office.harness.clock)
    expired = tokens.create("kısa", lifetime=timedelta(days=1), actor=TEACHER)
    revoked = tokens.create("iptal", lifetime=MONTH, actor=SUPERVISOR)
    tokens.revoke(revoked.token.id[:6], actor=SUPERVISOR)
    clock.advance(timedelta(days=2))
    other_secret = f"prv_{revoked.token.id}_{'A' * 43}"

    given = [clear(expired), clear(revoked), MADE_UP, other_secret, "", "Bearer", clear(expired) + "\n", "ç" * 64]
    assert [check(tokens, one) for one in given] == [""] * len(given)
    unknown = ("", "unknown")
    assert refusals(office) == [(TEACHER, "expired"), (SUPERVISOR, "revoked"), *[unknown] * 6]


def test_too_many_refusals_are_not_looked_at_and_fill_no_log(office: Office, tokens: Tokens) -> None:
    new = tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    limited = attrs.evolve(tokens, throttles=TokenThrottles(ConsoleSettings(denied_per_address=2)))
    for _ in range(2):
        assert check(limited, MADE_UP) == ""
    for _ in range(3):
        with pytest.raises(DeniedError, match="too many tokens were refused"):
            check(limited, clear(new))

    assert check(limited, clear(new), "10.0.0.2") == TEACHER
    assert refusals(office) == [("", "unknown"), ("", "unknown"), ("", "throttled")]


def test_the_token_of_a_person_who_left_is_refused(office: Office, tokens: Tokens) -> None:
    """The account is handed over when a person leaves. With a proxy, the store can't know who left."""
    new = tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    office.harness.hand_over("okul46", to=SUPERVISOR)

    assert check(tokens, clear(new)) == ""
    assert refusals(office) == [(TEACHER, "owner")]
    with pytest.raises(InputError, match="holds no open account"):
        tokens.create("yeni", lifetime=MONTH, actor=TEACHER)
    by_proxy = attrs.evolve(tokens, settings=ConsoleSettings(log_in=LogInWay.PROXY))
    assert check(by_proxy, clear(new)) == TEACHER


@pytest.mark.parametrize(("meaning", "owner"), [(ClaimMeaning.LOGIN, ""), (ClaimMeaning.PERSON, TEACHER)])
def test_a_token_ends_with_the_account_that_its_owner_needs_to_log_in_at_the_provider(
    office: Office, tokens: Tokens, meaning: ClaimMeaning, owner: str
) -> None:
    provider = OidcSettings(issuer="https://sso.example", client_id="k", client_secret="env:K", claim_meaning=meaning)
    at_provider = attrs.evolve(tokens, settings=ConsoleSettings(log_in=LogInWay.OIDC, oidc=provider))
    new = at_provider.create("liste", lifetime=MONTH, actor=TEACHER)
    assert check(at_provider, clear(new)) == TEACHER

    office.harness.hand_over("okul46", to=SUPERVISOR)

    assert check(at_provider, clear(new)) == owner


def test_only_administrators_make_tokens_for_services(office: Office, tokens: Tokens) -> None:
    new = tokens.create("eşitleme", service="personel", lifetime=MONTH, actor=ADMINISTRATOR)

    assert check(tokens, clear(new)) == new.token.owner == "service:personel"
    with pytest.raises(DeniedError):
        tokens.create("eşitleme", service="personel", lifetime=MONTH, actor=OFFICER)
    for service in ("", "a b", "service:x", "x" * 60):
        with pytest.raises(InputError):
            tokens.create("eşitleme", service=service, lifetime=MONTH, actor=ADMINISTRATOR)
    assert len(office.harness.store.tokens.all()) == 1


@pytest.mark.parametrize(
    ("name", "lifetime"), [("", MONTH), ("a\nb", MONTH), ("a" * 101, MONTH), ("a", timedelta(0)), ("a", LONGEST * 2)]
)
def test_a_token_without_a_name_or_an_end_is_not_made(tokens: Tokens, name: str, lifetime: timedelta) -> None:
    with pytest.raises(InputError):
        tokens.create(name, lifetime=lifetime, actor=TEACHER)


def test_a_dry_run_makes_no_token_and_revokes_none(office: Office, tokens: Tokens) -> None:
    assert tokens.create("liste", lifetime=MONTH, actor=TEACHER, dry_run=True).secret is None
    new = tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    tokens.revoke(new.token.id, actor=TEACHER, dry_run=True)

    assert check(tokens, clear(new)) == TEACHER
    assert len(office.harness.store.tokens.all()) == 1


def test_only_the_owner_and_administrators_revoke(office: Office, tokens: Tokens) -> None:
    new = tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    with pytest.raises(DeniedError):
        tokens.revoke(new.token.id, actor=OFFICER)
    with pytest.raises(InputError, match="there is no token"):
        tokens.revoke("1234567", actor=ADMINISTRATOR)

    first = tokens.revoke(new.token.id, actor=ADMINISTRATOR)
    assert tokens.revoke(new.token.id, actor=TEACHER) == first
    assert len(events(office, "token_revoked")) == 1


def test_others_do_not_see_the_tokens_of_a_person(office: Office, tokens: Tokens) -> None:
    tokens.create("liste", lifetime=MONTH, actor=TEACHER)
    office.harness.app.delegation.grant(SUPERVISOR, Role.AUDITOR, actor=ADMINISTRATOR)

    seen = {person: len(tokens.listed(viewer=person)) for person in (TEACHER, OFFICER, ADMINISTRATOR, SUPERVISOR)}
    assert seen == {TEACHER: 1, OFFICER: 0, ADMINISTRATOR: 1, SUPERVISOR: 1}


def test_a_token_for_reading_changes_nothing(office: Office, tokens: Tokens) -> None:
    new = tokens.create("liste", access=TokenAccess.READ, lifetime=MONTH, actor=TEACHER)
    with pytest.raises(DeniedError, match="allows only reading"):
        tokens.require_write(new.token, address="10.0.0.1")

    assert refusals(office) == [(TEACHER, "read_only")]
