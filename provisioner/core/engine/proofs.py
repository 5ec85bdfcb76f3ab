"""Verifies the result of an operation on a target."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.core.api.errors import LockedError
from provisioner.core.api.kinds import KindSpec
from provisioner.core.api.messages import (
    CONTAINER,
    ENTITLEMENTS,
    AccountChange,
    CloseAccount,
    CreateAccount,
    HandOver,
    PlannedChange,
    Presence,
    ProbeAccount,
)
from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.model import Account, TargetState

#: Returns whether an operation was done on a target; ``None`` if it can't be determined.
Proof = Callable[[], bool | None]


def proof(spec: KindSpec, target: Target, probe: ProbeAccount) -> Proof:
    """Return a function that verifies an operation. On a target without a probe, it returns no result.

    It raises a :class:`~provisioner.core.api.errors.LockedError` if the account accepts no password because another
    administrator locked it, and other target errors if the target can't answer.

    Args:

        spec: The properties of the kind of the operation.

        target: The target.

        probe: The account, and the new password if there is one.
    """
    if target.lacks(PROBE):
        return lambda: None
    if spec.delivers:
        return lambda: _takes_secret(target, probe, reopens=spec.opens)
    if spec.leaves is None:
        return lambda: _is_up_to_date(target, probe)
    if spec.leaves is TargetState.ABSENT:
        return lambda: target.probe(probe).presence is Presence.ABSENT
    return lambda: target.probe(probe).presence is not Presence.ENABLED


def proof_of_move(target: Target, probe: ProbeAccount) -> Proof:
    """Return a function that verifies that an account is in the container of its unit.

    Args:

        target: The target.

        probe: The account, and the operation that moves it.
    """
    if target.lacks(PROBE) or not target.foresees:
        return lambda: None
    return lambda: all(change.name != CONTAINER for change in target.probe(probe).changes)


def leaves_rest(target: Target, request: AccountChange, planned: PlannedChange) -> bool:
    """Return whether a part of a change was not made. A log-in, or a lock, shows only one part of what a target writes.

    Args:

        target: The target. One that can't tell is taken to make all of a change or nothing.

        request: The change.

        planned: The values that it writes.
    """
    if target.lacks(PROBE) or not target.foresees or not isinstance(request, (CreateAccount, HandOver, CloseAccount)):
        return False
    left = target.probe(ProbeAccount(account=request.account, planned=planned)).changes
    return any(change.name == ENTITLEMENTS for change in left) if isinstance(request, CloseAccount) else bool(left)


def _takes_secret(target: Target, probe: ProbeAccount, *, reopens: bool) -> bool | None:
    report = target.probe(probe)
    if report.presence is Presence.DISABLED and (report.lock or not reopens):
        raise _locked(target, probe.account, report.lock)
    return report.secret_accepted if report.presence is Presence.ENABLED else False


def _is_up_to_date(target: Target, probe: ProbeAccount) -> bool | None:
    """Whether an update would change nothing; ``None`` if the target can't tell."""
    return not target.probe(probe).changes if target.foresees else None


def _locked(target: Target, account: Account, lock: str) -> LockedError:
    return LockedError(
        "{login} is locked on {target}: {lock}",
        cure="ask an administrator of {target} to unlock it, then run the command again; or close it everywhere with"
        " 'provisioner account close {login}'",
        target=target.name,
        login=account.login,
        lock=lock or "not by this program",
    )
