"""What shows that an operation did its work on a target."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import LockedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import (
    AccountReport,
    CloseAccount,
    CreateAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
)
from provisioner.core.engine.proofs import proof
from provisioner.core.model import OperationKind
from provisioner.testing import samples
from provisioner.testing.contract.sandbox import target_gateway
from provisioner.testing.memory import MemoryTarget

SHUTTING = [kind for kind, spec in KINDS.items() if spec.closes]
RENEWING = [kind for kind, spec in KINDS.items() if spec.renews]
OPENING = [kind for kind, spec in KINDS.items() if spec.opens]


@attrs.define(eq=False)
class Answers:
    """A target that answers each probe like this."""

    report: AccountReport

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        assert request.account == samples.ACCOUNT
        return self.report


class Blind:
    """A target without a probe."""

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        raise AssertionError(request)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        raise AssertionError(request)


def proved(kind: OperationKind, plugin: object) -> bool | None:
    secret = samples.SECRET if KINDS[kind].delivers else None
    return proof(KINDS[kind], target_gateway(plugin), samples.probe(secret))()


@pytest.mark.parametrize("kind", [*SHUTTING, *OPENING, *RENEWING])
def test_an_account_that_is_open_with_another_password_proves_nothing(kind: OperationKind) -> None:
    target = MemoryTarget()
    target.account_create(samples.create(secret=samples.OTHER_SECRET))

    assert proved(kind, target) is False


@pytest.mark.parametrize("kind", [*OPENING, *RENEWING])
def test_a_log_in_with_the_new_password_is_a_proof(kind: OperationKind) -> None:
    target = MemoryTarget()
    target.account_create(samples.create())

    assert proved(kind, target) is True


@pytest.mark.parametrize("kind", SHUTTING)
def test_a_disabled_account_is_closed_and_not_deleted(kind: OperationKind) -> None:
    target = MemoryTarget()
    target.account_create(samples.create())
    target.account_close(samples.close())

    assert proved(kind, target) is (kind is not OperationKind.DELETE)


@pytest.mark.parametrize("kind", [*SHUTTING, *OPENING, *RENEWING])
def test_an_account_that_is_gone_is_a_proof_of_an_end_only(kind: OperationKind) -> None:
    assert proved(kind, MemoryTarget()) is (kind in SHUTTING)


@pytest.mark.parametrize("kind", OperationKind)
def test_a_target_without_a_probe_proves_nothing_and_is_not_asked(kind: OperationKind) -> None:
    assert proved(kind, Blind()) is None


@pytest.mark.parametrize("kind", [*OPENING, *RENEWING])
def test_a_lock_of_somebody_else_is_named(kind: OperationKind) -> None:
    """To try again would lead nowhere: a password opens no lock."""
    with pytest.raises(LockedError, match="too many attempts"):
        proved(kind, Answers(AccountReport(presence=Presence.DISABLED, lock="too many attempts")))


@pytest.mark.parametrize("kind", OPENING)
def test_an_account_that_is_still_disabled_after_it_was_opened_is_not_called_locked(kind: OperationKind) -> None:
    assert proved(kind, Answers(AccountReport(presence=Presence.DISABLED))) is False


@pytest.mark.parametrize("kind", RENEWING)
def test_an_account_that_is_disabled_although_it_is_open_is_locked(kind: OperationKind) -> None:
    with pytest.raises(LockedError, match="not by this program"):
        proved(kind, Answers(AccountReport(presence=Presence.DISABLED)))


@pytest.mark.parametrize(("name", "expected"), [("Işıl Çağrı", True), ("Işıl Başka", False)])
def test_an_update_that_left_something_to_change_proves_nothing(name: str, expected: bool) -> None:
    memory = MemoryTarget()
    memory.account_create(samples.create())
    target = target_gateway(memory)
    target.check()
    holder = attrs.evolve(samples.HOLDER, name=name if not expected else samples.HOLDER.name)
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=samples.UNIT, holder=holder)
    probe = attrs.evolve(samples.probe(None), planned=planned)

    assert proof(KINDS[OperationKind.UPDATE], target, probe)() is expected


def test_an_update_on_a_target_that_cannot_tell_is_not_called_proved() -> None:
    assert proved(OperationKind.UPDATE, MemoryTarget()) is None
