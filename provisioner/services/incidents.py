"""Reports of trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.incidents import (
    Incident,
    IncidentEscalated,
    IncidentEvent,
    IncidentReported,
    IncidentResolved,
    IncidentState,
    IncidentStep,
)
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text
from provisioner.services.account_lookup import known_accounts
from provisioner.services.ids import find_id
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.ids import Named

_STEPS = frozenset(IncidentStep)

#: How many reports are read together.
_PAGE = 500


@attrs.frozen(kw_only=True)
class PastStep:
    """Something that happened to a report."""

    #: The time, in UTC.
    at: datetime
    kind: IncidentStep
    #: The ID of the person.
    actor: str
    #: The code of the unit that handled the report from then on.
    unit: str


@attrs.frozen(kw_only=True)
class HandledIncident:
    """A report and the unit that handles it, as one person may read them."""

    incident: Incident
    unit: Unit
    #: What happened to the report, where it is asked for.
    steps: tuple[PastStep, ...] = ()


def find_incident(store: Store, incident_id: str) -> Incident:
    """Return a report.

    Args:

        store: The stored data.

        incident_id: Its id, or the first characters of it.

    Raises:

        InputError: There is none, or several ids begin like this.
    """
    incident = store.incidents.get(find_id(store, Named.INCIDENT, incident_id))
    if incident is None:
        message = Text("there is no incident {id}", {"id": incident_id})
        raise InputError([Problem(field="id", message=message)])
    return incident


def shown_troubles(store: Store, privacy: Privacy, troubles: Iterable[Incident]) -> list[HandledIncident]:
    """Return reports and the units that handle them, as somebody may read them."""
    given = list(troubles)
    units = store.units.get_many({incident.unit for incident in given})
    shown_units = {unit.code: unit for unit in privacy.shown(units.values())}
    shown = privacy.shown(given, readers=lambda incident: (units[incident.unit].custodian,))
    return [HandledIncident(incident=incident, unit=shown_units[incident.unit]) for incident in shown]


def shown_with_steps(store: Store, privacy: Privacy, incident: Incident) -> HandledIncident:
    """Return a report with all that happened to it, as somebody may read it. A masked report names nobody."""
    [handled] = shown_troubles(store, privacy, [incident])
    steps = _steps(store, incident)
    if handled.incident.reporter == MASK:
        steps = [attrs.evolve(step, actor=MASK) for step in steps]
    return attrs.evolve(handled, steps=tuple(steps))


@attrs.frozen(kw_only=True)
class Incidents:
    """Takes reports of trouble, passes them on, and closes them.

    Reports are named by their ids, or by the first characters of an id. With ``dry_run``, a method returns the report
    as it would be, and records nothing.

    Args:

        store: The stored data.

        authority: Decides who may do what.

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

    def readable(self, *, viewer: str, state: IncidentState, limit: int) -> list[HandledIncident]:
        """Return the reports that a person may read as a whole, the latest first.

        Args:

            viewer: Who reads them.

            state: Only those in this state.

            limit: How many are returned at most.
        """
        found = self.store.incidents.find(state=state)
        return list(islice(self._readable(found, Privacy(self.authority, viewer)), limit))

    def report(self, login: str, text: str, *, actor: str, dry_run: bool = False) -> Incident:
        """Report that a login does not work. An open report of the same person with this text is returned instead.

        Args:

            login: The login.

            text: What does not work. It is kept permanently, so it must not contain a password.

            actor: Who reports it.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such account.
        """
        [account] = known_accounts(self.store, self.naming, [login])
        for known in self.store.incidents.find(state=IncidentState.OPEN, login=account.login):
            if (known.reporter, known.text) == (actor, text):
                return known
        incident = Incident(
            id=str(uuid.uuid4()),
            login=account.login,
            text=text,
            reporter=actor,
            reported_at=self.now(),
            unit=account.unit,
        )
        return self._recorded(IncidentReported, incident, actor, dry_run=dry_run)

    def escalate(self, incident_id: str, *, actor: str, dry_run: bool = False) -> Incident:
        """Pass a report on to the unit above, and from the top to the IT unit. A second call passes it on once more.

        Args:

            incident_id: The report.

            actor: Who passes it on.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such report, it is closed, or there is no unit above.

            DeniedError: The actor is neither who reported it, nor the custodian or an officer of the unit.
        """
        incident = find_incident(self.store, incident_id)
        _require_open(incident)
        if actor != incident.reporter:
            self._require_handler(incident, actor)
        return self._recorded(IncidentEscalated, incident.moved_to(self._above(incident)), actor, dry_run=dry_run)

    def resolve(self, incident_id: str, text: str, *, actor: str, dry_run: bool = False) -> Incident:
        """Close a report. A report that is closed with this text is returned as it is.

        Args:

            incident_id: The report.

            text: What helped. It is kept permanently, so it must not contain a password.

            actor: Who closes it.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such report, or it is closed with another text.

            DeniedError: The actor is neither the custodian nor an officer of the unit.
        """
        incident = find_incident(self.store, incident_id)
        if (incident.state, incident.resolution) == (IncidentState.RESOLVED, text):
            return incident
        _require_open(incident)
        self._require_handler(incident, actor)
        return self._recorded(IncidentResolved, incident.resolved(text), actor, dry_run=dry_run)

    def _readable(self, found: Iterator[Incident], privacy: Privacy) -> Iterator[HandledIncident]:
        """Yield the reports that may be read as a whole, page by page. Each unit is read once."""
        units: dict[str, Unit] = {}
        while page := list(islice(found, _PAGE)):
            if unknown := {incident.unit for incident in page} - units.keys():
                units.update(self.store.units.get_many(unknown))
            shown = list(privacy.shown(page, readers=lambda incident: (units[incident.unit].custodian,)))
            readable = [incident for incident in shown if incident.reporter != MASK]
            shown_units = privacy.shown(units[incident.unit] for incident in readable)
            for incident, unit in zip(readable, shown_units, strict=True):
                yield HandledIncident(incident=incident, unit=unit)

    def _require_handler(self, incident: Incident, actor: str) -> None:
        """Check that the actor handles the report: the unit's custodian, or an officer for the unit.

        Raises:

            DeniedError: The actor does not; the cure says who does.
        """
        if actor != self._unit(incident).custodian:
            self.authority.require(actor, {Role.OFFICER}, incident.unit)

    def _above(self, incident: Incident) -> str:
        """Return the code of the unit that handles the report next.

        Raises:

            InputError: There is none.
        """
        parent = self._unit(incident).parent
        if parent and incident.unit != self.it_unit:
            return parent
        if self.it_unit and incident.unit != self.it_unit and self.store.units.get_many([self.it_unit]):
            return self.it_unit
        raise InputError([Problem(subject=incident.id, field="id", message=Text("there is no unit above"))])

    def _unit(self, incident: Incident) -> Unit:
        return self.store.units.get_many([incident.unit])[incident.unit]

    def _recorded(self, make: type[IncidentEvent], incident: Incident, actor: str, *, dry_run: bool) -> Incident:
        if not dry_run:
            self.record(make(at=self.now(), actor=actor, login=incident.login, trouble=incident))
        return incident


def _require_open(incident: Incident) -> None:
    if incident.state is not IncidentState.OPEN:
        raise InputError([Problem(subject=incident.id, field="id", message=Text("the incident is resolved already"))])


def _steps(store: Store, incident: Incident) -> list[PastStep]:
    """Return what happened to a report, from the audit log."""
    bodies = [json.loads(event.body) for event in store.audit_log.entries(login=incident.login) if event.kind in _STEPS]
    return [
        PastStep(
            at=datetime.fromisoformat(body["at"]),
            kind=IncidentStep(body["kind"]),
            actor=body["actor"],
            unit=body["trouble"]["unit"],
        )
        for body in bodies
        if body["trouble"]["id"] == incident.id
    ]
