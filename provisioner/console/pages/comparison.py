"""The comparison of the targets with what is known: how they differ, and what a repair would do."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar.response import Response

from provisioner.console.begun import BegunComparison
from provisioner.console.failures import Failure, failure_of
from provisioner.console.live import LiveProgress
from provisioner.console.routing import changes, reads, watches
from provisioner.console.visit import Visit, Visiting
from provisioner.core.api.errors import DeniedError, ProvisionerError
from provisioner.core.reconcile.differences import stated

#: How many differences the page shows of a target.
_MOST = 200

#: The longest code of a unit.
_LONGEST = 100


@reads("/comparison")
def show(visit: Visiting) -> Response[str]:
    """Show the last comparison, and those before in numbers."""
    return _shown(visit)


@changes("/comparison")
def compare(visit: Visiting) -> Response[Any]:
    """Compare the targets now, behind the page. Nothing is changed on them."""
    unit, console, service = visit.text("unit", longest=_LONGEST) or None, visit.console, visit.app.reconcile
    with visit.one_at_a_time:
        last = console.comparisons.of(visit.person)
        if last and not last.under_way.done():
            return visit.redirect("/comparison")
        try:
            found = service.compare(actor=visit.person, unit=unit)
        except ProvisionerError as error:
            return _shown(visit, failure_of(error), unit=unit or "")
        under_way = console.background.look(lambda: service.gather(found))
        begun = BegunComparison(began_at=visit.app.now(), unit=unit, under_way=under_way)
        console.comparisons.keep(visit.person, begun)
    return visit.redirect("/comparison")


@watches("comparison")
def watch(visit: Visiting) -> LiveProgress:
    """Tell when the last comparison has ended."""
    last = visit.console.comparisons.of(visit.person)
    return LiveProgress(is_over=last is None or last.under_way.done())


def _shown(visit: Visit, failure: Failure | None = None, *, unit: str = "") -> Response[str]:
    last = visit.console.comparisons.of(visit.person)
    is_over = last is not None and last.under_way.done()
    values: dict[str, Any] = {"result": None, "report": None, "repairs": {}, "sections": []}
    if last and is_over:
        try:
            values |= _result(visit, last)
        except ProvisionerError as error:
            failure = failure or failure_of(error)
    is_live = last is not None and not is_over and "still" not in visit.incoming.query
    html = visit.html(
        "comparison.html",
        failure=failure,
        last=last,
        is_over=is_over,
        is_live=is_live,
        past=_past(visit),
        unit=unit,
        chosen=visit.incoming.query.get("target"),
        most=_MOST,
        stated=partial(stated, words=visit.phrasing),
        **values,
    )
    return visit.live_page(html, is_live=is_live, status=failure.status if failure else 200)


def _result(visit: Visit, last: BegunComparison) -> dict[str, Any]:
    """Return what a comparison has found, for those targets that the person wants to see."""
    result = last.under_way.result()
    names = [target.name for target in result.targets]
    report = visit.app.reconcile.report(result.differences, names, viewer=visit.person, unit=last.unit)
    chosen = visit.incoming.query.get("target")
    sections = [
        (name, [difference for difference in report.differences if difference.target == name]) for name in [*names, ""]
    ]
    return {
        "result": result,
        "report": report,
        "repairs": visit.app.repairs.by_difference(report.differences, viewer=visit.person),
        "sections": [(name, found) for name, found in sections if found and chosen in {None, name}],
    }


def _past(visit: Visit) -> Any:
    try:
        return visit.app.reconcile.past(actor=visit.person)
    except DeniedError:
        return {}


HANDLERS = (show, compare, watch)
