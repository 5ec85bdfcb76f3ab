"""Tokens on the command line: shown once, on stdout and nowhere else."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CONFIG, Office


@pytest.fixture(name="strict")
def _strict(office: Office) -> Office:
    """Return an office whose only administrator is 3001."""
    office.config.write_text(CONFIG + '[authority]\nadministrators = ["3001"]\n')
    return office


def test_a_token_is_shown_once_and_can_be_revoked(strict: Office) -> None:
    made = strict.type("--actor", "3001", "token", "create", "liste", "--service", "personel", "--days", 30)
    assert made.code == 0, made
    token = made.out.strip()
    assert token.startswith("prv_")
    assert token not in made.err

    listed = strict.type("--json", "--actor", "3001", "token", "list")
    [item] = listed.json["items"]
    assert (item["owner"], item["access"], item["id"] in token) == ("service:personel", "write", True)
    assert token not in listed.out
    assert "hash" not in item

    revoked = strict.type("--json", "--actor", "3001", "token", "revoke", item["id"])
    assert revoked.json["revoked_by"] == "3001"
    assert strict.type("--json", "--actor", "2001", "token", "list").json == {"items": []}


def test_a_dry_run_shows_no_token(strict: Office) -> None:
    answer = strict.type(
        "--json", "--actor", "3001", "token", "create", "x", "--service", "a", "--days", 1, "--read-only", "--dry-run"
    )

    assert (answer.code, answer.json["secret"], answer.json["access"]) == (0, None, "read")
    assert strict.type("--json", "--actor", "3001", "token", "list").json == {"items": []}


@pytest.mark.parametrize("days", ["0", "-1", "367", "999999999999"])
def test_a_token_without_an_end_is_not_made(strict: Office, days: str) -> None:
    answer = strict.type("--json", "--actor", "3001", "token", "create", "x", "--service", "a", "--days", days)

    assert answer.code == 2, answer
    assert answer.json["error"]["items"][0]["field"] == "days"


def test_a_service_gets_roles_and_a_delegate_is_a_person(strict: Office) -> None:
    granted = strict.type("--json", "--actor", "3001", "authority", "grant", "service:personel", "officer")
    assert granted.json["items"][0]["person"] == "service:personel"

    for person in ("service:", "policy:x", "service:a b"):
        assert strict.type("--json", "--actor", "3001", "authority", "grant", person, "officer").code == 2
    delegated = ("--from", "3001", "--to", "service:personel", "--role", "officer", "--until", "2999-12-31")
    assert strict.type("--json", "--actor", "3001", "authority", "delegate", *delegated).code == 2
