"""May a person leave or start?"""

from __future__ import annotations

from litestar.params import FromQuery
from litestar.response import Response

from provisioner.console.api.call import Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id
from provisioner.console.api.routing import reads
from provisioner.console.api.shapes import ClearanceReply
from provisioner.core.api.messages import Passage
from provisioner.documents import clearance_document


@reads("/clearance/{person_id:str}")
def ask(call: Calling, person_id: Id, passage: FromQuery[Passage] = Passage.LEAVING) -> Response[ClearanceReply]:
    """Tell the personnel office whether it may process a person who leaves or starts, and what stands in the way."""
    with looked_up():
        answer = call.app.clearance.ask(person_id, passage, actor=call.actor)
    return call.answer({"remarks": [], **clearance_document(person_id, passage, answer, call.said)})


HANDLERS = (ask,)
