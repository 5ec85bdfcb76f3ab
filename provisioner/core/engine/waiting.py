"""For what an operation has to wait as a whole, before it is begun."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.core.api.errors import InMaintenanceError
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.execution import EngineContext
from provisioner.core.gateways.gateway import Gateway
from provisioner.core.gateways.maintenance import Maintenance
from provisioner.core.model import Operation


def obstacle(operation: Operation, context: EngineContext) -> InMaintenanceError | None:
    """Return the maintenance for whose end an operation has to wait; ``None`` if it may begin.

    One that makes a password needs every target, the personnel system, and one channel. A closing needs nothing,
    because fewer open doors are better than none; what is left of it then waits.
    """
    spec = KINDS[operation.kind]
    hooks = {spec.hook, *(("person_find",) if spec.delivers else ())}
    found = _maintenance([target for target in context.targets if hooks & target.hooks])
    if spec.closes:
        found = [maintenance for maintenance in found if maintenance.until == operation.next_try_at]
    else:
        silent = _maintenance(context.deliverers)
        if silent and len(silent) == len(context.deliverers):
            found.append(min(silent, key=lambda maintenance: maintenance.until))
    return max(found, key=lambda maintenance: maintenance.until).error() if found else None


def _maintenance(gateways: Sequence[Gateway]) -> list[Maintenance]:
    return [found for gateway in gateways if (found := gateway.maintenance())]
