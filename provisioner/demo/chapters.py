"""The story, chapter by chapter. Each chapter does something, tells it, and gives back what it proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from time import perf_counter

from provisioner.core.api.messages import AskClearance, Passage
from provisioner.core.model import Account, Operation, OperationKind, OperationState, Unit
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import marked
from provisioner.core.policy.notice_messages import Notice
from provisioner.demo.drift import add_a_target, apply_another_list, change_directly, repair
from provisioner.demo.examples import example
from provisioner.demo.stage import PHONES
from provisioner.demo.story import INITIATOR, Chapter, Proof, Story
from provisioner.manifest import read_units

#: The unit that closes in the end.
CLOSING = "tasimali-egitim"

#: The unit whose custodian leaves, and who comes.
HANDED_OVER = "temel-egitim"
SUCCESSOR = "460002"

#: The units whose custodians ask for a renewal when they are warned, and on which day.
ASKING = frozenset({"il-mem", "tasimali-egitim"})
DAY_OF_ASKING = 28

#: How many days of the story pass.
MONTH = 31


def open_the_units(story: Story) -> Iterator[Proof]:
    """A province opens its units: each gets an account with one password on every system (000 m.5/h, 001 ¶6)."""
    app, units = story.stage.app, _units(story)
    story.output.line("")
    story.output.say("{count} units of the province open, each with an account.", count=len(units))
    app.units.save(units, actor=INITIATOR.actor)
    began = perf_counter()
    operations = story.carry_out(app.planner.open_units(units, INITIATOR))
    done = sum(operation.state is OperationState.DONE for operation in operations)
    story.output.say("  {count} accounts opened in {seconds} s.", count=done, seconds=f"{perf_counter() - began:.1f}")
    yield Proof(claim=marked("units have an account that is open on every system"), expected=len(units), found=done)
    yield Proof(
        claim=marked("passwords went out, each in one SMS"), expected=len(units), found=story.stage.phones.count()
    )


def log_in(story: Story) -> Iterator[Proof]:
    """Every custodian takes the password out of the SMS and logs in with it everywhere (001 ¶5)."""
    accounts = story.accounts()
    story.output.line("")
    story.output.say("Each custodian reads the SMS, and logs in with the password in it.")
    for account in accounts:
        text = story.read_phone(account)
        if account is accounts[0]:
            story.output.line(f"  {text}")
    for name in story.stage.doors:
        inside = story.who_get_in(name, accounts)
        story.output.say("  {name}: {count} logged in.", name=name, count=len(inside))
        yield Proof(claim=_LOGGED_IN[name], expected=len(accounts), found=len(inside))


def open_again(story: Story) -> Iterator[Proof]:
    """The same list once more changes nothing, so a script may run twice."""
    before = story.stage.phones.count()
    plan = story.stage.app.planner.open_units(_units(story), INITIATOR)
    story.carry_out(plan)
    story.output.line("")
    story.output.say("The same list is opened again.")
    story.output.say("  {count} accounts are open already; nothing changes.", count=len(plan.unchanged))
    after = story.stage.phones.count()
    yield Proof(
        claim=marked("accounts are unchanged when the same list is opened again"),
        expected=before,
        found=len(plan.unchanged),
    )
    yield Proof(claim=marked("messages are on the phones afterwards, as before"), expected=before, found=after)


def let_a_month_pass(story: Story) -> Iterator[Proof]:
    """Every day a sweep warns, renews and closes: a password lives 30 days (001 ¶2)."""
    before, former = story.accounts(), dict(story.passwords)
    asking = [account for account in before if account.unit in ASKING]
    story.output.line("")
    story.output.say("A month passes, with a sweep a day.")
    counts = Counter[object]()
    for day in range(1, MONTH + 1):
        story.stage.clock.advance(timedelta(days=1))
        if day == DAY_OF_ASKING:
            story.carry_out(story.stage.app.planner.rotate(asking, INITIATOR))
        yield from _sweep(story, counts)
    story.output.say(
        "  {told} warnings by SMS, {renewed} passwords renewed in time, {closed} accounts closed.",
        told=counts[Notice],
        renewed=counts[OperationKind.ROTATE] + len(asking),
        closed=counts[OperationKind.CLOSE],
    )
    yield from _look_at_renewed(story, before, former, closures=counts[OperationKind.CLOSE])


def _sweep(story: Story, counts: Counter[object]) -> Iterator[Proof]:
    """Sweep once, release the run if it is held, and count what was done."""
    swept = list(story.stage.app.sweep(clock_confirmed_by=INITIATOR.actor).run())
    held = [item for item in swept if isinstance(item, Operation) and item.state is OperationState.STAGED]
    if held:
        yield _look_at_held(story, held)
        swept += _release(story)
    counts.update(_kind(item) for item in swept if item not in held)


def _look_at_renewed(
    story: Story, before: Sequence[Account], former: Mapping[str, Secret], *, closures: int
) -> Iterator[Proof]:
    """Check that the accounts that are open log in with their new passwords only, and the others not at all."""
    renewed = story.accounts()
    for account in renewed:
        story.read_phone(account)
    logins = {account.login for account in renewed}
    closed = [account for account in before if account.login not in logins]
    yield Proof(
        claim=marked("accounts that nobody renewed are refused everywhere"),
        expected=closures,
        found=story.shut_out(closed, former),
    )
    yield Proof(
        claim=marked("renewed passwords log in everywhere"),
        expected=len(before) - len(closed),
        found=story.inside_everywhere(renewed),
    )
    yield Proof(
        claim=marked("passwords of the month before no longer log in"),
        expected=len(renewed),
        found=story.shut_out(renewed, former),
    )


def _look_at_held(story: Story, held: Sequence[Operation]) -> Proof:
    """Check that a run that would close more than the limit allows has closed nothing."""
    story.output.say("  {count} would be closed in one run: more than the limit allows, so it waits.", count=len(held))
    accounts = list(story.stage.app.store.accounts.get_many([operation.login for operation in held]).values())
    return Proof(
        claim=marked("accounts stay open everywhere while their run waits for its release"),
        expected=len(held),
        found=story.inside_everywhere(accounts),
    )


def _release(story: Story) -> list[Operation]:
    """Release the held run, as an officer does after checking the list, and return what was done."""
    app = story.stage.app
    runs = app.store.held_runs.all()
    story.output.say("A person checks the list and releases it with 'provisioner policy release'.")
    return [
        operation
        for run in runs
        for operation in app.engine.release(run.id, actor=INITIATOR.actor, reason=INITIATOR.reason)
    ]


def _kind(swept: object) -> object:
    return swept.kind if isinstance(swept, Operation) else type(swept)


def hand_one_over(story: Story) -> Iterator[Proof]:
    """A custodian leaves, and may not before the account is handed over (000 m.5/e-f)."""
    app, former = story.stage.app, dict(story.passwords)
    account = app.store.accounts.of_units([HANDED_OVER])[HANDED_OVER]
    question = AskClearance(person_id=account.holder or "", passage=Passage.LEAVING)
    story.output.line("")
    story.output.say("The custodian of {mail} leaves.", mail=account.mail)
    blocked = bool(app.plugins.clearance_blocks(question))
    story.carry_out(app.planner.hand_over(account, to=SUCCESSOR, initiator=INITIATOR))
    story.output.say("  Clearance is refused before the handover, and given after it.")
    [account] = app.store.accounts.get_many([account.login]).values()
    story.read_phone(account)
    inside = sum(len(story.who_get_in(name, [account])) for name in story.stage.doors)
    yield Proof(
        claim=marked("departures wait only for the handover"),
        expected=1,
        found=int(blocked and not app.plugins.clearance_blocks(question)),
    )
    yield Proof(
        claim=marked("systems accept the incoming custodian's password"), expected=len(story.stage.doors), found=inside
    )
    yield Proof(
        claim=marked("passwords of outgoing custodians no longer log in"),
        expected=1,
        found=story.shut_out([account], former),
    )


def close_one(story: Story) -> Iterator[Proof]:
    """A unit closes: its password opens nothing any more (000 m.5/h)."""
    app = story.stage.app
    account = app.store.accounts.of_units([CLOSING])[CLOSING]
    unit = app.store.units.get_many([CLOSING])[CLOSING]
    story.output.line("")
    story.output.say("{unit} closes.", unit=unit.name)
    story.carry_out(app.planner.close([account], INITIATOR))
    refused = [name for name in story.stage.doors if not story.who_get_in(name, [account])]
    story.output.say("  {mail} is refused by: {names}.", mail=account.mail, names=", ".join(refused))
    yield Proof(claim=marked("systems refuse the closed account"), expected=len(story.stage.doors), found=len(refused))
    others = story.accounts()
    yield Proof(
        claim=marked("other accounts still log in everywhere"),
        expected=len(others),
        found=story.inside_everywhere(others),
    )


def look_for_secrets(story: Story) -> Iterator[Proof]:
    """No password is anywhere but on the phones, and the record of all this is whole (001 ¶5; 003 m.13)."""
    files = [path for path in story.stage.folder.rglob("*") if path.is_file() and not path.name.startswith(PHONES)]
    written = b"".join(path.read_bytes() for path in files)
    hidden = sum(password.reveal().encode() not in written for password in story.ever)
    store = story.stage.app.store
    events = sum(1 for _ in store.audit_log.entries())
    broken = store.audit_log.verify_chain()
    story.output.line("")
    story.output.say("{count} files are searched for the passwords, and the audit log is verified.", count=len(files))
    yield Proof(
        claim=marked("passwords found in no file except those of the phones"), expected=len(story.ever), found=hidden
    )
    yield Proof(
        claim=marked("entries of the audit log are unchanged"),
        expected=events,
        found=events if broken is None else broken - 1,
    )


#: The story, in the order in which it is told.
CHAPTERS: tuple[Chapter, ...] = (
    open_the_units,
    log_in,
    open_again,
    let_a_month_pass,
    hand_one_over,
    close_one,
    add_a_target,
    apply_another_list,
    change_directly,
    repair,
    look_for_secrets,
)

_LOGGED_IN = {
    "directory": marked("delivered passwords log in at the directory"),
    "pys": marked("delivered passwords log in at the personnel system"),
}


def _units(story: Story) -> Sequence[Unit]:
    app = story.stage.app
    return list(read_units(example("units.csv"), app.planner.naming, app.store).items)
