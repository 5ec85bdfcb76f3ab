"""``provisioner status``: how the whole is doing, without a call of any target or channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import attrs
import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.model import AccountState, OperationState
from provisioner.core.model.text import Text, marked
from provisioner.documents import Document, iso
from provisioner.services.status import Concern, Routine, Status, status_of

#: What to do about each concern, and how the command ends because of it.
_CONCERNS: Mapping[Concern, tuple[Text, ExitCode]] = {
    Concern.OUTDATED: (Text("a backup was restored; see 'provisioner check'"), ExitCode.UNFINISHED),
    Concern.OVERDUE: (
        Text(
            "accounts have been due for more than a day; run 'provisioner policy sweep' and check the worker or the "
            "timer that runs it"
        ),
        ExitCode.UNFINISHED,
    ),
    Concern.OPERATIONS: (
        Text("operations are incomplete or have failed; see 'provisioner operation list'"),
        ExitCode.UNFINISHED,
    ),
    Concern.NO_WORKER: (
        Text("operations wait for a worker, and none is running; start 'provisioner worker'"),
        ExitCode.UNFINISHED,
    ),
    Concern.UNDELIVERED: (
        Text("passwords were not reported as delivered in time; see 'provisioner check'"),
        ExitCode.UNFINISHED,
    ),
    Concern.DIFFERENCES: (
        Text("targets differ from the store or were not compared completely; run 'provisioner reconcile'"),
        ExitCode.UNFINISHED,
    ),
    Concern.QUARANTINED: (
        Text("a target or channel is quarantined; see 'provisioner target list'"),
        ExitCode.UNAVAILABLE,
    ),
    Concern.HELD: (Text("a run is held; see 'provisioner policy staged'"), ExitCode.STAGED),
}


@click.command("status")
@json_option
@click.pass_obj
def command(session: Session) -> ExitCode:
    """Show what is due, open, failed or suspended.

    The command reads only the store and contacts no target or channel. It shows no personal data. To test every
    component as well, use 'check'.

    The exit code is 4 if operations, deliveries or accounts need attention, 5 if a target or channel is quarantined,
    and 6 if a run is held. If several of these apply, the lowest code is used.
    """
    with session.store() as store:
        status = status_of(session.configuration, store, store.now)
    session.output.document(_document(status))
    session.output.fields(_rows(session, status), _named_rows(session, status))
    for concern in status.concerns:
        session.output.say("attention: {concern}", concern=session.output.said(_CONCERNS[concern][0]))
    return min((_CONCERNS[concern][1] for concern in status.concerns), default=ExitCode.DONE)


def _document(status: Status) -> Document:
    return {
        "at": iso(status.at),
        "attention": [concern.value for concern in status.concerns],
        "accounts": {
            **{state.value: status.accounts.get(state, 0) for state in AccountState},
            "due": status.due,
            "overdue": status.overdue,
        },
        "operations": {
            **{state.value: status.operations.get(state, 0) for state in OperationState if not state.ended},
            "failed": status.failed,
            "oldest": iso(status.oldest),
        },
        "deliveries": {
            "open": status.open_deliveries,
            "overdue": status.overdue_deliveries,
            "undelivered": status.undelivered,
        },
        "held_runs": status.held_runs,
        "systems": [
            {"name": system.name, "kind": system.kind.value, "state": system.condition.value}
            for system in status.systems
        ],
        "comparisons": [
            {
                "target": last.target,
                "ended_at": iso(last.ended_at),
                "differences": last.total,
                "complete": last.error is None,
            }
            for last in status.comparisons
        ],
        "queue": attrs.asdict(status.queue) if status.queue else None,
        **{routine.value: _run(status, routine) for routine in Routine},
    }


def _run(status: Status, routine: Routine) -> Document | None:
    run = status.routines.get(routine)
    return {"began_at": iso(run.began_at), "ended_at": iso(run.ended_at)} if run else None


def _rows(session: Session, status: Status) -> Iterator[tuple[str, str]]:
    yield marked("open accounts"), str(status.accounts.get(AccountState.OPEN, 0))
    yield marked("due accounts"), str(status.due)
    yield marked("overdue accounts"), str(status.overdue)
    yield marked("planned operations"), str(status.operations.get(OperationState.PLANNED, 0))
    yield marked("running operations"), str(status.operations.get(OperationState.RUNNING, 0))
    yield marked("incomplete operations"), str(status.operations.get(OperationState.INCOMPLETE, 0))
    yield marked("failed operations of the last day"), str(status.failed)
    yield marked("oldest unfinished operation"), _ago(session, status.oldest, status.at)
    yield marked("open deliveries"), str(status.open_deliveries)
    yield marked("overdue deliveries"), str(status.overdue_deliveries)
    yield marked("passwords not reported as delivered"), str(status.undelivered)
    yield marked("held runs"), str(status.held_runs)
    if status.queue:
        yield marked("waiting and running chunks of operations"), f"{status.queue.waiting}, {status.queue.taken}"
        yield marked("workers that share operations"), str(status.queue.workers)
    yield marked("last sweep"), _last(session, status, Routine.SWEEP)
    yield marked("last backup"), _last(session, status, Routine.BACKUP)


def _named_rows(session: Session, status: Status) -> Iterator[tuple[str, str]]:
    output, last = session.output, {comparison.target: comparison for comparison in status.comparisons}
    for system in status.systems:
        compared = last.get(system.name)
        state = output.word(system.condition)
        if compared:
            found = Text.counted("{count} difference", "{count} differences", count=compared.total)
            state += f", {_ago(session, compared.ended_at, status.at)}: {output.said(found)}"
        yield f"{output.word(system.kind)} {system.name}", state


def _last(session: Session, status: Status, routine: Routine) -> str:
    run = status.routines.get(routine)
    return _ago(session, run.ended_at if run else None, status.at) or session.output.text("never")


def _ago(session: Session, time: datetime | None, now: datetime) -> str:
    """Return how long ago a time was, with the time."""
    if time is None:
        return ""
    age = max(now - time, timedelta(0))
    if age < timedelta(hours=2):
        text = Text.counted("{count} minute ago", "{count} minutes ago", count=round(age / timedelta(minutes=1)))
    elif age < timedelta(days=2):
        text = Text.counted("{count} hour ago", "{count} hours ago", count=round(age / timedelta(hours=1)))
    else:
        text = Text.counted("{count} day ago", "{count} days ago", count=age.days)
    return f"{session.output.said(text)} ({session.local_time(time)})"
