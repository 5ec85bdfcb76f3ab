"""``provisioner contract``: the contract suite against a configured target, with accounts that it makes and removes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs
import click

from provisioner import files
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.render.documents import Document
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError, InputError, NotReadyError, Problem, TargetError
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.people import People as Staff
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.governance.authority import Role
from provisioner.core.governance.directives import Defaults
from provisioner.core.model import Unit
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import authority_of, utc_now
from provisioner.store import Store
from provisioner.testing.contract.results import Result, Verdict

if TYPE_CHECKING:
    from provisioner.testing.contract.sandbox import SandboxPeople  # needs pytest, which users need not have


@click.command("contract")
@click.argument("target")
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the results as JUnit XML.",
)
@click.option("--unit", metavar="CODE", help="The unit of the accounts, if the target must know its units.")
@dry_run_option
@json_option
@click.pass_obj
def command(session: Session, target: str, *, junit: Path | None, unit: str | None, dry_run: bool) -> ExitCode:
    """Run the conformance tests against a target.

    The tests create accounts and remove them at the end. Their logins begin with 'sozlesme'. The tests need a few
    hundred of them, one after the other. A target that cannot delete keeps them, closed.
    """
    _expect_pytest()
    _expect_target(session, target)
    if dry_run:
        return _list(session)
    _expect_administrator(session)
    session.set_up_logs()
    with closing(Plugins(make_breaker=lambda name: Breaker(name=name, now=utc_now))) as plugins:
        plugins.add("core:defaults", Defaults(plate_code=session.configuration.content.accounts.plate_code))
        plugins.load(session.configuration.plugin_settings())
        gateway = plugins.targets[target]
        _expect_ready(gateway)
        people = _people(session, plugins, unit)
        report = Report(session)
        results = _run(plugins, gateway, people, junit, report)
    return _conclude(session, target, results, report, keeps="account_delete" not in gateway.hooks)


def _expect_pytest() -> None:
    if find_spec("pytest") is None:
        raise ConfigurationError(
            "the contract suite needs pytest, which is not installed",
            cure="run: pip install 'unit-provisioner[testing]'",
        )


def _expect_target(session: Session, name: str) -> None:
    known = session.configuration.content.targets
    if name not in known:
        message = Text("there is no target {name}; there are {known}", {"name": name, "known": ", ".join(known)})
        raise InputError([Problem(field="target", message=message)])


def _expect_administrator(session: Session) -> None:
    """Make sure that accounts may be made that no unit has; where authority is not enforced, no store is needed.

    Raises:

        DeniedError: The actor is no administrator.
    """
    if session.configuration.content.authority is not None:
        with session.store() as store:
            authority_of(session.configuration, store).require(session.actor, {Role.ADMINISTRATOR})


def _expect_ready(target: Target) -> None:
    """See that it works at all before it is judged.

    Raises:

        NotReadyError: It does not.
    """
    try:
        if "target_check" in target.hooks:
            target.check()
    except TargetError as error:
        raise NotReadyError([error]) from None


def _list(session: Session) -> ExitCode:
    """Say what would be checked."""
    from provisioner.testing.contract import TargetContract
    from provisioner.testing.contract.listing import checks

    found = list(checks(TargetContract))
    session.output.document(
        {"items": [{"check": one.name, "tag": one.tag.value, "summary": one.summary} for one in found]}
    )
    for one in found:
        session.output.line(f"{one.name} ({one.tag.value}): {one.summary}")
    session.output.say("{count} checks; this is a dry run, nothing was changed", count=len(found))
    return ExitCode.DONE


def _run(plugins: Plugins, target: Target, people: SandboxPeople, junit: Path | None, report: Report) -> list[Result]:
    from provisioner.testing.contract import live, running

    passwords = PasswordMaker.of(plugins.password_policies())
    provider = live.Live(plugin=live.plugin_of(target), people=people, make_secret=passwords.make, cannot=target.cannot)
    with TemporaryDirectory(prefix="contract-") as folder:
        draft = Path(folder, "junit.xml") if junit else None
        results = running.run(Path(live.__file__), provider, junit=draft, tell=report.add)
        if junit and draft:
            _write_junit(junit, draft.read_text(encoding="utf-8"))
    return results


def _write_junit(file: Path, text: str) -> None:
    try:
        files.write(file, text)
    except OSError as error:
        message = Text("{file} cannot be written: {reason}", {"file": file, "reason": error.strerror})
        raise InputError([Problem(field="junit", message=message)]) from None


def _people(session: Session, plugins: Plugins, code: str | None) -> SandboxPeople:
    """Return whose accounts they are: nobody's, or those of a unit that the store knows."""
    from provisioner.testing.contract.sandbox import PEOPLE

    people = attrs.evolve(PEOPLE, domain=session.configuration.content.accounts.domain)
    if code is None:
        return people
    with session.store() as store:
        units = list(_upwards(store, code))
        custodians = dict.fromkeys(unit.custodian for unit in units if unit.custodian)
        # Asked once each: whoever runs the contract sees at once that the personnel system does not answer.
        retry = Retry(RetryPolicy(attempts=1), threading.Event())
        found = Staff(plugins.find_person, store.persons, retry).find_all(custodians)
    known = [found[custodian] for custodian in custodians if custodian in found]
    holder, successor, *_ = [*known, people.holder, people.successor]
    return attrs.evolve(people, unit=units[0], holder=holder, successor=successor)


def _upwards(store: Store, code: str) -> Iterator[Unit]:
    """Yield a unit and those above it."""
    wanted: str | None = code
    while wanted is not None:
        unit = store.units([wanted]).get(wanted)
        if unit is None:
            message = Text("there is no unit {code}", {"code": wanted})
            raise InputError([Problem(field="--unit", message=message)])
        yield unit
        wanted = unit.parent


@attrs.define(eq=False)
class Report:
    """Says what each check found as soon as its last case is done, and counts them."""

    _session: Session
    counts: Counter[Verdict] = attrs.field(factory=Counter, init=False)
    _cases: list[Result] = attrs.field(factory=list, init=False)

    def add(self, result: Result) -> None:
        """Take the next result."""
        if self._cases and self._cases[0].check != result.check:
            self.flush()
        self._cases.append(result)

    def flush(self) -> None:
        """Say what the check under way found."""
        output, [first, *_] = self._session.output, self._cases
        failed = [case for case in self._cases if case.verdict is Verdict.FAILED]
        passed = any(case.verdict is Verdict.OK for case in self._cases)
        verdict = Verdict.FAILED if failed else Verdict.OK if passed else Verdict.SKIPPED
        reason = f": {first.reason}" if verdict is Verdict.SKIPPED else ""
        output.line(f"{output.word(verdict):10} {first.check}{reason}")
        for case in failed:
            output.line(f"  -> {case.case}: {case.reason}" if case.case else f"  -> {case.reason}")
        self.counts[verdict] += 1
        self._cases.clear()


def _conclude(session: Session, target: str, results: Sequence[Result], report: Report, *, keeps: bool) -> ExitCode:
    """Say how it ended, and what it left."""
    report.flush()
    left = [login for result in results for login in result.left_behind]
    session.output.document({"target": target, "items": [_document(result) for result in results], "left_behind": left})
    counts = report.counts
    session.output.say(
        "{ok} checks passed, {failed} failed, {skipped} were skipped",
        ok=counts[Verdict.OK],
        failed=counts[Verdict.FAILED],
        skipped=counts[Verdict.SKIPPED],
    )
    if keeps:
        session.output.say("the target cannot delete: it keeps the accounts whose logins begin with 'sozlesme', closed")
    for login in left:
        session.output.note("the account {login} may still be open on {target}", login=login, target=target)
    return ExitCode.UNFINISHED if counts[Verdict.FAILED] else ExitCode.DONE


def _document(result: Result) -> Document:
    return {
        "check": result.check,
        "case": result.case,
        "tag": result.tag.value,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
    }
