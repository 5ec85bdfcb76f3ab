"""Differences between the known and the actual state of an account on a target, each with its cure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import attrs

from provisioner.core.api.events import Event
from provisioner.core.api.messages import AttributeChange, Presence
from provisioner.core.model import AccountState, StepError
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.text import Text

#: The states that differences name, by their values. Everything else that they name is a lock, a person or a name.
_STATES: Mapping[str, AccountState | Presence] = {state.value: state for state in (*AccountState, *Presence)}


class Words(Protocol):
    """Says words and sentences in one language."""

    def word(self, value: StrEnum) -> str:
        """Return a state or a kind."""

    def translated(self, sentence: str) -> str:
        """Return a sentence that is quoted."""


def stated(value: str, words: Words) -> str:
    """Return what a difference names, such as what is known of an account or what a target has, in one language."""
    return words.word(_STATES[value]) if value in _STATES else words.translated(value)


#: The differences between two persons.
OF_PERSONS = frozenset({DifferenceKind.HOLDER, DifferenceKind.CUSTODIAN})

#: The kinds of differences that a target finds by comparing what an update would change.
FORESEEN = frozenset({DifferenceKind.ATTRIBUTES, DifferenceKind.MISPLACED, DifferenceKind.ENTITLEMENTS})

_CURES: Mapping[DifferenceKind, Text] = {
    DifferenceKind.MISSING: Text(
        "find out who removed it; 'provisioner account rotate {login}' creates it with a new password"
    ),
    DifferenceKind.NOT_JOINED: Text(
        "wait: its next password rotation creates it; 'provisioner account complete {login}' does so now, with a new "
        "password"
    ),
    DifferenceKind.OUT_OF_SCOPE: Text("run 'provisioner reconcile --repair' to close it on {target}"),
    DifferenceKind.ATTRIBUTES: Text("'provisioner account update {login}' writes {changes}"),
    DifferenceKind.MISPLACED: Text("'provisioner account update {login}' moves it and writes {changes}"),
    DifferenceKind.ENTITLEMENTS: Text("'provisioner account update {login}' writes {changes}"),
    DifferenceKind.CUSTODIAN: Text("'provisioner handover {login} --to {actual}' hands it over to the custodian"),
    DifferenceKind.EXTRA: Text(
        "find out who created it; import its unit and run 'provisioner reconcile --adopt', or remove it from {target}"
    ),
    DifferenceKind.ENABLED: Text("find out who enabled it; 'provisioner account close {login} --again' closes it"),
    DifferenceKind.LOGGED_IN: Text("'provisioner account close {login} --again' ends the sessions"),
    DifferenceKind.DISABLED: Text(
        "find out who disabled it; then run 'provisioner account close {login}' and"
        " 'provisioner account reopen {login}'"
    ),
    DifferenceKind.LOCKED: Text("remove the lock on {target}, or run 'provisioner account rotate {login}'"),
    DifferenceKind.HOLDER: Text(
        "find out who changed it; 'provisioner account update {login}' writes {known} where the plug-in can update"
        " accounts, otherwise correct it on {target}"
    ),
    DifferenceKind.DUPLICATE: Text("find out which one is in use, and remove the other from {target}"),
    DifferenceKind.NOT_SEEN: Text("run 'provisioner account verify {login}'; the rule 'verify' does so regularly"),
    DifferenceKind.UNFINISHED: Text(
        "find out why the operation waits: 'provisioner operation show {operation}'; the account isn't compared until "
        "it has ended"
    ),
}


@attrs.frozen(kw_only=True)
class Difference:
    """One difference."""

    kind: DifferenceKind
    #: The name of the target; empty if the difference concerns none.
    target: str
    login: str
    #: The code of the unit of the account; ``None`` if the product doesn't know the account.
    unit: str | None = None
    #: What the product knows: a state, or the ID of the holder.
    known: str = ""
    #: What the target has: a state, a lock, the ID of a holder, or its names of the accounts.
    actual: str = ""
    #: What an update would change, if attributes or entitlements differ.
    changes: tuple[AttributeChange, ...] = ()
    #: The ID of the operation that waits, if the account has one.
    operation: str | None = None

    @property
    def cure(self) -> Text:
        """What a person can do about it."""
        values = {
            "login": self.login,
            "target": self.target,
            "known": self.known,
            "actual": self.actual,
            "changes": "; ".join(map(_arrow, self.changes)),
            "operation": self.operation or "",
        }
        return attrs.evolve(_CURES[self.kind], values=values)


def _arrow(change: AttributeChange) -> str:
    return f"{change.name}: {', '.join(change.removes) or '-'} → {', '.join(change.adds) or '-'}"


@attrs.frozen(kw_only=True)
class TargetCompared(Event):
    """The accounts of a target were compared with the journal, or the attempt failed."""

    kind = "target_compared"

    target: str
    started_at: datetime
    #: The number of accounts that the target listed.
    listed: int
    #: The number of differences by kind; kinds without any are left out.
    differences: Mapping[str, int]
    #: The code of the unit to which the comparison was restricted; ``None`` if it was not.
    unit: str | None = None
    #: Why the comparison is incomplete; ``None`` if it is complete.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class DifferenceFound(Event):
    """A rule had an account verified, which differs from what it should be on this target. Nothing was changed."""

    kind = "difference_found"

    target: str
    difference: DifferenceKind
