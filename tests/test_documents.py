"""The JSON that scripts rely on: exactly these keys, and times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.core.model import (
    Account,
    AccountState,
    Operation,
    OperationKind,
    OperationState,
    Outcome,
    SessionsState,
    Step,
    StepError,
    TargetState,
)
from provisioner.documents import account_document, operation_document
from provisioner.services.account_details import AccountDetails

AT = datetime(2026, 1, 5, 6, 30, 15, 250000, tzinfo=UTC)

OPERATION = Operation(
    id="4f",
    kind=OperationKind.CREATE,
    login="ab46",
    actor="ayse",
    reason="açılış",
    created_at=AT,
    state=OperationState.INCOMPLETE,
    next_try_at=AT,
    holder="1001",
    steps=(
        Step(name="posta", hook="account_create", outcome=Outcome.APPLIED, attempts=1, reference="uid=ab46"),
        Step(
            name="pys",
            hook="account_create",
            outcome=Outcome.NOT_APPLIED,
            attempts=4,
            error=StepError(name="UnavailableError", message="down", cure="start it"),
        ),
        Step(name="pys", hook="account_probe"),
    ),
)


def test_operation() -> None:
    document = operation_document(OPERATION, lambda text: str(text).upper())

    assert document == {
        "id": "4f",
        "kind": "create",
        "login": "ab46",
        "state": "incomplete",
        "actor": "ayse",
        "reason": "açılış",
        "staging": None,
        "created_at": "2026-01-05T06:30:15.250000Z",
        "finished_at": None,
        "next_try_at": "2026-01-05T06:30:15.250000Z",
        "error": None,
        "steps": [
            {"name": "posta", "hook": "account_create", "outcome": "applied", "attempts": 1, "error": None},
            {
                "name": "pys",
                "hook": "account_create",
                "outcome": "not_applied",
                "attempts": 4,
                "error": {"class": "UnavailableError", "message": "DOWN", "cure": "START IT"},
            },
            {"name": "pys", "hook": "account_probe", "outcome": None, "attempts": 0, "error": None},
        ],
    }


def test_account() -> None:
    account = Account(
        login="ab46", domain="meb.gov.tr", unit="ab", holder="1001", state=AccountState.OPEN, password_changed_at=AT
    )

    targets, sessions = {"posta": TargetState.OPEN, "pys": TargetState.INCOMPLETE}, {"mail": SessionsState.OPEN}
    details = AccountDetails(account=account, targets=targets, sessions=sessions)

    assert account_document(details) == {
        "login": "ab46",
        "unit": "ab",
        "kind": "unit",
        "holder": "1001",
        "state": "open",
        "password_changed_at": "2026-01-05T06:30:15.250000Z",
        "next_deadline": None,
        "next_action": None,
        "closes_at": None,
        "targets": [{"name": "posta", "state": "open"}, {"name": "pys", "state": "incomplete"}],
        "sessions": [{"name": "mail", "state": "open"}],
    }
