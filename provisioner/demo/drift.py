"""The chapters in which the product and the systems drift apart, and are brought together again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs

from provisioner import files
from provisioner.cli.render.unit_list import tell_unit_list
from provisioner.core.model import Account, AccountState, OperationState, Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.text import CountedText, marked
from provisioner.core.reconcile.differences import Difference
from provisioner.demo.story import INITIATOR, Proof, Story
from provisioner.manifest import read_units
from provisioner.manifest.units import UNITS
from provisioner.services.reconcile import ComparedTarget
from provisioner.services.unit_list import ChangeKind

#: The unit that the next list opens.
NEW = Unit(
    code="onikisubat",
    name="Onikişubat İlçe Millî Eğitim Müdürlüğü",
    kind="district",
    parent="il-mem",
    login="onikisubat46",
    custodian="460040",
)

#: What the next list says otherwise than the first one, by the code of the unit.
LISTED: Mapping[str, Mapping[str, str]] = {
    "hukuk": {"name": "Hukuk Hizmetleri Şube Müdürlüğü"},
    "destek": {"custodian": "460023"},
}

#: How the next list differs from what there is.
CHANGES = Counter({ChangeKind.OPEN: 1, ChangeKind.HANDOVER: 1, ChangeKind.UPDATE: 2})

#: The units whose accounts someone deletes, renames and enables, directly on the systems.
DELETED, RENAMED, ENABLED = "ortaogretim", "ozel-buro", "tasimali-egitim"

#: The system, the login and the kind of a difference.
Drift = tuple[str, str, DifferenceKind]


def add_a_target(story: Story) -> Iterator[Proof]:
    """A system is added: the accounts that were opened before are not on it, and the check counts them."""
    stage, accounts = story.stage, story.accounts()
    stage.add_archive()
    story.output.line("")
    story.output.say("One more system is added to the configuration: {name}.", name=stage.archive.name)
    found = _lacking(story)
    for text in found:
        story.output.say("  'provisioner check' warns: {message}", message=story.output.said(text))
    yield Proof(
        claim=marked("open accounts are counted that the added system lacks"),
        expected=len(accounts),
        found=sum(int(str(text.values["count"])) for text in found),
    )


def _lacking(story: Story) -> list[CountedText]:
    """Return what the check says of accounts that the archive lacks."""
    part = f"targets.{story.stage.archive.name}"
    messages = [result.message for result in story.stage.app.health_check.run() if result.name == part]
    return [message for message in messages if isinstance(message, CountedText)]


def apply_another_list(story: Story) -> Iterator[Proof]:
    """The list of units changes. The plan is shown; then the list is applied."""
    app, file = story.stage.app, story.stage.folder / "next-units.csv"
    before = story.accounts()
    files.write(file, _as_csv(_next_units(story, before)))
    listed = read_units(file, app.planner.naming, app.store)
    plan = app.unit_list.plan(listed, hand_over=True, initiator=INITIATOR)
    story.output.line("")
    story.output.say("The list of units changes: 'provisioner unit apply' shows the plan, and carries it out.")
    tell_unit_list(story.output, plan)
    yield Proof(
        claim=marked("changes of the list are in the plan"),
        expected=CHANGES.total(),
        found=(CHANGES & Counter(change.kind for change in plan.changes)).total(),
    )
    app.unit_list.start(plan, INITIATOR).wait()
    again = app.unit_list.plan(listed, hand_over=True, initiator=INITIATOR)
    yield Proof(claim=marked("units agree with the list after that"), expected=len(listed.items), found=again.unchanged)


def _next_units(story: Story, accounts: Sequence[Account]) -> Iterator[Unit]:
    """Yield the units that have an open account, as the next list has them, and the one that is new."""
    units = story.stage.app.store.units.get_many({account.unit for account in accounts})
    for code, unit in units.items():
        yield attrs.evolve(unit, **LISTED.get(code, {}))  # type: ignore[arg-type]
    yield NEW


def _as_csv(units: Iterator[Unit]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [column.name for column in UNITS.columns], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(attrs.asdict, units))
    return stream.getvalue()


def change_directly(story: Story) -> Iterator[Proof]:
    """Somebody changes accounts directly on the systems. The comparison finds exactly these changes."""
    story.output.line("")
    story.output.say("Someone deletes an account, renames another and enables a closed one, directly on the systems.")
    expected = _accounts_to_join(story) | _drift(story)
    differences, _ = _compare(story)
    _tell(story, differences)
    found = {(difference.target, difference.login, difference.kind) for difference in differences}
    yield Proof(
        claim=marked("differences are found, and no others"),
        expected=len(expected),
        found=len(expected) - len(expected ^ found),
    )


def repair(story: Story) -> Iterator[Proof]:
    """The differences are repaired. Open accounts have one password everywhere, and closed ones are refused."""
    app, output = story.stage.app, story.output
    repairs = app.repairs.plan(_compare(story)[0], actor=INITIATOR.actor)
    done = sum(operation.state is OperationState.DONE for operation in app.repairs.start(repairs, INITIATOR))
    output.say("  'provisioner reconcile --repair' repairs {count} accounts.", count=done)
    left, targets = _compare(story)
    output.say("  'provisioner reconcile' finds {count} differences after that.", count=len(left))
    yield Proof(
        claim=marked("systems agree with the product after the repair"),
        expected=len(story.stage.doors),
        found=sum(target.is_clean for target in targets),
    )
    accounts, closed = story.accounts(), list(app.store.accounts.find(state=AccountState.CLOSED))
    for account in accounts:
        story.read_phone(account)
    yield Proof(
        claim=marked("last passwords on the phones log in everywhere, also on the added system"),
        expected=len(accounts),
        found=story.inside_everywhere(accounts),
    )
    yield Proof(
        claim=marked("closed accounts are refused everywhere, also the one that was enabled"),
        expected=len(closed),
        found=story.shut_out(closed, story.passwords),
    )


def _drift(story: Story) -> set[Drift]:
    """Change accounts on the systems, and return the differences."""
    stage = story.stage
    accounts = stage.app.store.accounts.of_units([DELETED, RENAMED, ENABLED])
    deleted, renamed, enabled = accounts[DELETED], accounts[RENAMED], accounts[ENABLED]
    stage.directory.intruder.delete(deleted)
    stage.directory.intruder.rename(renamed, "Özel Büro (eski)")
    story.passwords[enabled.login] = stage.pys_intruder.enable(enabled)
    return {
        (stage.directory.name, deleted.login, DifferenceKind.MISSING),
        (stage.directory.name, renamed.login, DifferenceKind.ATTRIBUTES),
        ("pys", enabled.login, DifferenceKind.ENABLED),
    }


def _accounts_to_join(story: Story) -> set[Drift]:
    """Return the accounts that are not on the added system yet, as differences."""
    states = story.stage.app.store.accounts.all_target_states([account.login for account in story.accounts()])
    archive = story.stage.archive.name
    return {(archive, login, DifferenceKind.NOT_JOINED) for login, known in states.items() if archive not in known}


def _compare(story: Story) -> tuple[list[Difference], list[ComparedTarget]]:
    found = list(story.stage.app.reconcile.compare(actor=INITIATOR.actor))
    differences = [item for item in found if isinstance(item, Difference)]
    return differences, [item for item in found if isinstance(item, ComparedTarget)]


def _tell(story: Story, differences: Sequence[Difference]) -> None:
    """Show what somebody changed, and count what has only not joined yet."""
    story.output.say("  'provisioner reconcile' finds {count} differences:", count=len(differences))
    for difference in differences:
        if difference.kind is not DifferenceKind.NOT_JOINED:
            kind, login = story.output.word(difference.kind), difference.login
            story.output.say(
                "    {target}: {login}: {difference}", target=difference.target, login=login, difference=kind
            )
    joining = sum(difference.kind is DifferenceKind.NOT_JOINED for difference in differences)
    story.output.say(
        "    {target}: {count} accounts have not joined yet", target=story.stage.archive.name, count=joining
    )
