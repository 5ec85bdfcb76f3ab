"""``provisioner contract``: the contract suite against a configured target, with accounts that it makes and removes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.session import Session
from provisioner.core.model.text import Text
from provisioner.documents import Document
from provisioner.services.contract import Contract, ContractResults
from provisioner.testing.contract.results import Result, Verdict


@click.command("contract")
@click.argument("target")
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the results to FILE as JUnit XML.",
)
@click.option(
    "--unit",
    metavar="CODE",
    help="Unit of the test accounts. Required if the target accepts only units that it knows.",
)
@dry_run_option
@json_option
@click.pass_obj
def command(session: Session, target: str, *, junit: Path | None, unit: str | None, dry_run: bool) -> ExitCode:
    """Run the conformance tests (the contract) against a target.

    The tests create a few hundred accounts, one after another, and delete them at the end. The logins of these accounts
    begin with 'sozlesme'. If the target doesn't support the deletion of accounts, the tests close them, and they stay
    on the target. The exit code is 4 if a test fails.

    With --dry-run, the command lists the tests.
    """
    contract = Contract(config=session.configuration, target=target)
    if dry_run:
        return _list(session, contract)
    session.set_up_logs()
    report = Report(session)
    found = contract.run(actor=session.actor, unit=unit, junit=junit, tell=report.add)
    return _conclude(session, target, found, report)


def _list(session: Session, contract: Contract) -> ExitCode:
    """Say what would be checked."""
    found = contract.checks()
    session.output.document(
        {"items": [{"check": check.name, "tag": check.tag.value, "summary": check.summary} for check in found]}
    )
    for check in found:
        session.output.line(f"{check.name} ({check.tag.value}): {check.summary}")
    session.output.say(
        Text.counted(
            "{count} check; this is a dry run, nothing was changed",
            "{count} checks; this is a dry run, nothing was changed",
            count=len(found),
        )
    )
    return ExitCode.DONE


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


def _conclude(session: Session, target: str, found: ContractResults, report: Report) -> ExitCode:
    """Say how it ended, and what it left."""
    report.flush()
    left = found.left_behind
    session.output.document(
        {"target": target, "items": [_document(result) for result in found.results], "left_behind": left}
    )
    counts = report.counts
    session.output.say(
        Text.counted(
            "{count} check passed, {failed} failed, {skipped} skipped",
            "{count} checks passed, {failed} failed, {skipped} skipped",
            count=counts[Verdict.OK],
            failed=counts[Verdict.FAILED],
            skipped=counts[Verdict.SKIPPED],
        )
    )
    if found.keeps_accounts:
        session.output.say("the target cannot delete accounts: those whose logins begin with 'sozlesme' stay, closed")
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
