"""Reports of trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.plan import Naming
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority, Role
from provisioner.core.governance.incidents import (
    Trouble,
    TroubleEscalated,
    TroubleEvent,
    TroubleReported,
    TroubleResolved,
    TroubleState,
    TroubleStep,
)
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.model import Unit
from provisioner.core.model.text import Text
from provisioner.services.accounts import known_accounts
from provisioner.services.ids import find_id
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.ids import Named

_STEPS = frozenset(TroubleStep)


@attrs.frozen(kw_only=True)
class PastStep:
    """Something that happened to a report."""

    at: datetime
    kind: TroubleStep
    actor: str
    #: The code of the unit that handled the report from then on.
    unit: str


@attrs.frozen(kw_only=True)
class HandledTrouble:
    """A report and the unit that handles it, as one person may read them."""

    trouble: Trouble
    unit: Unit
    #: What happened to the report, where it is asked for.
    steps: tuple[PastStep, ...] = ()


def find_trouble(store: Store, trouble_id: str) -> Trouble:
    """Return a report.

    Args:

        store: What is known.

        trouble_id: Its id, or the first characters of it.

    Raises:

        InputError: There is none, or several ids begin like this.
    """
    trouble = store.incidents.get(find_id(store, Named.TROUBLE, trouble_id))
    if trouble is None:
        message = Text("there is no report of trouble {id}", {"id": trouble_id})
        raise InputError([Problem(field="id", message=message)])
    return trouble


def shown_troubles(store: Store, privacy: Privacy, troubles: Iterable[Trouble]) -> list[HandledTrouble]:
    """Return reports and the units that handle them, as somebody may read them."""
    given = list(troubles)
    units = store.units.get_many({trouble.unit for trouble in given})
    shown_units = {unit.code: unit for unit in privacy.shown(units.values())}
    shown = privacy.shown(given, readers=lambda trouble: (units[trouble.unit].custodian,))
    return [HandledTrouble(trouble=trouble, unit=shown_units[trouble.unit]) for trouble in shown]


def shown_with_steps(store: Store, privacy: Privacy, trouble: Trouble) -> HandledTrouble:
    """Return a report with all that happened to it, as somebody may read it. A masked report names nobody."""
    [handled] = shown_troubles(store, privacy, [trouble])
    steps = _steps(store, trouble)
    if handled.trouble.reporter == MASK:
        steps = [attrs.evolve(step, actor=MASK) for step in steps]
    return attrs.evolve(handled, steps=tuple(steps))


@attrs.frozen(kw_only=True)
class Incidents:
    """Takes reports of trouble, passes them on, and closes them.

    Reports are named by their ids, or by the first characters of an id. With ``dry_run``, a method returns the report
    as it would be, and records nothing.

    Args:

        store: What is known.

        authority: Says who may do what.

        naming: How logins are written.

        it_unit: The code of the unit that handles what nobody above can; empty if there is none.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    authority: Authority
    naming: Naming
    it_unit: str
    record: Recorder
    now: Clock

    def report(self, login: str, text: str, *, actor: str, dry_run: bool = False) -> Trouble:
        """Report that a login does not work. An open report of the same person with this text is returned instead.

        Args:

            login: The login.

            text: What does not work. It is kept permanently, so it must not contain a password.

            actor: Who reports it.

            dry_run: Only see whether it can be done.

        Raises:

            InputError: There is no such account.
        """
        [account] = known_accounts(self.store, self.naming, [login])
        for known in self.store.incidents.find(state=TroubleState.OPEN, login=account.login):
            if (known.reporter, known.text) == (actor, text):
                return known
        trouble = Trouble(
            id=str(uuid.uuid4()),
            login=account.login,
            text=text,
            reporter=actor,
            reported_at=self.now(),
            unit=account.unit,
        )
        return self._recorded(TroubleReported, trouble, actor, dry_run=dry_run)

    def escalate(self, trouble_id: str, *, actor: str, dry_run: bool = False) -> Trouble:
        """Pass a report on to the unit above, and from the top to the IT unit.

        Raises:

            InputError: There is no such report, it is closed, or there is no unit above.

            DeniedError: The actor is neither who reported it, nor the custodian or an officer of the unit.
        """
        trouble = find_trouble(self.store, trouble_id)
        _require_open(trouble)
        if actor != trouble.reporter:
            self._require_handler(trouble, actor)
        return self._recorded(TroubleEscalated, trouble.moved_to(self._above(trouble)), actor, dry_run=dry_run)

    def resolve(self, trouble_id: str, text: str, *, actor: str, dry_run: bool = False) -> Trouble:
        """Close a report. A report that is closed with this text is returned as it is.

        Args:

            trouble_id: The report.

            text: What helped. It is kept permanently, so it must not contain a password.

            actor: Who closes it.

            dry_run: Only see whether it can be done.

        Raises:

            InputError: There is no such report, or it is closed with another text.

            DeniedError: The actor is neither the custodian nor an officer of the unit.
        """
        trouble = find_trouble(self.store, trouble_id)
        if (trouble.state, trouble.resolution) == (TroubleState.RESOLVED, text):
            return trouble
        _require_open(trouble)
        self._require_handler(trouble, actor)
        return self._recorded(TroubleResolved, trouble.resolved(text), actor, dry_run=dry_run)

    def _require_handler(self, trouble: Trouble, actor: str) -> None:
        """Make sure that the actor handles the report: the unit's custodian, or an officer for the unit.

        Raises:

            DeniedError: The actor does not; the cure says who does.
        """
        if actor != self._unit(trouble).custodian:
            self.authority.require(actor, {Role.OFFICER}, trouble.unit)

    def _above(self, trouble: Trouble) -> str:
        """Return the code of the unit that handles the report next.

        Raises:

            InputError: There is none.
        """
        parent = self._unit(trouble).parent
        if parent and trouble.unit != self.it_unit:
            return parent
        if self.it_unit and trouble.unit != self.it_unit and self.store.units.get_many([self.it_unit]):
            return self.it_unit
        raise InputError([Problem(subject=trouble.id, field="id", message=Text("there is no unit above"))])

    def _unit(self, trouble: Trouble) -> Unit:
        return self.store.units.get_many([trouble.unit])[trouble.unit]

    def _recorded(self, make: type[TroubleEvent], trouble: Trouble, actor: str, *, dry_run: bool) -> Trouble:
        if not dry_run:
            self.record(make(at=self.now(), actor=actor, login=trouble.login, trouble=trouble))
        return trouble


def _require_open(trouble: Trouble) -> None:
    if trouble.state is not TroubleState.OPEN:
        raise InputError([Problem(subject=trouble.id, field="id", message=Text("the trouble is resolved already"))])


def _steps(store: Store, trouble: Trouble) -> list[PastStep]:
    """Return what happened to a report, from the audit log."""
    bodies = [json.loads(event.body) for event in store.audit_log.entries(login=trouble.login) if event.kind in _STEPS]
    return [
        PastStep(
            at=datetime.fromisoformat(body["at"]),
            kind=TroubleStep(body["kind"]),
            actor=body["actor"],
            unit=body["trouble"]["unit"],
        )
        for body in bodies
        if body["trouble"]["id"] == trouble.id
    ]
