"""Determines whether an operation must wait before it starts."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.core.api.errors import DailyLimitError, EarlierMessageError, InMaintenanceError
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.gateways.gateway import Channel, Gateway, Target
from provisioner.core.gateways.maintenance import Maintenance

#: What an operation waits for, until a known time.
Obstacle = InMaintenanceError | EarlierMessageError | DailyLimitError


def obstacle(work: PlannedOperation, context: EngineContext) -> Obstacle | None:
    """Return what an operation must wait for, or ``None`` if it can start.

    An operation that makes a password needs every target, the personnel system and one channel that may send a message
    today, and waits until an earlier password can no longer arrive after the new one. The others don't wait,
    because a partial closure or update is better than none; their remaining steps wait.
    """
    delivers = work.delivers and not work.only_ends_sessions
    deliverers = [channel for channel in context.deliverers if work.may_use(channel.name)] if delivers else []
    found = _maintenance(_concerned(work, context, delivers=delivers))
    if not delivers:
        found = [maintenance for maintenance in found if maintenance.until == work.operation.next_try_at]
    elif (silent := _maintenance(deliverers)) and len(silent) == len(deliverers):
        found.append(min(silent, key=lambda maintenance: maintenance.until))
    if found:
        return max(found, key=lambda maintenance: maintenance.until).error()
    return _of_message(work, context, deliverers) if delivers else None


def _of_message(
    work: PlannedOperation, context: EngineContext, deliverers: Sequence[Channel]
) -> EarlierMessageError | DailyLimitError | None:
    earlier = context.dispatch.obstacle(work.account.login, context.now())
    return earlier or context.allowances.obstacle([channel.name for channel in deliverers])


def _concerned(work: PlannedOperation, context: EngineContext, *, delivers: bool) -> list[Target]:
    """Return the targets that an operation calls. One that delivers doesn't wait for those that only end sessions."""
    hooks = {KINDS[work.operation.kind].hook, *(("person_find",) if delivers else ())}
    changed = [target for target in context.targets if hooks & target.hooks and work.concerns(target.name)]
    ended = [target for target in context.session_targets if target.name in work.sessions]
    if work.only_ends_sessions:
        return ended
    return changed if delivers else [*changed, *ended]


def _maintenance(gateways: Sequence[Gateway]) -> list[Maintenance]:
    return [found for gateway in gateways if (found := gateway.maintenance())]
