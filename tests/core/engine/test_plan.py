"""What a plan consists of."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import HandOver
from provisioner.core.engine.plan import Naming, PlannedOperation
from provisioner.core.model import Operation, OperationKind
from provisioner.testing import samples


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("temelegitim46", "temelegitim46"),
        ("TemelEgitim46@meb.gov.tr", "temelegitim46"),
        (" 712345@meb.k12.tr ", "712345"),
        ("a", "a"),
    ],
)
def test_a_login_is_given_with_or_without_its_domain(text: str, login: str) -> None:
    naming = Naming(domain="meb.gov.tr", domain_of_kind={"school": "meb.k12.tr"})

    assert naming.login(text) == login


@pytest.mark.parametrize("text", ["", "@meb.gov.tr", "a@elsewhere.tr", "a b", "şube", ".a", "a.", "a" * 65, "a\nb"])
def test_what_is_not_a_login_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is up to the caller
        Naming(domain="meb.gov.tr").login(text)


def planned(kind: OperationKind) -> PlannedOperation:
    operation = Operation(
        id="op-1", kind=kind, login=samples.ACCOUNT.login, actor="tester", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    return PlannedOperation(operation=operation, account=samples.ACCOUNT, unit=samples.UNIT)


@pytest.mark.parametrize("kind", OperationKind)
def test_targets_are_asked_with_the_message_of_the_table(kind: OperationKind) -> None:
    """A twin of the table would ask for something else than the table says."""
    spec = KINDS[kind]
    work = attrs.evolve(planned(kind), holder=samples.HOLDER if spec.delivers else None)

    message = work.request("posta", samples.SECRET if spec.delivers else None)

    assert type(message) is spec.message
    assert (message.operation_id, message.account, message.unit) == ("op-1", samples.ACCOUNT, samples.UNIT)


def test_a_handover_names_both_persons() -> None:
    work = attrs.evolve(planned(OperationKind.HANDOVER), holder=samples.SUCCESSOR, outgoing=samples.HOLDER)

    assert work.request("posta", samples.SECRET) == attrs.evolve(samples.handover(), secret=samples.SECRET)
    assert isinstance(work.request("posta", samples.SECRET), HandOver)


def test_a_password_for_nobody_is_not_asked_for() -> None:
    with pytest.raises(ValueError, match="nobody to receive"):
        planned(OperationKind.ROTATE).request("posta", samples.SECRET)
