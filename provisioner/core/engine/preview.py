"""What planned operations would do to the attributes of accounts, for a dry run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import attrs

from provisioner.core.api.errors import TargetError
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import AttributeChange, ProbeAccount
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.gateways.gateway import Target


@attrs.frozen(kw_only=True)
class Preview:
    """What one operation would do to the attributes of its account on one target."""

    login: str
    target: str
    changes: tuple[AttributeChange, ...] = ()
    #: Why the target can't answer.
    error: TargetError | None = None


def preview(work: Sequence[PlannedOperation], targets: Sequence[Target]) -> Iterator[Preview]:
    """Ask the targets what operations would do to attributes, and yield each answer with content.

    Args:

        work: The operations.

        targets: The targets, which have passed their check.
    """
    able = [target for target in targets if target.foresees]
    asked = [planned for planned in work if KINDS[planned.operation.kind].sets_attributes and planned.holder]
    questions = [(planned, target) for planned, target in product(asked, able) if planned.concerns(target.name)]
    if not questions:
        return
    with ThreadPoolExecutor(max(target.parallel for target in able), thread_name_prefix="preview") as threads:
        for found in threads.map(lambda question: _foreseen(*question), questions):
            if found.changes or found.error:
                yield found


def _foreseen(work: PlannedOperation, target: Target) -> Preview:
    try:
        report = target.probe(ProbeAccount(account=work.account, planned=work.planned_change(target.name)))
    except TargetError as error:
        return Preview(login=work.account.login, target=target.name, error=error)
    return Preview(login=work.account.login, target=target.name, changes=report.changes)
