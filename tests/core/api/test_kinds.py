"""Each kind of operation has one entry in the table, and the entries agree with each other."""

from __future__ import annotations

import inspect

import attrs
import pytest

from provisioner.core.api import hookspecs
from provisioner.core.api.kinds import HOOKS, KIND_OF_ACTION, KINDS, OfficerRight
from provisioner.core.api.messages import AccountChange
from provisioner.core.governance.access_requests import REQUESTABLE
from provisioner.core.model import Action, OperationKind, TargetState


def hooks_that_change_accounts() -> dict[str, str]:
    """Return the message of each hook that changes an account, by the name of the hook."""
    named = inspect.getmembers(hookspecs, inspect.isfunction)
    messages = {name: inspect.signature(hook).parameters.get("request") for name, hook in named}
    return {
        name: str(parameter.annotation)
        for name, parameter in messages.items()
        if parameter and str(parameter.annotation) in {message.__name__ for message in AccountChange.__args__}
    }


def test_a_kind_without_an_entry_is_found() -> None:
    assert set(KINDS) == set(OperationKind)


def test_a_hook_without_a_kind_or_with_another_message_is_found() -> None:
    """Except for the move, which is a part of an update."""
    of_kinds = {spec.hook: spec.message.__name__ for spec in KINDS.values()}
    assert hooks_that_change_accounts() == {**of_kinds, "account_rename": "RenameAccount"}


def test_a_message_of_two_hooks_is_found() -> None:
    assert set(HOOKS) == set(AccountChange.__args__)
    assert len(set(HOOKS.values())) == len(HOOKS)


@pytest.mark.parametrize("kind", OperationKind)
def test_a_kind_that_makes_a_password_and_does_not_send_it_is_found(kind: OperationKind) -> None:
    has_secret = "secret" in attrs.fields_dict(KINDS[kind].message)

    assert has_secret is KINDS[kind].delivers
    assert not (KINDS[kind].delivers and KINDS[kind].closes)


@pytest.mark.parametrize("kind", OperationKind)
def test_a_kind_that_cannot_be_done_again_is_found(kind: OperationKind) -> None:
    assert kind in KINDS[kind].supersedes


@pytest.mark.parametrize("kind", OperationKind)
def test_a_renewal_that_takes_the_place_of_an_opening_or_a_closing_is_found(kind: OperationKind) -> None:
    """There may be no account to rotate."""
    others = {other for other in OperationKind if KINDS[other].alters and not KINDS[other].renews}

    assert not (KINDS[kind].renews and KINDS[kind].supersedes & others)


def test_no_operation_both_renews_and_closes() -> None:
    closing = {OperationKind.CLOSE, OperationKind.DELETE, OperationKind.WITHDRAW}
    assert {kind for kind in KINDS if KINDS[kind].closes} == closing
    assert {kind for kind in KINDS if KINDS[kind].renews} == {OperationKind.ROTATE, OperationKind.HANDOVER}
    assert {kind for kind in KINDS if KINDS[kind].opens} == {OperationKind.CREATE, OperationKind.REOPEN}


def test_an_end_that_the_engine_cannot_prove_is_found() -> None:
    provable = {TargetState.OPEN, TargetState.CLOSED, TargetState.ABSENT, None}
    assert {spec.leaves for spec in KINDS.values()} <= provable


def test_an_operation_that_only_adapts_and_makes_a_password_or_closes_for_good_is_found() -> None:
    adapting = {kind for kind, spec in KINDS.items() if not spec.alters}

    assert adapting == {OperationKind.UPDATE, OperationKind.WITHDRAW}
    assert not any(KINDS[kind].delivers or KINDS[kind].leaves is TargetState.ABSENT for kind in adapting)


def test_a_rule_asks_for_a_renewal_a_closing_or_a_deletion() -> None:
    assert KIND_OF_ACTION == {
        Action.ROTATE: OperationKind.ROTATE,
        Action.CLOSE: OperationKind.CLOSE,
        Action.DELETE: OperationKind.DELETE,
    }


def test_nobody_can_request_a_deletion() -> None:
    assert KINDS[OperationKind.DELETE].officer is OfficerRight.NEVER
    assert [kind.value for kind in REQUESTABLE] == ["create", "rotate", "reopen", "close", "handover"]
