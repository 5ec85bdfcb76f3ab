"""What people with pages, and without a command line, are told, where messages name commands."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from provisioner.core.model.text import Text

#: What names a command line.
_COMMAND = re.compile(r"\bprovisioner [a-z]|(?<!\S)--[a-z]|\bcommand\b")

#: What is said on pages instead of a message that names a command, by its template. The values are the same.
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
    "find out who removed it; 'provisioner account rotate {login}' creates it with a new password": Text(
        "find out who removed it; a new password creates it"
    ),
    "wait: its next password rotation creates it; 'provisioner account complete {login}' does so now, with a new "
    "password": Text("wait: its next password rotation creates it"),
    "run 'provisioner reconcile --repair' to close it on {target}": Text("it has to be closed on {target}"),
    "'provisioner account update {login}' writes {changes}": Text("an update writes {changes}"),
    "'provisioner account update {login}' moves it and writes {changes}": Text(
        "an update moves it and writes {changes}"
    ),
    "'provisioner handover {login} --to {actual}' hands it over to the custodian": Text(
        "hand it over to the custodian on the page of the account"
    ),
    "find out who created it; import its unit and run 'provisioner reconcile --adopt', or remove it from "
    "{target}": Text("find out who created it; an administrator can adopt it, or remove it from {target}"),
    "find out who enabled it; 'provisioner account close {login} --again' closes it": Text(
        "find out who enabled it; close it on the page of the account"
    ),
    "find out who disabled it; then run 'provisioner account close {login}' and 'provisioner account reopen "
    "{login}'": Text("find out who disabled it; then close it, and request that it is opened again"),
    "remove the lock on {target}, or run 'provisioner account rotate {login}'": Text(
        "remove the lock on {target}, or request a new password"
    ),
    "find out who changed it; 'provisioner account update {login}' writes {known} where the plug-in can update "
    "accounts, otherwise correct it on {target}": Text(
        "find out who changed it; an update writes {known}, or correct it on {target}"
    ),
    "run 'provisioner account verify {login}'; the rule 'verify' does so regularly": Text(
        "it has to be verified; the rule 'verify' does so regularly"
    ),
    "find out why the operation waits: 'provisioner operation show {operation}'; the account isn't compared until "
    "it has ended": Text("find out on the page 'Trouble' why the operation waits"),
    "operation {id} on {login} has ended: {state}; run the original command again": Text(
        "the operation on {login} has ended: {state}; begin a new one on the page of the account"
    ),
    "{person} has no other mobile number; import one with 'provisioner person import'": Text(
        "{person} has no other mobile number"
    ),
    "the other mobile number of {person} isn't confirmed; verify it, then run 'provisioner person confirm-number "
    "{person}'": Text("the other mobile number of {person} isn't confirmed; an administrator has to confirm it"),
}


def as_on_pages(message: Text) -> Text:
    """Return a message as a page says it: without the names of commands, if there are other words for it."""
    replacement = _ON_PAGES.get(message.template)
    return attrs.evolve(replacement, values=message.values) if replacement else message


def on_page(cure: Text) -> Text:
    """Return a cure as a page shows it: one for pages, or none if only a command helps.

    Args:

        cure: The cure, as errors and denials have it.
    """
    shown = as_on_pages(cure)
    return Text("") if _COMMAND.search(str(shown)) else shown
