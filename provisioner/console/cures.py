"""What people with pages, and without a command line, can do about an error."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from provisioner.core.model.text import Text

#: What names a command line.
_COMMAND = re.compile(r"\bprovisioner [a-z]|(?<!\S)--[a-z]|\bcommand\b")

#: What is done on pages instead of with a command, by the template of the cure. The values are the same.
_ON_PAGES: Mapping[str, Text] = {
    "run 'provisioner request show {request}'": Text("read the request on the page 'Requests'"),
    "run 'provisioner request submit {login} --kind {kind} --to {incoming}'; without a request it can be done by "
    "{people}": Text("request it on the page of the account; without a request it can be done by {people}"),
    "run 'provisioner request submit {login} --kind {kind}'; without a request it can be done by {people}": Text(
        "request it on the page of the account; without a request it can be done by {people}"
    ),
    "run 'provisioner handover {login} --to PERSON'": Text("hand {login} over to another person"),
    "run 'provisioner handover {subject} --to {person}', or open the unit": Text(
        "hand {subject} over to {person}, or let an administrator open the unit"
    ),
    "another person has to check it with 'provisioner policy staged' and release it": Text(
        "another person has to check it on the page 'Held runs' and release it"
    ),
    "see 'provisioner policy staged', then run 'provisioner policy release {run}' or discard it": Text(
        "another person has to release or discard it on the page 'Held runs'"
    ),
    "run 'provisioner resume'": Text("wait, or try it again on the page 'Trouble'"),
    "run 'provisioner resume' first": Text("wait, or try it again on the page 'Trouble'"),
    "wait for it, or run 'provisioner resume'": Text("wait, or try it again on the page 'Trouble'"),
    "run 'provisioner resume', unless another process continues the operation already": Text(
        "wait, or try it again on the page 'Trouble'"
    ),
    "run 'provisioner resume' when {targets} works again": Text(
        "wait until {targets} works again, or then try it again on the page 'Trouble'"
    ),
    "no action is needed: 'provisioner resume' or the next sweep continues afterwards": Text(
        "no action is needed: it continues afterwards by itself"
    ),
    "please report it; 'provisioner resume' or the next sweep tries the operation again": Text(
        "please report it; the operation is tried again by itself"
    ),
    "run the command again": Text("try it again"),
}


def on_page(cure: Text) -> Text:
    """Return a cure as a page shows it: one for pages, or none if only a command helps.

    Args:

        cure: The cure, as errors and denials have it.
    """
    if replacement := _ON_PAGES.get(cure.template):
        return attrs.evolve(replacement, values=cure.values)
    return Text("") if _COMMAND.search(str(cure)) else cure
