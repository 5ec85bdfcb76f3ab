"""What an author may get wrong, and a type checker finds: each line below is an error, and says which.

`make types` fails if one of them is not found, as an ignored error that is none is an error itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner import Account, DeliveryReceipt, Outcome, Receipt, Secret, Unit
from provisioner.core.api.errors import UnavailableError
from provisioner.core.api.messages import CreateAccount
from provisioner.core.api.registration import Registrar
from provisioner.core.api.rules import Deadline, Facts, Rule


def a_secret_is_no_text(secret: Secret) -> str:
    return "password: " + secret  # pyright: ignore[reportOperatorIssue]


def an_outcome_is_one_of_ours() -> Receipt:
    return Receipt(outcome="applied")  # pyright: ignore[reportArgumentType]


def a_receipt_has_an_outcome() -> Receipt:
    return Receipt()  # pyright: ignore[reportCallIssue]


def arguments_have_names() -> Receipt:
    return Receipt(Outcome.APPLIED)  # pyright: ignore[reportCallIssue]


def a_state_is_no_text() -> DeliveryReceipt:
    return DeliveryReceipt(state="accepted")  # pyright: ignore[reportArgumentType]


def a_request_is_not_changed(request: CreateAccount, unit: Unit) -> None:
    request.unit = unit  # pyright: ignore[reportAttributeAccessIssue]


def an_account_may_have_no_holder(account: Account) -> str:
    return account.holder  # pyright: ignore[reportReturnType]


def an_error_has_a_message() -> UnavailableError:
    return UnavailableError()  # pyright: ignore[reportCallIssue]


def a_target_has_a_name(register: Registrar) -> None:
    register.target(object())  # pyright: ignore[reportCallIssue]


class NoDeadlines(Rule):
    """Answers with something else."""

    def deadlines(self, facts: Facts) -> Sequence[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return [facts.account.login]


def a_deadline_says_where_it_comes_from(facts: Facts, deadline: Deadline) -> Deadline:
    return Deadline(action=deadline.action, at=deadline.at, reason=deadline.reason)  # pyright: ignore[reportCallIssue]
