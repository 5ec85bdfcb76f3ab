"""May a person leave or start? What is left to do, and the pages where it is done."""

from __future__ import annotations

from typing import Any

from litestar.response import Response

from provisioner.console.failures import failure_of
from provisioner.console.routing import reads
from provisioner.console.visit import Visiting
from provisioner.core.api.errors import InputError, Problem, ProvisionerError
from provisioner.core.api.messages import Passage
from provisioner.core.model.text import Text

#: The longest ID of a person.
_LONGEST = 100


@reads("/clearance")
def ask(visit: Visiting) -> Response[str]:
    """Answer the personnel office; without a person, ask for one."""
    query = visit.incoming.query
    person, passage = query.get("person", "").strip()[:_LONGEST], query.get("passage", Passage.LEAVING.value)
    common: dict[str, Any] = {"person": person, "passage": passage, "passages": tuple(Passage), "now": visit.app.now()}
    if not person:
        return visit.page("clearance.html", answer=None, names={}, failure=None, **common)
    try:
        answer = visit.app.clearance.ask(person, _passage(passage), actor=visit.person)
    except ProvisionerError as error:
        failure = failure_of(error)
        return visit.page("clearance.html", status=failure.status, answer=None, names={}, failure=failure, **common)
    names = visit.app.persons.names([person])
    return visit.page("clearance.html", answer=answer, names=names, failure=None, **common)


def _passage(given: str) -> Passage:
    for passage in Passage:
        if passage.value == given:
            return passage
    raise InputError([Problem(field="passage", message=Text("choose whether the person leaves or starts"))])


HANDLERS = (ask,)
