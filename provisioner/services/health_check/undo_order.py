"""Tells which targets should be changed later, because a new password on them can't be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provisioner.core.api.messages import Capabilities
from provisioner.core.gateways.gateway import Target
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning

#: The hook that sets a new password.
_ROTATE = "account_rotate"


def check_undo_order(targets: Sequence[Target], capabilities: Mapping[str, Capabilities]) -> Iterator[CheckResult]:
    """Warn of targets that can't undo a new password and come before some that can.

    If a target refuses for good, the earlier ones are rolled back. What can't be undone stays changed, so it should be
    changed last.

    Args:

        targets: The targets, in the order in which they are changed.

        capabilities: What the targets that could be checked can do, by their names. The others are left out.
    """
    setting = [target.name for target in targets if target.name in capabilities and not target.lacks(_ROTATE)]
    undoing = [name for name in setting if _ROTATE in capabilities[name].undoes]
    for position, name in enumerate(setting):
        if name not in undoing and (later := [other for other in setting[position:] if other in undoing]):
            yield _warning(name, later)


def _warning(name: str, later: Sequence[str]) -> CheckResult:
    values = {"target": name, "later": ", ".join(later)}
    return warning(
        f"targets.{name}",
        Text("a new password on {target} cannot be undone if a later target refuses it: {later}", values),
        Text("put the table of {target} after those of {later}", values),
    )
