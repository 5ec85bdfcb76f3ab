"""The JSON that scripts rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.core.model import (
    Operation,
    PasswordDelivery,
    Person,
    Step,
    StepError,
    TargetState,
    Unit,
    canonical,
)
from provisioner.core.model.text import Text

if TYPE_CHECKING:
    from provisioner.core.engine.limits import HeldRun
    from provisioner.core.governance.access_requests import AccessRequest
    from provisioner.core.governance.incidents import Incident
    from provisioner.core.governance.roles import RoleAssignment
    from provisioner.core.governance.tokens import ApiToken
    from provisioner.services.account_details import AccountDetails
    from provisioner.services.clearance import ClearanceAnswer
    from provisioner.services.handovers import HandoverRecord
    from provisioner.services.incidents import PastStep
    from provisioner.services.targets import System

Document = dict[str, object]


def operation_document(operation: Operation, said: Callable[[Text], str]) -> Document:
    """Return an operation, with its steps.

    Args:

        operation: The operation.

        said: Returns a message in the language asked for.
    """
    return {
        "id": operation.id,
        "kind": operation.kind.value,
        "login": operation.login,
        "state": operation.state.value,
        "actor": operation.actor,
        "reason": operation.reason,
        "staging": operation.staging,
        "created_at": iso(operation.created_at),
        "finished_at": iso(operation.finished_at),
        "next_try_at": iso(operation.next_try_at),
        "error": error_document(operation.error, said),
        "steps": [_step(step, said) for step in operation.steps],
    }


def account_document(details: AccountDetails, last_seen: Mapping[str, datetime] | None = None) -> Document:
    """Return an account, with what is known of it on each target.

    Args:

        details: The account.

        last_seen: When each target last listed it, if that is to be shown.
    """
    account = details.account
    return {
        "login": account.login,
        "unit": account.unit,
        "kind": account.kind.value,
        "holder": account.holder,
        "state": account.state.value,
        "password_changed_at": iso(account.password_changed_at),
        "next_deadline": iso(account.next_deadline),
        "next_action": account.next_action.value if account.next_action else None,
        "closes_at": iso(account.closes_at),
        "targets": [_on_target(name, state, last_seen) for name, state in details.targets.items()],
        "sessions": [{"name": name, "state": state.value} for name, state in details.sessions.items()],
    }


def _on_target(name: str, state: TargetState, last_seen: Mapping[str, datetime] | None) -> Document:
    known: Document = {"name": name, "state": state.value}
    return known if last_seen is None else {**known, "last_seen": iso(last_seen.get(name))}


def delivery_document(delivery: PasswordDelivery | None) -> Document | None:
    """Return what became of a message with a password; ``None`` if there is none."""
    if delivery is None:
        return None
    return {
        "id": delivery.id,
        "operation": delivery.operation_id,
        "channel": delivery.channel,
        "gateway": delivery.gateway,
        "reference": delivery.reference,
        "number": delivery.number,
        "state": delivery.state.value,
        "sent_at": iso(delivery.sent_at),
        "handed_over_at": iso(delivery.handed_over_at),
        "accepted_at": iso(delivery.accepted_at),
        "ended_at": iso(delivery.ended_at),
        "deadline": iso(delivery.deadline),
    }


def unit_document(unit: Unit) -> Document:
    """Return a unit, with the columns of a manifest."""
    return {
        "code": unit.code,
        "name": unit.name,
        "kind": unit.kind,
        "parent": unit.parent,
        "login": unit.login,
        "custodian": unit.custodian,
    }


def person_document(person: Person, shown: Callable[[str | None], str | None]) -> Document:
    """Return a person, with the columns of a manifest.

    Args:

        person: The person.

        shown: Returns a number as it may be shown.
    """
    return {
        "id": person.id,
        "name": person.name,
        "unit": person.unit,
        "title": person.title,
        "mobile": shown(person.mobile),
        "supervisor": person.supervisor,
        "other_mobile": shown(person.other_mobile),
        "other_mobile_confirmed_by": person.other_mobile_confirmed_by,
        "other_mobile_confirmed_at": iso(person.other_mobile_confirmed_at),
    }


def handover_document(found: HandoverRecord) -> Document:
    """Return the record of a handover, with the SHA-256 of all its other fields."""
    return {**found.content, "sha256": found.sha256}


def grant_document(grant: RoleAssignment) -> Document:
    """Return a role of a person, or of a delegate."""
    return {
        "id": grant.id,
        "person": grant.person,
        "role": grant.role.value,
        "unit": grant.unit,
        "delegator": grant.delegator,
        "starts_at": iso(grant.starts_at),
        "ends_at": iso(grant.ends_at),
        "granted_by": grant.granted_by,
        "granted_at": iso(grant.granted_at),
    }


def token_document(token: ApiToken) -> Document:
    """Return a token of the API, without the token itself and without its hash."""
    return {
        "id": token.id,
        "name": token.name,
        "owner": token.owner,
        "access": token.access.value,
        "created_by": token.created_by,
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "revoked_by": token.revoked_by,
        "revoked_at": iso(token.revoked_at),
    }


def form_document(access_request: AccessRequest) -> Document:
    """Return a request form, with the SHA-256 of its archived copy once there is one."""
    return {**access_request.facts(), "archive_sha256": access_request.archive_sha256}


def incident_document(incident: Incident, custodian: str | None) -> Document:
    """Return a report of trouble.

    Args:

        incident: The report.

        custodian: Who answers in the unit that has it in hand.
    """
    return {
        "id": incident.id,
        "login": incident.login,
        "text": incident.text,
        "reporter": incident.reporter,
        "reported_at": iso(incident.reported_at),
        "unit": incident.unit,
        "custodian": custodian,
        "state": incident.state.value,
        "resolution": incident.resolution,
    }


def system_document(system: System) -> Document:
    """Return a target or channel, and whether it is called."""
    return {
        "name": system.name,
        "kind": system.kind.value,
        "plugin": system.plugin,
        "state": system.condition.value,
        "until": iso(system.maintenance.until) if system.maintenance else None,
        "reason": str(system.reason),
    }


def incident_step_document(step: PastStep) -> Document:
    """Return something that happened to a report of trouble."""
    return {"at": iso(step.at), "kind": step.kind.value, "actor": step.actor, "unit": step.unit}


def held_run_document(run: HeldRun, logins: Iterable[str]) -> Document:
    """Return a run that waits for its release.

    Args:

        run: The run.

        logins: What is left of it.
    """
    from provisioner.core.engine.limits import IN_TOTAL

    return {
        "id": run.id,
        "staged_at": iso(run.at),
        "actor": run.actor,
        "reason": run.reason,
        "target": None if run.target == IN_TOTAL else run.target,
        "affected": run.affected,
        "out_of": run.out_of,
        "percent": run.percent,
        "operations": run.operations,
        "logins": list(logins),
    }


def clearance_document(person: str, passage: str, answer: ClearanceAnswer, said: Callable[[Text], str]) -> Document:
    """Return whether a person may leave or start.

    Args:

        person: The ID of the person.

        passage: Whether the person leaves or starts.

        answer: The answer.

        said: Returns a message in the language asked for.
    """
    blocks = [
        {"subject": block.subject, "reason": said(block.reason), "cure": said(block.cure)} for block in answer.blocks
    ]
    document: Document = {"person": person, "passage": passage, "clear": answer.is_clear, "blocks": blocks}
    return {**document, "remarks": [said(remark) for remark in answer.remarks]} if answer.remarks else document


def iso(time: datetime | None) -> str | None:
    """Return a time in UTC as scripts read it; ``None`` if there is none."""
    return canonical.iso(time) if time else None


def _step(step: Step, said: Callable[[Text], str]) -> Document:
    return {
        "name": step.name,
        "hook": step.hook,
        "outcome": step.outcome.value if step.outcome else None,
        "attempts": step.attempts,
        "error": error_document(step.error, said),
    }


def error_document(error: StepError | None, said: Callable[[Text], str]) -> Document | None:
    """Return an error; ``None`` if there is none.

    Args:

        error: The error.

        said: Returns a message in the language asked for.
    """
    if error is None:
        return None
    return {"class": error.name, "message": said(error.message), "cure": said(error.cure)}
