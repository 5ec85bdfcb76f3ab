"""Targets that are each broken in one way, and the checks that notice."""

from __future__ import annotations

import base64
import itertools
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import attrs

from provisioner.core.api.errors import (
    ConflictError,
    LeaseLostError,
    MissingError,
    SecretRefusedError,
    UnavailableError,
)
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.messages import (
    CONTAINER,
    AccountPage,
    AccountReport,
    AttributeChange,
    Capabilities,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    EndSessions,
    Entitlements,
    HandOver,
    ListedAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    ProbeSessions,
    Receipt,
    RenameAccount,
    RotateSecret,
    SessionsReport,
    UpdateAccount,
)
from provisioner.core.model import AccountKind, OperationKind, Outcome, Person
from provisioner.core.model.secret import Secret
from provisioner.testing.faults import Fault
from tests.testing.contract.reference import CHANGES, PAGE, Entry, Reference

#: The checks that look at a closed account.
CLOSED = (
    "a_reopened_account_can_be_closed_again",
    "close_lets_nobody_in_and_keeps_the_account",
    "close_twice_is_unchanged",
    "handover_does_not_open_a_closed_account",
    "many_accounts_at_once",
    "probe_refuses_the_secret_of_a_closed_account",
    "rotate_does_not_open_a_closed_account",
    "undo_restores_what_was",
)

_NOBODY = Person(id="", name="")

ClassT = TypeVar("ClassT", bound=type[Reference])

#: Each broken target, with the names of the checks that are to turn red, and no others.
BROKEN: dict[type[Reference], frozenset[str]] = {}

#: The checks of entitlements.
ENTITLED = (
    "create_grants_entitlements",
    "update_replaces_entitlements",
    "update_keeps_entitlements_of_others",
    "handover_replaces_entitlements",
    "close_withdraws_entitlements",
    "rotate_keeps_entitlements",
    "comparison_shows_entitlements",
)


#: How many seconds a check waits for what never comes.
SHORT_PATIENCE = 2.0


def turns_red(*checks: str) -> Callable[[ClassT], ClassT]:
    def note(cls: ClassT) -> ClassT:
        BROKEN[cls] = frozenset(checks)
        if "open_sessions_are_counted" in checks:  # it waits until they are
            cls.patience = SHORT_PATIENCE
        return cls

    return note


@turns_red(
    "a_reopened_account_can_be_closed_again",
    "create_can_be_repeated",
    "create_of_an_open_account_replaces_its_secret",
    "create_reopens_a_closed_account",
    "nothing_is_left_open",
    "reopening_keeps_what_others_gave",
    "undo_restores_what_was",
    "close_withdraws_entitlements",
)
class CreateRefusesWhatIsThere(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        if request.account.login in self.entries:
            raise ConflictError("it is there already")
        return super().create(request)


@turns_red("create_reopens_a_closed_account", "undo_restores_what_was")
class CreateDoesNotReopen(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        former = self.entries.get(request.account.login)
        receipt = super().create(request)
        if former and not former.enabled:
            self.put(request.account.login, attrs.evolve(self.entries[request.account.login], enabled=False))
        return receipt


@turns_red("create_opens_an_account")
class CreateSaysUnchanged(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        return attrs.evolve(super().create(request), outcome=Outcome.UNCHANGED)


@turns_red(
    "create_of_an_open_account_replaces_its_secret",
    "create_reopens_a_closed_account",
    "undo_restores_what_was",
    "close_withdraws_entitlements",
)
class CreateKeepsTheFormerSecret(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        former = self.entries.get(request.account.login)
        receipt = super().create(request)
        if former:
            self.put(request.account.login, attrs.evolve(former, enabled=True))
        return receipt


@turns_red("a_refused_secret_changes_nothing")
class CreateLeavesHalfAnAccount(Reference):
    """It is made before its password is looked at."""

    def create(self, request: CreateAccount) -> Receipt:
        login = request.account.login
        if login not in self.entries:
            self.put(login, Entry(unit=request.unit.name, holder=request.holder, password="", enabled=False))
            self.accepted(request.secret)
            del self.entries[login]
        return super().create(request)


@turns_red(
    "move_leaves_closed_account_closed",
    "moved_account_is_found_by_its_login",
    *CLOSED,
    "delete_leaves_nothing",
    "list_has_every_account_with_its_state",
    "reopening_keeps_what_others_gave",
    "update_leaves_closed_account_closed",
    "close_withdraws_entitlements",
)
class CloseDeletes(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        receipt = super().close(request)
        self.entries.pop(request.account.login, None)
        return receipt


@turns_red(
    "move_leaves_closed_account_closed",
    "moved_account_is_found_by_its_login",
    *CLOSED,
    "close_ends_open_sessions_as_it_is_declared",
    "list_has_every_account_with_its_state",
    "update_leaves_closed_account_closed",
    "close_withdraws_entitlements",
    "nothing_remembers_the_former_secret",
)
class CloseDoesNothing(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        entry = self.entries.get(request.account.login)
        return self.put(request.account.login, entry) if entry else Receipt(outcome=Outcome.UNCHANGED)


@turns_red("close_of_an_unknown_account_is_unchanged", "close_twice_is_unchanged", "undo_restores_what_was")
class CloseIsNeverUnchanged(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        return attrs.evolve(super().close(request), outcome=Outcome.APPLIED, undo=lambda: None)


@turns_red("close_of_an_unknown_account_is_unchanged")
class CloseWantsAnAccount(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        self.there(request.account.login)
        return super().close(request)


@turns_red("a_reopened_account_can_be_closed_again")
class CloseWorksOnce(Reference):
    """As with a date of closing that is in the past, and kept."""

    def create(self, request: CreateAccount) -> Receipt:
        self.seen: set[str] = getattr(self, "seen", set())
        if request.account.login in self.entries and not self.entries[request.account.login].enabled:
            self.seen.add(request.account.login)
        return super().create(request)

    def close(self, request: CloseAccount) -> Receipt:
        if request.account.login in getattr(self, "seen", ()):
            return Receipt(outcome=Outcome.UNCHANGED)
        return super().close(request)


@turns_red("rotate_does_not_open_a_closed_account", "undo_restores_what_was")
class RotateReopens(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        receipt = super().rotate(request)
        self.put(request.account.login, attrs.evolve(self.entries[request.account.login], enabled=True))
        return receipt


@turns_red(
    "a_refused_secret_changes_nothing",
    "hostile_secrets_are_set_as_they_are_or_refused",
    "nothing_is_taken_back_after_the_lease",
    "rotate_can_be_repeated",
    "rotate_replaces_the_secret",
    "undo_restores_what_was",
    "nothing_remembers_the_former_secret",
)
class RotateDoesNothing(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        return self.put(request.account.login, self.there(request.account.login))


@turns_red("rotate_of_an_unknown_account_is_missing")
class RotateMakesWhatIsMissing(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        if request.account.login not in self.entries:
            entry = Entry(unit="", holder=_NOBODY, password=self.accepted(request.secret))
            return self.put(request.account.login, entry)
        return super().rotate(request)


@turns_red("rotate_replaces_the_secret")
class ProbeBelievesWhatWasAskedFor(Reference):
    """A log-in by other means knows better."""

    only = ("rotate_replaces_the_secret",)
    asked_for: ClassVar[dict[str, str]] = {}

    def rotate(self, request: RotateSecret) -> Receipt:
        login = request.account.login
        self.asked_for[login] = self.accepted(request.secret)
        return self.put(login, self.there(login))

    def probe(self, request: ProbeAccount) -> AccountReport:
        report, asked_for = super().probe(request), self.asked_for.get(request.account.login)
        if request.secret is None or asked_for is None:
            return report
        return attrs.evolve(report, secret_accepted=request.secret.reveal() == asked_for)


@turns_red("hostile_secrets_are_set_as_they_are_or_refused")
class CutsSecretsAtNul(Reference):
    """As code does that hands them to a library in C."""

    def takes(self, entry: Entry, password: str) -> bool:
        return entry.enabled and entry.password.partition("\0")[0] == password.partition("\0")[0]


@turns_red("many_threads_on_one_account")
class RotateSetsThePasswordInTwoWrites(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        login, password = request.account.login, self.accepted(request.secret)
        receipt = self.put(login, attrs.evolve(self.there(login), password=password[:4]))
        time.sleep(0.1)
        entry = self.there(login)
        self.put(login, attrs.evolve(entry, password=entry.password + password[4:]))
        return receipt


@turns_red("rotate_of_an_unknown_account_is_missing")
class RotateMakesWhatItSaysIsMissing(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        if request.account.login not in self.entries:
            self.put(request.account.login, Entry(unit="", holder=_NOBODY, password="", enabled=False))
            raise self.missing(request.account.login)
        return super().rotate(request)


@turns_red("rotate_keeps_the_holder")
class RotateLosesTheHolder(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        receipt = super().rotate(request)
        self.put(request.account.login, attrs.evolve(self.entries[request.account.login], holder=_NOBODY))
        return receipt


@turns_red("rotate_can_be_repeated")
class RotateWantsAnotherSecret(Reference):
    """As with a history of passwords that counts the one in force."""

    def rotate(self, request: RotateSecret) -> Receipt:
        if self.there(request.account.login).password == request.secret.reveal():
            raise SecretRefusedError("it was used before")
        return super().rotate(request)


@turns_red("a_change_reaches_one_account_only")
class RotateHitsAllThatBeginAlike(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        receipt = super().rotate(request)
        for login in [entry for entry in self.entries if entry.startswith(request.account.login)]:
            self.put(login, attrs.evolve(self.entries[login], password=request.secret.reveal()))
        return receipt


@turns_red("handover_replaces_the_holder")
class HandoverKeepsTheHolder(Reference):
    def hand_over(self, request: HandOver) -> Receipt:
        former = self.there(request.account.login).holder
        return super().hand_over(attrs.evolve(request, holder=former))


@turns_red(
    "handover_can_be_repeated",
    "handover_replaces_the_secret",
    "undo_restores_what_was",
    "nothing_remembers_the_former_secret",
)
class HandoverKeepsTheSecret(Reference):
    def hand_over(self, request: HandOver) -> Receipt:
        former = self.there(request.account.login).password
        return super().hand_over(attrs.evolve(request, secret=Secret(former)))


@turns_red("handover_does_not_open_a_closed_account")
class HandoverReopens(Reference):
    def hand_over(self, request: HandOver) -> Receipt:
        receipt = super().hand_over(request)
        self.put(request.account.login, attrs.evolve(self.entries[request.account.login], enabled=True))
        return receipt


@turns_red("delete_leaves_nothing", "delete_twice_is_unchanged", "list_has_no_account_that_does_not_exist")
class DeleteOnlyCloses(Reference):
    def delete(self, request: DeleteAccount) -> Receipt:
        entry = self.entries.get(request.account.login)
        if entry is None:
            return Receipt(outcome=Outcome.UNCHANGED)
        self.put(request.account.login, attrs.evolve(entry, enabled=False))
        return Receipt(outcome=Outcome.APPLIED)


@turns_red("delete_twice_is_unchanged")
class DeleteWantsAnAccount(Reference):
    def delete(self, request: DeleteAccount) -> Receipt:
        self.there(request.account.login)
        return super().delete(request)


@turns_red(
    "a_deleted_account_can_be_created_anew",
    "a_refused_secret_changes_nothing",
    "an_unreachable_system_is_unavailable",
    "create_of_an_open_account_replaces_its_secret",
    "create_reopens_a_closed_account",
    "handover_can_be_repeated",
    "handover_replaces_the_secret",
    "hostile_logins_reach_no_other_account",
    "hostile_secrets_are_set_as_they_are_or_refused",
    "hostile_secrets_do_not_log_in",
    "many_accounts_at_once",
    "many_threads_on_one_account",
    "nothing_is_changed_after_the_lease",
    "nothing_is_taken_back_after_the_lease",
    "probe_refuses_a_wrong_secret",
    "probe_refuses_an_empty_secret",
    "probe_refuses_the_secret_of_another_account",
    "probe_refuses_what_is_nearly_the_secret",
    "rotate_can_be_repeated",
    "rotate_replaces_the_secret",
    "throttling_is_said",
    "undo_restores_what_was",
    "wrong_credentials_are_misconfigured",
)
class ProbeAlwaysSaysYes(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        enabled = report.presence is Presence.ENABLED
        return attrs.evolve(report, secret_accepted=True) if enabled and request.secret else report


@turns_red(
    "move_leaves_closed_account_closed",
    "moved_account_is_found_by_its_login",
    *CLOSED,
    "update_leaves_closed_account_closed",
)
class ProbeOverlooksThatItIsClosed(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        entry = self.entries.get(request.account.login)
        report = super().probe(request)
        if entry is None or request.secret is None:
            return report
        return attrs.evolve(report, secret_accepted=entry.password == request.secret.reveal())


@turns_red(
    "move_leaves_closed_account_closed",
    "moved_account_is_found_by_its_login",
    *CLOSED,
    "update_leaves_closed_account_closed",
)
class ProbeShowsClosedAsAbsent(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        return attrs.evolve(report, presence=Presence.ABSENT) if report.presence is Presence.DISABLED else report


@turns_red("probe_refuses_an_empty_secret")
class ProbeTakesAnEmptySecret(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        if request.secret is not None and not request.secret.reveal():
            return attrs.evolve(report, secret_accepted=True)
        return report


@turns_red("probe_without_a_secret_says_nothing_of_one")
class ProbeSaysNoWithoutASecret(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        return attrs.evolve(report, secret_accepted=report.secret_accepted or False)


@turns_red(
    "move_of_missing_account_is_missing",
    "a_refused_secret_changes_nothing",
    "an_unreachable_system_is_unavailable",
    "close_of_an_unknown_account_is_unchanged",
    "delete_leaves_nothing",
    "delete_twice_is_unchanged",
    "handover_of_an_unknown_account_is_missing",
    "nothing_is_changed_after_the_lease",
    "probe_of_an_unknown_account_finds_nothing",
    "rotate_of_an_unknown_account_is_missing",
    "throttling_is_said",
    "undo_restores_what_was",
    "wrong_credentials_are_misconfigured",
    "update_of_missing_account_is_missing",
)
class ProbeFailsForTheUnknown(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        self.there(request.account.login)
        return super().probe(request)


@turns_red("hostile_secrets_do_not_log_in", "many_threads_on_one_account", "probe_refuses_a_wrong_secret")
class ProbeLocksAfterAWrongSecret(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        if report.secret_accepted is False and report.presence is Presence.ENABLED:
            self.put(request.account.login, attrs.evolve(self.entries[request.account.login], enabled=False))
        return report


@turns_red("hostile_secrets_are_set_as_they_are_or_refused", "probe_refuses_what_is_nearly_the_secret")
class LooksAtEightCharactersOnly(Reference):
    def takes(self, entry: Entry, password: str) -> bool:
        return entry.enabled and entry.password[:8] == password[:8]


@turns_red("hostile_secrets_are_set_as_they_are_or_refused", "probe_refuses_what_is_nearly_the_secret")
class TrimsSecrets(Reference):
    def takes(self, entry: Entry, password: str) -> bool:
        return entry.enabled and entry.password.strip() == password.strip()


@turns_red("undo_restores_what_was")
class UndoForgetsTheLock(Reference):
    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        return super().undo(login, former and attrs.evolve(former, enabled=True))


@turns_red("nothing_is_taken_back_after_the_lease", "undo_of_a_handover_restores_the_holder", "undo_restores_what_was")
class UndoDoesNothing(Reference):
    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        return lambda: None


@turns_red("undo_of_a_handover_restores_the_holder")
class UndoKeepsTheNewHolder(Reference):
    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        def restore() -> None:
            require_lease()
            if former is None:
                del self.entries[login]
            else:
                self.entries[login] = attrs.evolve(former, holder=self.entries[login].holder)

        return restore


@turns_red("undo_is_there_if_it_is_declared", "undo_of_a_handover_restores_the_holder", "undo_restores_what_was")
class UndoIsNotThere(Reference):
    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        return None


@turns_red("undo_is_there_if_it_is_declared")
class UndoIsNotDeclared(Reference):
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), undoes=CHANGES - {"account_rotate"})


@turns_red("capabilities_name_hooks_that_are_there")
class DeclaresAHookThatIsNotThere(Reference):
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), undoes=CHANGES | {"account_renew"})


@turns_red("probe_says_whether_it_can_tell")
class ProvesMoreThanItDeclares(Reference):
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), proves_secret=False)


@turns_red(
    "move_of_missing_account_is_missing",
    "handover_of_an_unknown_account_is_missing",
    "rotate_of_an_unknown_account_is_missing",
    "update_of_missing_account_is_missing",
)
class RaisesWhatIsNoTargetError(Reference):
    def missing(self, login: str) -> Exception:
        return KeyError(login)


@turns_red(
    "move_leaves_closed_account_closed",
    "moved_account_is_found_by_its_login",
    "a_change_reaches_one_account_only",
    "a_deleted_account_can_be_created_anew",
    "a_reopened_account_can_be_closed_again",
    "close_lets_nobody_in_and_keeps_the_account",
    "close_of_an_unknown_account_is_unchanged",
    "close_twice_is_unchanged",
    "create_reopens_a_closed_account",
    "delete_leaves_nothing",
    "delete_twice_is_unchanged",
    "handover_does_not_open_a_closed_account",
    "hostile_logins_reach_no_other_account",
    "list_has_every_account_with_its_state",
    "list_has_no_account_that_does_not_exist",
    "many_accounts_at_once",
    "no_secret_in_receipts_and_logs",
    "prints_nothing",
    "probe_refuses_the_secret_of_a_closed_account",
    "rotate_does_not_open_a_closed_account",
    "reopening_keeps_what_others_gave",
    "close_ends_open_sessions_as_it_is_declared",
    "undo_is_there_if_it_is_declared",
    "undo_restores_what_was",
    "update_leaves_closed_account_closed",
    "close_withdraws_entitlements",
    "sessions_end_twice",
    "no_session_survives",
    "no_session_is_counted_after_the_end",
    "sessions_of_others_go_on",
    "nothing_remembers_the_former_secret",
)
class AnswersNothing(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        super().close(request)
        return cast("Receipt", None)


@turns_red("no_secret_in_errors")
class QuotesTheSecretInAnError(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        if request.account.login not in self.entries:
            raise MissingError("cannot set {secret}", secret=request.secret.reveal())
        return super().rotate(request)


@turns_red("no_secret_in_errors")
class ChainsTheSecretToAnError(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        try:
            return super().rotate(request)
        except MissingError as error:
            raise error from ValueError(request.secret.reveal())


@turns_red("no_secret_in_the_refusal_of_a_secret")
class QuotesTheSecretItRefuses(Reference):
    def accepted(self, secret: Secret) -> str:
        try:
            return super().accepted(secret)
        except SecretRefusedError:
            raise SecretRefusedError("{secret} is too short", secret=repr(secret.reveal())) from None


@turns_red("no_secret_in_receipts_and_logs")
class QuotesTheSecretInAReceipt(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        return attrs.evolve(super().rotate(request), detail=f"set {request.secret.reveal()}")


@turns_red("no_secret_in_receipts_and_logs")
class QuotesTheSecretInAReference(Reference):
    """The core masks it, and not everybody who calls a plug-in is the core."""

    def create(self, request: CreateAccount) -> Receipt:
        return attrs.evolve(super().create(request), reference=f"id {request.secret.reveal()}")


@turns_red("no_secret_in_receipts_and_logs")
class EncodesTheSecretInAReference(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        header = base64.b64encode(f"user:{request.secret.reveal()}".encode()).decode()
        return attrs.evolve(super().rotate(request), reference=header)


@turns_red("no_secret_in_errors")
class SpellsTheSecretInAnError(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        if request.account.login not in self.entries:
            raise MissingError("cannot set {secret}", secret=request.secret.reveal().encode().hex().upper())
        return super().rotate(request)


@turns_red("no_secret_in_errors", "rotate_of_an_unknown_account_is_missing")
class EndsTheProgramWithTheSecret(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        if request.account.login not in self.entries:
            sys.exit(f"cannot set {request.secret.reveal()}")
        return super().rotate(request)


@turns_red("no_secret_in_errors", "no_secret_in_receipts_and_logs", "no_secret_in_refusals")
class WarnsOfTheSecret(Reference):
    #: Those that hear it; everywhere else it may be an error.
    only = ("no_secret_in_errors", "no_secret_in_receipts_and_logs", "no_secret_in_refusals")

    def rotate(self, request: RotateSecret) -> Receipt:
        warnings.warn(f"new password {request.secret.reveal()}", stacklevel=1)
        return super().rotate(request)


@turns_red("no_secret_in_errors", "no_secret_in_receipts_and_logs", "no_secret_in_refusals")
class FailsWithTheSecretInAThread(Reference):
    #: Those that hear it; everywhere else pytest would.
    only = ("no_secret_in_errors", "no_secret_in_receipts_and_logs", "no_secret_in_refusals")

    def rotate(self, request: RotateSecret) -> Receipt:
        thread = threading.Thread(target=int, args=(f"no number: {request.secret.reveal()}",))
        thread.start()
        thread.join()
        return super().rotate(request)


@turns_red("prints_nothing")
class PrintsThatItWorks(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        print("a new password for", request.account.login)
        return super().rotate(request)


@turns_red("no_secret_in_reports_and_logs")
class ShowsTheSecret(Reference):
    def shown(self, entry: Entry) -> dict[str, str]:
        return {**super().shown(entry), "password": entry.password}


@turns_red("no_secret_in_the_representation")
class ShowsTheSecretInItsRepresentation(Reference):
    def __repr__(self) -> str:
        return f"{[entry.password for entry in self.entries.values()]}"


@turns_red("no_secret_in_errors", "no_secret_in_receipts_and_logs", "no_secret_in_refusals")
class LogsTheSecret(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        logging.getLogger("broken").debug("new password %s", request.secret.reveal())
        return super().rotate(request)


@turns_red("no_secret_in_reports_and_logs", "prints_nothing")
class PrintsTheSecret(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        if request.secret:
            print("trying", request.secret.reveal())
        return super().probe(request)


@turns_red("hostile_names_are_kept_or_refused")
class FoldsTurkishLetters(Reference):
    def shown(self, entry: Entry) -> dict[str, str]:
        return {name: text.replace("ı", "i").replace("İ", "I") for name, text in super().shown(entry).items()}


@turns_red("hostile_names_are_kept_or_refused")
class CutsLongNames(Reference):
    def shown(self, entry: Entry) -> dict[str, str]:
        return {name: text[:1000] for name, text in super().shown(entry).items()}


@turns_red("hostile_names_are_kept_or_refused")
class CannotWriteEveryLetter(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        f"{request.holder.name} {request.unit.name}".encode("iso8859-9")
        return super().create(request)


@turns_red("hostile_logins_reach_no_other_account")
class CutsLoginsAtNul(Reference):
    """As code does that hands them to a library in C."""

    def close(self, request: CloseAccount) -> Receipt:
        login = request.account.login.partition("\0")[0]
        return super().close(attrs.evolve(request, account=attrs.evolve(request.account, login=login)))


@turns_red("nothing_is_left_open")
class LeavesThreadsBehind(Reference):
    stop: ClassVar[threading.Event] = threading.Event()

    def probe(self, request: ProbeAccount) -> AccountReport:
        threading.Thread(target=self.stop.wait, daemon=True).start()
        return super().probe(request)


@turns_red("nothing_is_left_open_after_errors")
class LeavesFilesBehind(Reference):
    open: ClassVar[list[Any]] = []

    def missing(self, login: str) -> Exception:
        self.open.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - this is the point
        return super().missing(login)


@turns_red("no_secret_is_kept")
class KeepsItsLastRequest(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        self.last = request
        return super().probe(request)


@turns_red("many_accounts_at_once", "no_secret_is_kept")
class MixesUpThreads(Reference):
    """It keeps the request under way in the object."""

    def create(self, request: CreateAccount) -> Receipt:
        self.password = self.accepted(request.secret)
        time.sleep(0.01)
        receipt = super().create(request)
        login = request.account.login
        self.put(login, attrs.evolve(self.entries[login], password=self.password))
        return receipt


@turns_red("wrong_credentials_are_misconfigured", "wrong_credentials_show_in_check_and_probe")
class TakesWrongCredentialsForARefusal(Reference):
    wrong_credentials = Fault.REFUSE


@turns_red(
    "an_unreachable_system_is_unavailable",
    "an_unreachable_system_shows_in_check_and_probe",
    "ending_sessions_out_of_reach_is_transient",
    "counting_sessions_out_of_reach_is_transient",
)
class TakesAnOutageForALostAnswer(Reference):
    unreachable = Fault.LOSE_REQUEST


@turns_red("throttling_is_said")
class TakesThrottlingForAnOutage(Reference):
    throttled = Fault.CANNOT_CONNECT


@turns_red(
    "wrong_credentials_are_misconfigured",
    "wrong_credentials_show_in_check_and_probe",
    "no_secret_in_errors_of_wrong_credentials",
)
class RaisesAnythingForWrongCredentials(Reference):
    """And quotes the password that was to be set."""

    wrong_credentials = Fault.DEFECT


@turns_red(
    "an_unreachable_system_is_unavailable",
    "an_unreachable_system_shows_in_check_and_probe",
    "no_secret_in_errors_of_an_unreachable_system",
    "ending_sessions_out_of_reach_is_transient",
    "counting_sessions_out_of_reach_is_transient",
)
class RaisesAnythingForAnOutage(Reference):
    """And quotes the password that was to be set."""

    unreachable = Fault.DEFECT


@turns_red("create_opens_a_personal_account")
class OverlooksPersonalAccounts(Reference):
    def create(self, request: CreateAccount) -> Receipt:
        if request.account.kind is AccountKind.PERSONAL:
            return Receipt(outcome=Outcome.APPLIED)
        return super().create(request)


@turns_red("probe_gives_the_same_answer_twice")
class CountsProbes(Reference):
    count: ClassVar[Iterator[int]] = itertools.count()

    def shown(self, entry: Entry) -> dict[str, str]:
        return {**super().shown(entry), "looked at": str(next(self.count))}


@turns_red("check_answers")
class ChecksSlowly(Reference):
    only = ("check_answers",)
    patience = 0.5

    def capabilities(self) -> Capabilities:
        time.sleep(self.patience * 1.1)
        return super().capabilities()


@turns_red("hooks_are_there_or_left_out_on_purpose", "capabilities_name_hooks_that_are_there")
class CannotClose(Reference):
    account_close = None  # type: ignore[assignment]


@turns_red("hooks_are_there_or_left_out_on_purpose")
class CannotBeLookedAt(Reference):
    account_probe = None  # type: ignore[assignment]


@turns_red()
class CannotDeleteAsItIsSaid(Reference):
    """Not broken: who says so need not have the hook."""

    cannot = ("account_delete",)
    account_delete = None  # type: ignore[assignment]


@turns_red("hooks_are_there_or_left_out_on_purpose")
class CanDoWhatItIsSaidItCannot(Reference):
    cannot = ("account_delete",)


@turns_red("close_ends_open_sessions_as_it_is_declared")
class LeavesSessionsOpen(Reference):
    def session_goes_on(self, entry: Entry) -> bool:
        return True


@turns_red("close_ends_open_sessions_as_it_is_declared")
class EndsSessionsAndDoesNotSaySo(Reference):
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), ends_sessions=False)


@turns_red("reopening_keeps_what_others_gave")
class ReopensWithNothing(Reference):
    """It makes the account as if it had never been there."""

    def create(self, request: CreateAccount) -> Receipt:
        receipt = super().create(request)
        login = request.account.login
        self.entries[login] = attrs.evolve(self.entries[login], grants=frozenset())
        return receipt


@turns_red("reopening_keeps_what_others_gave")
class ClosesAndTakesEverything(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        receipt = super().close(request)
        login = request.account.login
        if login in self.entries:
            self.entries[login] = attrs.evolve(self.entries[login], grants=frozenset())
        return receipt


@turns_red("nothing_is_changed_after_the_lease")
class ChangesWhatIsNoLongerItsOwn(Reference):
    def put(self, login: str, entry: Entry) -> Receipt:
        former, self.entries[login] = self.entries.get(login), entry
        return Receipt(outcome=Outcome.APPLIED, undo=self.undo(login, former))


@turns_red("nothing_is_changed_after_the_lease")
class ComparesAfterTheChange(Reference):
    def put(self, login: str, entry: Entry) -> Receipt:
        former, self.entries[login] = self.entries.get(login), entry
        require_lease()
        return Receipt(outcome=Outcome.APPLIED, undo=self.undo(login, former))


@turns_red("nothing_is_changed_after_the_lease")
class TakesALostLeaseForAnOutage(Reference):
    """As a client that catches all that a library may raise."""

    def put(self, login: str, entry: Entry) -> Receipt:
        try:
            return super().put(login, entry)
        except LeaseLostError:
            raise UnavailableError("the connection was lost") from None


@turns_red("nothing_is_taken_back_after_the_lease")
class TakesBackWhatIsNoLongerItsOwn(Reference):
    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        def restore() -> None:
            if former is None:
                self.entries.pop(login, None)
            else:
                self.entries[login] = former

        return restore


@turns_red("list_has_every_account_with_its_state")
class ListLeavesClosedAccountsOut(Reference):
    def pages(self) -> Iterator[AccountPage]:
        for page in super().pages():
            accounts = tuple(account for account in page.accounts if account.presence is Presence.ENABLED)
            yield attrs.evolve(page, accounts=accounts)


@turns_red(
    "moved_account_is_found_by_its_login",
    "list_has_every_account_with_its_state",
    "list_of_many_has_each_once",
    "list_survives_accounts_that_vanish",
    "accounts_are_probed_while_a_list_is_read",
    "comparison_shows_what_an_update_would_change",
    "comparison_shows_entitlements",
)
class ListShowsEveryAccountTwice(Reference):
    def pages(self) -> Iterator[AccountPage]:
        accounts = tuple(itertools.starmap(self.listed, self.entries.items()))
        yield AccountPage(accounts=accounts)
        yield AccountPage(accounts=accounts, is_last=True)


@turns_red("list_has_every_account_with_its_state")
class ListShowsClosedAccountsAsOpen(Reference):
    def listed(self, login: str, entry: Entry) -> ListedAccount:
        return attrs.evolve(super().listed(login, entry), presence=Presence.ENABLED)


@turns_red(
    "moved_account_is_found_by_its_login",
    "comparison_shows_what_an_update_would_change",
    "accounts_are_probed_while_a_list_is_read",
    "list_of_many_has_each_once",
    "list_survives_accounts_that_vanish",
    "list_changes_nothing",
    "list_has_every_account_with_its_state",
    "list_has_no_account_that_does_not_exist",
    "list_names_the_holder_that_the_target_has",
    "comparison_shows_entitlements",
)
class ListEndsWithoutSayingSo(Reference):
    def pages(self) -> Iterator[AccountPage]:
        for page in super().pages():
            if not page.is_last:
                yield page


@turns_red("list_has_no_account_that_does_not_exist")
class ListRemembersWhatIsGone(Reference):
    def delete(self, request: DeleteAccount) -> Receipt:
        former = dict(self.entries)
        receipt = super().delete(request)
        _GONE.update({login: entry for login, entry in former.items() if login not in self.entries})
        return receipt

    def pages(self) -> Iterator[AccountPage]:
        yield AccountPage(accounts=tuple(itertools.starmap(self.listed, _GONE.items())))
        yield from super().pages()


_GONE: dict[str, Entry] = {}


@turns_red("list_names_the_holder_that_the_target_has")
class ListNamesTheUnitAsHolder(Reference):
    def listed(self, login: str, entry: Entry) -> ListedAccount:
        return attrs.evolve(super().listed(login, entry), holder=entry.unit)


@turns_red("list_changes_nothing")
class ListSetsPasswords(Reference):
    def pages(self) -> Iterator[AccountPage]:
        pages = list(super().pages())
        for login, entry in self.entries.items():
            self.entries[login] = attrs.evolve(entry, password="listed")
        yield from pages


@turns_red(
    "undo_restores_what_was",
    "update_keeps_password_of_open_account",
    "update_twice_changes_nothing_more",
    "update_replaces_entitlements",
)
class UpdateSetsThePassword(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        receipt = super().update(request)
        self.entries[request.account.login] = attrs.evolve(self.entries[request.account.login], password="updated")
        return receipt


@turns_red("update_leaves_closed_account_closed")
class UpdateOpens(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        receipt = super().update(request)
        self.entries[request.account.login] = attrs.evolve(self.entries[request.account.login], enabled=True)
        return receipt


@turns_red("update_twice_changes_nothing_more")
class UpdateClosesWhatIsUpToDate(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        receipt = super().update(request)
        if receipt.outcome is Outcome.UNCHANGED:
            self.entries[request.account.login] = attrs.evolve(self.entries[request.account.login], enabled=False)
        return receipt


@turns_red("update_of_missing_account_is_missing")
class UpdateIgnoresWhatIsMissing(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        if request.account.login not in self.entries:
            return Receipt(outcome=Outcome.UNCHANGED)
        return super().update(request)


@turns_red("move_keeps_password", "move_twice_is_unchanged", "undo_restores_what_was")
class MoveSetsThePassword(Reference):
    """As a system does that makes a new account elsewhere."""

    def rename(self, request: RenameAccount) -> Receipt:
        receipt = super().rename(request)
        self.entries[request.account.login] = attrs.evolve(self.entries[request.account.login], password="moved")
        return receipt


@turns_red("move_leaves_closed_account_closed")
class MoveOpens(Reference):
    def rename(self, request: RenameAccount) -> Receipt:
        receipt = super().rename(request)
        self.entries[request.account.login] = attrs.evolve(self.entries[request.account.login], enabled=True)
        return receipt


@turns_red("move_twice_is_unchanged")
class MoveIsRepeated(Reference):
    def rename(self, request: RenameAccount) -> Receipt:
        entry = attrs.evolve(self.there(request.account.login), container=request.unit.parent or "")
        return self.put(request.account.login, entry)


@turns_red("move_of_missing_account_is_missing")
class MoveIgnoresWhatIsMissing(Reference):
    def rename(self, request: RenameAccount) -> Receipt:
        if request.account.login not in self.entries:
            return Receipt(outcome=Outcome.UNCHANGED)
        return super().rename(request)


@turns_red("probe_shows_the_container_until_the_move")
class ProbeDoesNotShowTheContainer(Reference):
    def foreseen(self, entry: Entry, planned: PlannedChange) -> tuple[AttributeChange, ...]:
        return tuple(change for change in super().foreseen(entry, planned) if change.name != CONTAINER)


@turns_red("moved_account_is_found_by_its_login")
class MovedAccountIsListedTwice(Reference):
    """The account was copied, and the former entry forgotten."""

    def pages(self) -> Iterator[AccountPage]:
        for page in super().pages():
            moved = [one for one in page.accounts if cast("Entry", one.entry).container]
            yield attrs.evolve(page, accounts=(*page.accounts, *moved))


@turns_red("comparison_shows_what_an_update_would_change", "comparison_shows_entitlements")
class ComparisonShowsDifferencesForEver(Reference):
    def compare(self, request: CompareAccount) -> tuple[AttributeChange, ...]:
        return (AttributeChange(name="unit", adds=(request.unit.name,)),)


@turns_red("probe_shows_the_container_until_the_move", "probe_foresees_an_update")
class ProbeForeseesWhatIsDone(Reference):
    def probe(self, request: ProbeAccount) -> AccountReport:
        report = super().probe(request)
        changes = (AttributeChange(name="unit", adds=("again",)),) if request.planned else ()
        return attrs.evolve(report, changes=changes)


@turns_red("list_of_many_has_each_once")
class ListLosesTheFirstOfEachPage(Reference):
    only = ("list_of_many_has_each_once",)

    def pages(self) -> Iterator[AccountPage]:
        for number, page in enumerate(super().pages()):
            yield attrs.evolve(page, accounts=page.accounts[bool(number) :])


@turns_red("list_survives_accounts_that_vanish")
class ListCountsPlaces(Reference):
    """As ``OFFSET`` does: what is deleted moves the rest forward."""

    def pages(self) -> Iterator[AccountPage]:
        place = 0
        while entries := list(self.entries.items())[place : place + PAGE]:
            yield AccountPage(accounts=tuple(itertools.starmap(self.listed, entries)))
            place += PAGE
        yield AccountPage(is_last=True)


@turns_red("accounts_are_probed_while_a_list_is_read")
class ListKeepsTheOnlyConnection(Reference):
    is_busy = False

    def pages(self) -> Iterator[AccountPage]:
        self.is_busy = True
        try:
            yield from super().pages()
        finally:
            self.is_busy = False

    def probe(self, request: ProbeAccount) -> AccountReport:
        if self.is_busy:
            raise UnavailableError("the only connection is in use")
        return super().probe(request)


@turns_red("list_over_a_limit_is_an_error")
class ListTakesALimitForItsEnd(Reference):
    def limited(self) -> object:
        class Limited(Reference):
            def pages(self) -> Iterator[AccountPage]:
                yield attrs.evolve(next(super().pages()), is_last=True)

        return Limited(system=self.system)


@turns_red("create_grants_entitlements", "rotate_keeps_entitlements", "comparison_shows_entitlements")
class CreateGrantsTooMuch(Reference):
    only = ENTITLED

    def put(self, login: str, entry: Entry) -> Receipt:
        is_new = login not in self.entries
        return super().put(login, attrs.evolve(entry, entitlements=frozenset({"wiki", "vpn"})) if is_new else entry)


@turns_red("update_replaces_entitlements", "update_keeps_entitlements_of_others")
class UpdateForgetsEntitlements(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        return super().update(attrs.evolve(request, entitlements=Entitlements()))


@turns_red("update_keeps_entitlements_of_others")
class UpdateWithdrawsWhatItDoesNotName(Reference):
    def update(self, request: UpdateAccount) -> Receipt:
        wanted = Entitlements(granted=request.entitlements.granted, withdrawn=frozenset({"wiki"}))
        return super().update(attrs.evolve(request, entitlements=wanted) if request.entitlements.granted else request)


@turns_red("handover_replaces_entitlements")
class HandoverForgetsEntitlements(Reference):
    def hand_over(self, request: HandOver) -> Receipt:
        return super().hand_over(attrs.evolve(request, entitlements=Entitlements()))


@turns_red("close_withdraws_entitlements")
class CloseLeavesEntitlements(Reference):
    def close(self, request: CloseAccount) -> Receipt:
        return super().close(attrs.evolve(request, entitlements=Entitlements()))


@turns_red("rotate_keeps_entitlements")
class RotateTakesEntitlements(Reference):
    def rotate(self, request: RotateSecret) -> Receipt:
        receipt = super().rotate(request)
        login = request.account.login
        self.entries[login] = attrs.evolve(self.entries[login], entitlements=frozenset())
        return receipt


@turns_red("comparison_shows_entitlements")
class ComparisonIgnoresEntitlements(Reference):
    def compare(self, request: CompareAccount) -> tuple[AttributeChange, ...]:
        return super().compare(attrs.evolve(request, entitlements=Entitlements()))


@turns_red("no_session_survives", "ending_sessions_needs_no_secret", "no_session_is_counted_after_the_end")
class EndsNoSession(Reference):
    def end_open(self, request: EndSessions) -> int:
        return 0


@turns_red("nothing_remembers_the_former_secret")
class ForgetsOnlyTheLogin(Reference):
    def forget(self, request: EndSessions) -> int:
        return super().forget(attrs.evolve(request, spellings=request.spellings[:1]))


@turns_red("nothing_remembers_the_former_secret", "the_new_secret_opens_a_session")
class ForgetsNothing(Reference):
    def forget(self, request: EndSessions) -> int:
        return 0


@turns_red("ending_sessions_needs_no_secret")
class EndsSessionsByTheirSecret(Reference):
    def end_sessions(self, request: EndSessions) -> Receipt:
        if request.secret is None and request.after is OperationKind.ROTATE:
            return Receipt(outcome=Outcome.UNCHANGED)
        return super().end_sessions(request)


@turns_red("sessions_end_twice")
class AlwaysEndsSomething(Reference):
    def end_sessions(self, request: EndSessions) -> Receipt:
        return attrs.evolve(super().end_sessions(request), outcome=Outcome.APPLIED)


@turns_red("sessions_of_others_go_on")
class EndsTheSessionsOfAll(Reference):
    def end_open(self, request: EndSessions) -> int:
        ended = super().end_open(request)
        self.server.sessions.clear()
        return ended


@turns_red("open_sessions_are_counted")
class CountsTheSessionsOfAll(Reference):
    def probe_sessions(self, request: ProbeSessions) -> SessionsReport:
        return SessionsReport(count=sum(map(len, self.server.sessions.values())))


@turns_red("open_sessions_are_counted")
class CountsNoSession(Reference):
    def probe_sessions(self, request: ProbeSessions) -> SessionsReport:
        return SessionsReport(count=0)


@turns_red("no_session_is_counted_after_the_end")
class CountsAtLeastOneSession(Reference):
    def probe_sessions(self, request: ProbeSessions) -> SessionsReport:
        return SessionsReport(count=max(1, super().probe_sessions(request).count))


@turns_red("no_session_ends_after_the_lease")
class EndsSessionsAfterTheLease(Reference):
    def end_sessions(self, request: EndSessions) -> Receipt:
        ended = self.forget(request) + self.end_open(request)
        return Receipt(outcome=Outcome.APPLIED if ended else Outcome.UNCHANGED)
