"""Targets and channels: whether they work, and maintenance."""

from __future__ import annotations

from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.failures import Failure, failure_of
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting
from provisioner.core.api.errors import ProvisionerError
from provisioner.core.model.text import Text
from provisioner.services.targets import end_of_maintenance

#: The longest time that can be written.
_LONGEST = 40


@reads("/systems")
def show(visit: Visiting) -> Response[str]:
    """Show the targets and channels."""
    return _shown(visit)


@changes("/systems/{name:str}/maintenance")
def suspend(visit: Visiting, name: FromPath[str]) -> Response[Any]:
    """Begin a maintenance, or change its end."""
    try:
        until = end_of_maintenance(visit.text("until", longest=_LONGEST), visit.app.config.content.time_zone)
        visit.app.targets.suspend(name, until, actor=visit.person, reason=visit.text("reason"))
    except ProvisionerError as error:
        return _shown(visit, failure_of(error))
    visit.tell(
        Text(
            "{target} is in maintenance until {end}; operations that need it wait",
            {"target": name, "end": visit.time(until)},
        )
    )
    return visit.redirect("/systems")


@changes("/systems/{name:str}/service")
def end_maintenance(visit: Visiting, name: FromPath[str]) -> Response[Any]:
    """End a maintenance before its time."""
    if visit.app.targets.end_maintenance(name, actor=visit.person):
        visit.tell(Text("{target} is back in service; waiting operations continue automatically", {"target": name}))
    return visit.redirect("/systems")


@changes("/systems/{name:str}/resume")
def resume(visit: Visiting, name: FromPath[str]) -> Response[Any]:
    """End a quarantine, if the target or channel passes its check."""
    try:
        is_resumed = visit.app.targets.resume(name, actor=visit.person)
    except ProvisionerError as error:
        return _shown(visit, failure_of(error))
    if is_resumed:
        visit.tell(Text("{target} is back in service; waiting operations continue automatically", {"target": name}))
    else:
        visit.tell(Text("{target} is not quarantined", {"target": name}))
    return visit.redirect("/systems")


def _shown(visit: Visit, failure: Failure | None = None) -> Response[str]:
    service = visit.app.targets
    return visit.page(
        "systems.html",
        status=failure.status if failure else 200,
        items=service.overview(viewer=visit.person),
        may_change=service.may_change(visit.person),
        failure=failure,
    )


HANDLERS = (show, suspend, end_maintenance, resume)
