"""``provisioner policy``: the rules, what they want, and what they would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs
import click

from provisioner.cli.commands.accounts import known_accounts
from provisioner.cli.commands.runs import follow, started
from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, dry_run_option, json_option, recording
from provisioner.cli.output import Output
from provisioner.cli.render.documents import Document, account_document, iso
from provisioner.cli.render.heatmap import page
from provisioner.cli.render.pages import write_page
from provisioner.cli.session import Session
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.events import DutyConfirmed
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.api.rules import Action, Deadline, Monitor, Observation, Rule, name_of
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.governance.authority import Role
from provisioner.core.model import Account, Operation, OperationKind, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import Evaluation, RuleFailure
from provisioner.core.policy.notifier import Notice
from provisioner.core.policy.policy import RuleSet
from provisioner.core.policy.policy_run import Refusal
from provisioner.core.policy.simulation import Day, Simulation
from provisioner.core.policy.sweep import Swept
from provisioner.services.bootstrap import Application
from provisioner.services.runs import Run

#: Which operation a deadline asks for; the others ask for none.
_KINDS = {
    Action.ROTATE: OperationKind.ROTATE,
    Action.CLOSE: OperationKind.CLOSE,
    Action.DELETE: OperationKind.DELETE,
}

#: What a sweep tells of besides operations.
_Told = Notice | Refusal | Observation | RuleFailure

#: The most days that are simulated: ten years.
_MOST_DAYS = 3660


@click.command("show")
@json_option
@click.pass_obj
def show(session: Session) -> ExitCode:
    """Show the rule sets.

    It shows where each rule set applies, and since when.
    """
    with session.application() as app:
        policy = app.policy
    shown = [
        {
            "name": one.name,
            "rules": [_parameters(rule) for rule in _parts(one)],
            "kinds": sorted(one.scope.kinds),
            "under": sorted(one.scope.under),
            "since": iso(policy.since.get(one.name)),
        }
        for one in policy.rule_sets
    ]
    session.output.document({"items": shown, "fingerprint": policy.fingerprint})
    everywhere = session.output.text("everywhere")
    session.output.table(
        ("rule set", "rules", "kinds", "under", "since"),
        [
            (
                one.name,
                ", ".join(name_of(rule) for rule in _parts(one)),
                ", ".join(sorted(one.scope.kinds)) or everywhere,
                ", ".join(sorted(one.scope.under)) or everywhere,
                session.local_day(policy.since.get(one.name)),
            )
            for one in policy.rule_sets
        ],
    )
    return ExitCode.DONE


@click.command("due")
@click.option(
    "--until", metavar="DATE", type=DAY, help="Also what is due before this day; by default, what is due now."
)
@click.option("--unit", metavar="CODE", help="Only accounts of this unit and of the units below it.")
@json_option
@click.pass_obj
def due(session: Session, *, until: datetime | None, unit: str | None) -> ExitCode:
    """List what is due.

    The most urgent comes first.
    """
    with session.application() as app:
        end = session.start_of(until) if until else app.engine.context.now() + timedelta(microseconds=1)
        if unit and unit not in app.store.units([unit]):
            raise InputError([Problem(field="unit", message=Text("there is no unit {code}", {"code": unit}))])
        accounts = list(app.store.find_accounts(due_before=end, under=unit))
        evaluated = list(_evaluated(app, accounts))
    found = [(one, deadline) for one, all_of_it in evaluated for deadline in all_of_it.deadlines if deadline.at < end]
    found.sort(key=lambda one: (one[1].at, one[0].login))
    failures = [failure for _, all_of_it in evaluated for failure in all_of_it.failures]
    items = [_deadline(session.output, one.login, deadline) for one, deadline in found]
    session.output.document({"items": items, "failed_rules": _failed_rules(session.output, failures)})
    session.output.table(
        ("day", "login", "action", "rule set", "source"),
        [
            (
                session.local_day(deadline.at),
                one.mail,
                session.output.word(deadline.action),
                deadline.rule_set,
                deadline.source,
            )
            for one, deadline in found
        ],
    )
    _tell(session.output, failures)
    return ExitCode.UNFINISHED if failures else ExitCode.DONE


@click.command("sweep")
@click.option(
    "--clock-is-right",
    is_flag=True,
    help="Go on although the clock does not fit with when the store was used before; this is recorded.",
)
@dry_run_option
@json_option
@click.pass_obj
def sweep(session: Session, *, clock_is_right: bool, dry_run: bool) -> ExitCode:
    """Do what is due: warn, renew, close.

    The next sweep tries again what does not work now.
    """
    with started(session, dry_run=dry_run) as app:
        sweep = app.sweep(clock_confirmed_by=session.actor if clock_is_right else None)
        sweep.require_clock()
        if dry_run:
            return _show_days(session, *_simulated(session, app, 1))
        told: list[_Told] = []
        operations = _operations(sweep.run(), told)
        code = follow(session, app, Run(operations), more=lambda: _told(session.output, _shown(session, app, told)))
        _tell(session.output, _shown(session, app, told))
        if sweep.is_stopped:
            session.output.note("the sweep was asked to stop; the next one does what is left")
    left = sweep.is_stopped or any(map(_is_open, told))
    return ExitCode.UNFINISHED if code is ExitCode.DONE and left else code


@click.command("simulate")
@click.option(
    "--days", metavar="N", type=click.IntRange(1, _MOST_DAYS), default=30, show_default=True, help="The number of days."
)
@click.option("--html", "file", metavar="FILE", help="Write a calendar as an HTML page.")
@json_option
@click.pass_obj
def simulate(session: Session, *, days: int, file: str | None) -> ExitCode:
    """Show who would be warned, renewed and closed.

    Nothing is changed. The command runs one sweep a day on a copy of the data, at the present time of day, and assumes
    that every action succeeds.
    """
    with session.application(dry_run=True) as app:
        found, failures = _simulated(session, app, days)
    if file:
        write_page(file, page(found, session))
    return _show_days(session, found, failures)


@click.command("confirm")
@click.argument("login")
@click.argument("rule_set", metavar="RULE-SET")
@recording
@click.pass_obj
def confirm(session: Session, login: str, rule_set: str, *, dry_run: bool) -> ExitCode:
    """Confirm that a duty was done.

    A duty is, for example, a backup.
    """
    with session.application() as app:
        if rule_set not in {one.name for one in app.policy.rule_sets}:
            raise InputError([_problem("rule-set", Text("there is no rule set {name}", {"name": rule_set}))])
        [account] = known_accounts(app.store, app.planner.naming, [login])
        if session.actor != account.holder:
            app.authority.require(session.actor, {Role.OFFICER}, account.unit)
        _require_duty(app, account, rule_set)
        after = account if dry_run else _confirmed(session, app, account, rule_set)
    shown = account_document(after, {})
    session.output.document(
        {"rule_set": rule_set, **{name: shown[name] for name in ("login", "next_deadline", "next_action", "closes_at")}}
    )
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    else:
        session.output.say("{login}: confirmed; next: {next}", login=after.mail, next=next_action(after, session))
    return ExitCode.DONE


def _require_duty(app: Application, account: Account, rule_set: str) -> None:
    """Make sure that a rule set has a duty for an account, now or later.

    Raises:

        InputError: It has none, so nothing can be confirmed.
    """
    [(_, found)] = _evaluated(app, [account])
    if not any((deadline.action, deadline.rule_set) == (Action.DUTY, rule_set) for deadline in found.deadlines):
        values = {"name": rule_set, "login": account.login}
        raise InputError([_problem("rule-set", Text("rule set {name} has no duty for {login} to confirm", values))])


def _confirmed(session: Session, app: Application, account: Account, rule_set: str) -> Account:
    at = app.engine.context.now()
    event = DutyConfirmed(at=at, actor=session.actor, login=account.login, subject=account.login, rule_set=rule_set)
    app.engine.context.record(event)
    app.sweep().plan_ahead([account])
    return app.store.accounts([account.login])[account.login]


def _problem(field: str, message: Text) -> Problem:
    return Problem(field=field, message=message)


def _parts(one: RuleSet) -> list[Rule | Monitor]:
    return [*one.rules, *one.monitors]


def _parameters(rule: Rule | Monitor) -> Document:
    cls = type(rule)
    parameters = (
        {field.name: _plain(getattr(rule, field.name)) for field in attrs.fields(cls)} if attrs.has(cls) else {}
    )
    return {"rule": name_of(rule), **parameters}


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (int, str, bool, type(None))) else str(value)


def _evaluated(app: Application, accounts: Sequence[Account]) -> Iterator[tuple[Account, Evaluation]]:
    units = app.store.units({account.unit for account in accounts})
    marks = app.store.marks([account.login for account in accounts])
    for account in accounts:
        yield account, app.policy.evaluate(account, units[account.unit], marks.get(account.login, ()))


def _deadline(output: Output, login: str, deadline: Deadline) -> Document:
    return {
        "login": login,
        "action": deadline.action.value,
        "at": iso(deadline.at),
        "rule_set": deadline.rule_set,
        "reason": output.said(deadline.reason),
        "source": deadline.source,
    }


# -- sweeping ----------------------------------------------------------------------------------------------------------


def _operations(swept: Iterable[Swept], told: list[_Told]) -> Iterator[Operation]:
    """Yield the operations of a sweep, and put aside the rest."""
    for one in swept:
        if isinstance(one, Operation):
            yield one
        else:
            told.append(one)


def _shown(session: Session, app: Application, told: Sequence[_Told]) -> list[_Told]:
    """Return what a sweep tells of besides operations, as the actor may read it, in its order."""
    privacy, accounts = session.privacy(app.store), app.store.accounts
    notices = privacy.shown_notices((one for one in told if isinstance(one, Notice)), accounts)
    refusals = privacy.shown_refusals((one for one in told if isinstance(one, Refusal)), accounts)
    return [
        next(notices) if isinstance(one, Notice) else next(refusals) if isinstance(one, Refusal) else one
        for one in told
    ]


def _is_open(one: _Told) -> bool:
    return not isinstance(one, Notice) or one.error is not None


def _told(output: Output, told: Iterable[_Told]) -> Mapping[str, list[Document]]:
    """Return what a sweep tells of besides operations, as JSON shows it."""
    answer: dict[str, list[Document]] = {"notices": [], "refused": [], "unseen": [], "failed_rules": []}
    for one in told:
        if isinstance(one, Observation):
            answer["unseen"].append({"subject": one.subject, "message": output.said(one.message)})
        elif isinstance(one, Refusal):
            shown = _deadline(output, one.login, one.deadline)
            answer["refused"].append(shown | {"because": output.said(one.reason)})
        elif isinstance(one, RuleFailure):
            answer["failed_rules"] += _failed_rules(output, [one])
        else:
            error = output.said(one.error.text) if one.error else None
            shown = _deadline(output, one.subject, one.deadline)
            answer["notices"].append(shown | {"recipient": one.recipient, "delivered": not error, "error": error})
    return answer


def _failed_rules(output: Output, failures: Iterable[RuleFailure]) -> list[Document]:
    return [
        {
            "login": failure.login,
            "rule_set": failure.rule_set,
            "rule": failure.rule,
            "message": output.said(failure.message),
        }
        for failure in failures
    ]


def _tell(output: Output, told: Iterable[_Told]) -> None:
    """Say what became of notices, and what could not be done."""
    for one in told:
        if isinstance(one, (Observation, RuleFailure)):
            subject = one.subject if isinstance(one, Observation) else one.login
            output.say("{subject}: {message}", subject=subject, message=output.said(one.message))
            continue
        action, said = output.word(one.deadline.action), output.said
        if isinstance(one, Refusal):
            output.say("{login}: {action}: not done: {why}", login=one.login, action=action, why=said(one.reason))
        elif one.error:
            output.say("{login}: {action}: not told: {why}", login=one.subject, action=action, why=said(one.error.text))
        else:
            output.say("{login}: {action}: {person} was told", login=one.subject, action=action, person=one.recipient)


# -- simulating --------------------------------------------------------------------------------------------------------


def _simulated(session: Session, app: Application, days: int) -> tuple[list[Day], Collection[RuleFailure]]:
    """Return what would happen day by day, and which rules could not say what they want."""
    simulation = Simulation(
        policy=app.policy,
        time_zone=session.configuration.content.time_zone,
        may=lambda account, unit, action: _may(app, account, unit, action),
    )
    for accounts in app.store.accounts_after(""):
        units = app.store.units({account.unit for account in accounts})
        simulation.add(accounts, units, app.store.marks([account.login for account in accounts]))
    found = list(simulation.days(app.engine.context.now(), days))
    return found, simulation.failures.values()


def _may(app: Application, account: Account, unit: Unit, action: Action) -> bool:
    """Say whether a policy may do this at all: protected accounts are left alone."""
    if action not in _KINDS:
        return True
    question = AuthorizeOperation(
        kind=_KINDS[action],
        account=account,
        unit=unit,
        actor=POLICY_ACTOR,
        by_policy=True,
        at=app.engine.context.now(),
    )
    return not app.planner.authorize(question)


def _show_days(session: Session, days: Sequence[Day], failures: Collection[RuleFailure]) -> ExitCode:
    output = session.output
    totals = Counter(happening.deadline.action for day in days for happening in day.happenings)
    output.document(
        {
            "days": [_day(output, day) for day in days],
            "totals": {action.value: totals[action] for action in Action},
            "failed_rules": _failed_rules(output, failures),
        }
    )
    rows = [[day.date.isoformat(), *(str(day.count(one) or "") for one in Action)] for day in days if day.happenings]
    total = [output.text("total"), *(str(totals[one]) for one in Action)]
    output.table(("day", "warn", "rotate", "close", "duty", "delete"), [*rows, total])
    _tell(output, failures)
    output.say("nothing was changed")
    return ExitCode.UNFINISHED if failures else ExitCode.DONE


def _day(output: Output, day: Day) -> Document:
    counts = {action.value: day.count(action) for action in Action}
    items = [_deadline(output, happening.login, happening.deadline) for happening in day.happenings]
    return {"date": day.date.isoformat(), "at": iso(day.at)} | counts | {"items": items}
