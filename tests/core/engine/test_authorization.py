"""Who may plan and release operations: every rule is asked about every account, and all denials come at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import Denial, NotAuthorizedError, UnavailableError
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.engine.authorization import Authorization
from provisioner.core.engine.intents import Intent
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Operation, OperationKind
from provisioner.core.model.text import Text
from provisioner.testing import samples

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OTHER = attrs.evolve(samples.ACCOUNT, login="other")


def intent(kind: OperationKind = OperationKind.CLOSE, login: str = samples.ACCOUNT.login) -> Intent:
    return Intent(kind, attrs.evolve(samples.ACCOUNT, login=login), samples.UNIT, samples.SUCCESSOR.id)


def operation(kind: OperationKind) -> Operation:
    return Operation(
        id="o",
        kind=kind,
        login=samples.ACCOUNT.login,
        actor="asker",
        created_at=NOON,
        holder=samples.SUCCESSOR.id,
        request="f1",
    )


@attrs.define
class Rules:
    """Denies some accounts, and remembers what it was asked."""

    denied: Sequence[str] = ()
    questions: list[AuthorizeOperation] = attrs.field(factory=list)

    def __call__(self, question: AuthorizeOperation) -> Sequence[Denial]:
        self.questions.append(question)
        denial = Denial(reason=Text("no"), cure=Text("ask"))
        return [denial] if question.account.login in self.denied else []

    @property
    def authorization(self) -> Authorization:
        return Authorization(authorize=self, now=lambda: NOON)


def test_every_account_that_is_denied_is_named() -> None:
    """Otherwise somebody would correct a list of hundreds one by one."""
    rules = Rules(["a", "c"])
    with pytest.raises(NotAuthorizedError) as caught:
        rules.authorization.require([intent(login=login) for login in "abc"], Initiator(actor="officer"))

    assert [denied.login for denied in caught.value.denials] == ["a", "c"]


def test_where_the_rules_cannot_tell_nothing_is_allowed() -> None:
    def unavailable(_: AuthorizeOperation) -> Sequence[Denial]:
        raise UnavailableError("the registry is down", cure="try again")

    with pytest.raises(NotAuthorizedError) as caught:
        Authorization(authorize=unavailable, now=lambda: NOON).require([intent()], Initiator(actor="officer"))

    [denied] = caught.value.denials
    assert "the registry is down" in str(denied.denial.reason)
    assert str(denied.denial.cure) == "try again"


@pytest.mark.parametrize(
    ("kind", "incoming"), [(OperationKind.HANDOVER, samples.SUCCESSOR.id), (OperationKind.ROTATE, None)]
)
def test_only_a_handover_has_somebody_who_comes_in(kind: OperationKind, incoming: str | None) -> None:
    rules = Rules()
    rules.authorization.require([intent(kind)], Initiator(actor="officer", request="f1"))
    rules.authorization.require_release([(operation(kind), samples.ACCOUNT, samples.UNIT)], "releaser")

    assert [question.incoming for question in rules.questions] == [incoming] * 2
    assert {question.request for question in rules.questions} == {"f1"}


def test_a_release_is_judged_by_who_releases_and_who_asked() -> None:
    """Nobody releases what they asked for themselves."""
    rules = Rules()
    rules.authorization.require_release([(operation(OperationKind.CLOSE), OTHER, samples.UNIT)], "releaser")

    [question] = rules.questions
    assert (question.actor, question.asked_by, question.by_policy) == ("releaser", "asker", False)


def test_a_release_that_is_denied_names_the_account() -> None:
    rules = Rules(["other"])
    with pytest.raises(NotAuthorizedError) as caught:
        rules.authorization.require_release([(operation(OperationKind.CLOSE), OTHER, samples.UNIT)], "releaser")

    assert [denied.login for denied in caught.value.denials] == ["other"]
