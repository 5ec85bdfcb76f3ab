"""What a plan consists of."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import HandOver
from provisioner.core.engine.plan import PlannedOperation, is_service
from provisioner.core.model import Operation, OperationKind
from provisioner.testing import samples


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


def test_a_person_is_not_taken_for_a_service() -> None:
    assert is_service("service:list")
    assert not is_service("services")
