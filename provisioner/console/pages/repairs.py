"""Repairs of what a comparison has found: what would be done, and doing it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
from litestar.response import Response

from provisioner.console.begun import BegunComparison
from provisioner.console.failures import Failure, failure_of
from provisioner.console.pages.log_in import require_proof
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting, required
from provisioner.core.api.errors import ProvisionerError, StoppedError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.text import Text
from provisioner.core.reconcile.repair import RepairPlan

#: For how long after its begin a comparison can be repaired. Later, the accounts may have changed.
_FRESH = timedelta(minutes=30)

#: How many accounts the page names for each repair.
_MOST = 200


@attrs.frozen(kw_only=True)
class _Wanted:
    """What somebody wants to repair."""

    begun: BegunComparison
    plan: RepairPlan
    handover: bool

    @property
    def mark(self) -> str:
        """Tells this plan from one of another comparison."""
        return self.begun.began_at.isoformat()


@reads("/comparison/repair")
def ask(visit: Visiting) -> Response[Any]:
    """Show what would be repaired."""
    wanted = _wanted(visit, handover="handover" in visit.incoming.query)
    return _shown(visit, wanted) if wanted else _compare_first(visit)


@changes("/comparison/repair")
def repair(visit: Visiting) -> Response[Any]:
    """Repair what the page showed, behind the page."""
    reason = visit.text("reason")
    with visit.one_at_a_time:
        wanted = _wanted(visit, handover=bool(visit.form.get("handover")))
        if wanted is None:
            return _compare_first(visit)
        initiator = Initiator(actor=visit.person, reason=reason)
        try:
            if visit.form.get("comparison", "") != wanted.mark:
                raise StoppedError("this is another comparison than the page showed; nothing was changed")
            required(reason, "reason", Text("the reason is missing"))
            require_proof(visit)
            visit.app.repairs.preview(wanted.plan, initiator)  # what can't be done now is told here, and not behind it
            run = visit.app.repairs.start(wanted.plan, initiator)
        except ProvisionerError as error:
            return _shown(visit, wanted, failure_of(error), reason=reason)
        visit.console.comparisons.drop(visit.person)
        visit.console.background.wait_for(run)
    visit.tell(Text("the repairs are being carried out; what does not work is listed here"))
    return visit.redirect("/operations")


def _wanted(visit: Visit, *, handover: bool) -> _Wanted | None:
    """Return what the last comparison of the person lets repair; ``None`` if there is none, or it is too old.

    Raises:

        DeniedError: The person is not an administrator.
    """
    last = visit.console.comparisons.of(visit.person)
    is_over = last is not None and last.under_way.done() and visit.app.now() - last.began_at <= _FRESH
    differences = last.under_way.result().differences if last and is_over else ()
    plan = visit.app.repairs.plan(differences, actor=visit.person, handover=handover)
    return _Wanted(begun=last, plan=plan, handover=handover) if last and is_over else None


def _compare_first(visit: Visit) -> Response[Any]:
    minutes = int(_FRESH.total_seconds()) // 60
    visit.tell(
        Text("compare first: repairs follow a comparison that is at most {minutes} minutes old", {"minutes": minutes})
    )
    return visit.redirect("/comparison")


def _shown(visit: Visit, wanted: _Wanted, failure: Failure | None = None, *, reason: str = "") -> Response[str]:
    preview = None
    try:
        preview = visit.app.repairs.preview(wanted.plan, Initiator(actor=visit.person))
    except ProvisionerError as error:
        failure = failure or failure_of(error)
    return visit.page(
        "repair.html",
        status=failure.status if failure else 200,
        failure=failure,
        begun=wanted.begun,
        mark=wanted.mark,
        handover=wanted.handover,
        plan=wanted.plan,
        repairs=[(one.value, logins) for phase in wanted.plan.phases for one, logins in phase.logins.items()],
        preview=preview,
        reason=reason,
        most=_MOST,
    )


HANDLERS = (ask, repair)
