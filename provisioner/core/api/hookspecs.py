"""The hooks: everything a plug-in can do.

A plug-in is a module that an entry point in the group ``provisioner.plugins`` names. It implements
``provisioner_register`` and creates one object for each configured target or channel. The other hooks are methods of
these objects, or functions of the module if there is nothing to configure::

    import attrs
    from provisioner import Outcome, Receipt, hookimpl

    @attrs.define(eq=False)
    class Paper:
        name: str

        @hookimpl
        def account_create(self, request):
            print(f"{self.name}: please open {request.account.mail}")
            return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def provisioner_register(settings, register):
        for section in settings.targets:
            register.target(section.name, Paper(section.name))

If something has the name of a hook and is not marked with ``@hookimpl``, it is refused when it is registered. A target
needs all hooks that change or probe an account, and a channel needs ``secret_deliver`` and ``notice_deliver``. If a
target or channel can't do something, list the hook in the configuration: ``cannot = ["account_close"]`` under
``[targets.NAME]``. The product never reports the work of a missing hook as done.

A system that holds no accounts of its own, such as a mail server whose accounts are in a directory, is a target with
``sessions_end`` and without any hook that changes or lists an account. It is registered and configured like every
target, with its ``kinds``, ``under`` and ``account_kinds``, and needs no ``cannot``. Accounts are never created on it,
compared with it or missing on it.

Hooks marked *per target* or *per channel* are called for one object at a time. The core adds the journal, the retries
and the masking of secrets around each call. They can be called from several threads at the same time, for different
accounts.

A process can be suspended at any moment and continue after another one has taken over its operation. Therefore a hook
that changes something calls `provisioner.require_lease()` immediately before it sends each request, and doesn't catch
the error that this raises. `provisioner.net.http` calls it for you.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from provisioner.core.api.errors import Denial
    from provisioner.core.api.events import Event
    from provisioner.core.api.messages import (
        AccountComparison,
        AccountPage,
        AccountReport,
        AskClearance,
        AuthorizeOperation,
        ChannelReport,
        CheckChannel,
        CheckTarget,
        ChooseLogin,
        ClearanceBlock,
        CliCommand,
        CloseAccount,
        CompareAccount,
        CreateAccount,
        CredentialReport,
        DeleteAccount,
        DeliverNotice,
        DeliverNoticeBatch,
        DeliverSecret,
        DeliveryReceipt,
        EndSessions,
        FindPerson,
        HandOver,
        ListAccounts,
        NoticeBatchReceipt,
        PasswordPolicy,
        ProbeAccount,
        ProbeCredential,
        ProbeDelivery,
        ProbeSessions,
        Receipt,
        RenameAccount,
        RotateSecret,
        SessionsReport,
        SetCredential,
        TargetReport,
        UpdateAccount,
    )
    from provisioner.core.api.registration import PluginSettings, Registrar
    from provisioner.core.api.rules import Monitor, Rule
    from provisioner.core.model import Person

#: The name of the project in pluggy.
PROJECT = "provisioner"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Create and register one object for each configured target, channel and rule set of this plug-in.

    Args:

        settings: The plug-in's own sections of the configuration.

        register: Registers the objects.

    Returns:

        Nothing.

    Raises:

        ConfigurationError: A setting is wrong.

    Called: once for each plug-in and process, before any other hook, with its own settings. It must not connect to
    anything: the program must start even if a target is unavailable.
    """


@hookspec(firstresult=True)
def account_create(request: CreateAccount) -> Receipt:
    """Ensure, per target, that the account exists, is enabled and has this secret. This also reopens a closed account.

    Args:

        request: The account, its unit, its holder and the secret.

    Returns:

        ``APPLIED``; never ``UNCHANGED``, because the secret is new.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt. It must be safe to repeat, with the same secret or another one, regardless
    of what an earlier attempt changed.
    """


@hookspec(firstresult=True)
def account_close(request: CloseAccount) -> Receipt:
    """Ensure, per target, that nobody can log in to the account. Disable it and keep its data.

    Args:

        request: The account and its unit.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if the account is closed already or doesn't exist.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat. It must not delete the account: a rule does that
    after a grace period.
    """


@hookspec(firstresult=True)
def account_rotate(request: RotateSecret) -> Receipt:
    """Set a new secret, per target. A closed account stays closed, and nothing else is changed.

    Args:

        request: The account and its new secret.

    Returns:

        ``APPLIED``, if possible with an undo that restores the former secret.

    Raises:

        MissingError: The account doesn't exist.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat, with the same secret or another one.
    """


@hookspec(firstresult=True)
def account_handover(request: HandOver) -> Receipt:
    """Set a new holder and a new secret for the account in one step, per target.

    When this returns, the outgoing holder's secret must no longer log in (000 m.5/e).

    Args:

        request: The account, the outgoing and the incoming holder and the new secret.

    Returns:

        ``APPLIED``, if possible with an undo that restores the former holder and secret.

    Raises:

        MissingError: The account doesn't exist.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat, with the same secret or another one.
    """


@hookspec(firstresult=True)
def account_delete(request: DeleteAccount) -> Receipt:
    """Delete the account completely, per target. This can't be undone.

    Args:

        request: The closed account, and its unit.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if the account doesn't exist.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt, when the grace period of a retention rule is over; must be safe to repeat.
    For a target that keeps its closed accounts, set ``cannot = ["account_delete"]`` in the configuration.
    """


@hookspec(firstresult=True)
def account_update(request: UpdateAccount) -> Receipt:
    """Bring the attributes and entitlements of an account up to date, per target. The secret and the state stay.

    Optional. Without it, changed names and rights reach the target only with the next handover or opening.

    Args:

        request: The account, its unit, its holder and its entitlements.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if everything is up to date. Values that others wrote stay.

    Raises:

        MissingError: The account doesn't exist.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt, when a unit or a holder has changed, or someone changed the target; must
    be safe to repeat. A target that implements it can declare in its ``TargetReport`` that it ``foresees``: then a
    probe verifies the update.
    """


@hookspec(firstresult=True)
def account_rename(request: RenameAccount) -> Receipt:
    """Move the account, per target, to the container that its unit has now, and name it there as the layout says.

    Optional. Without it, an account stays in the container in which it was created. A target with the hook declares
    ``moves_accounts`` in its capabilities.

    The login never changes: it is the key of the journal and of the audit log, and other systems keep what they know
    under it. Caches answer with both names for hours, mail for the former one is lost or reaches a later holder, and
    rights that were granted by name stay behind. If a unit needs another login, open a new account, and close the
    former one.

    Args:

        request: The account, its unit, the unit above it, and its entitlements.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if the account is in this container already. If possible with an undo that moves
        it back.

    Raises:

        MissingError: The account doesn't exist in any container.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt, before ``account_update``, and after the password is set if a list moves a
    unit and hands its account over or opens it again; must be safe to repeat, also after an attempt that ended between
    the two. It finds the account by its login, in whichever container it is. Other hooks must find it in both
    containers, because the process may end at any moment.
    """


@hookspec(firstresult=True)
def account_probe(request: ProbeAccount) -> AccountReport:
    """Return the state of an account on one target and, if a secret is given, whether it logs in.

    Args:

        request: The account; if given, the secret to test; and, if the target declares ``foresees``, a planned change
            whose effect is to be shown.

    Returns:

        What was found. A refused secret is a result, not an error.

    Raises:

        TransientError: The target can't answer now.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: after every change, to verify it, and after every lost answer; repeatedly if necessary. It changes nothing
    and must not lock the account: at most one log-in for each call.
    """


@hookspec(firstresult=True)
def sessions_end(request: EndSessions) -> Receipt:
    """End the open sessions of an account and empty the caches that know it, per target.

    Optional. A target without it has no after-step: what is open there stays open. A target can have this hook and
    hold no accounts itself; then it needs no other hook, except ``target_check`` if it can be checked.

    The account can log in with each of the spellings, so sessions and cache entries of all of them end, and also
    entries that say that the account is unknown. Empty the caches before and after the sessions are ended: clients
    reconnect within a second.

    Args:

        request: The account, what was done to it, its spellings, and the new password if it is still known.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if nothing was open, but only if the target has shown that nothing is left open:
        by its list of sessions and, if there is a secret, by a log-in with it. With ``proved=False`` if the sessions
        were ended and nothing can show it.

    Raises:

        TransientError: The target can't be reached, or a session or cache entry is left.

        UnknownOutcomeError: The request was sent and no answer arrived.

        RefusedError: The target refuses it permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: once for each target and attempt, after the account was created, reopened, rotated, handed over, closed or
    deleted on all targets that hold it, and before a new password is delivered. It must be safe to repeat. If it
    fails, the password is delivered anyway, and the operation stays incomplete until a later attempt, which calls only
    this hook, without the secret. A later operation on the account takes over sessions that are left, also if it is
    refused or only updates the account.
    """


@hookspec(firstresult=True)
def sessions_probe(request: ProbeSessions) -> SessionsReport:
    """Return how many sessions of an account are open on one target.

    Optional. Without it, the product can't show who is logged in there.

    Args:

        request: The account and its spellings.

    Returns:

        The number of sessions that are open now, under any of the spellings.

    Raises:

        TransientError: The target can't list its sessions now.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: by ``provisioner account verify``, once for each account, also for closed ones. It changes nothing.
    """


@hookspec(firstresult=True)
def account_list(request: ListAccounts) -> Iterator[AccountPage]:
    """Return the accounts that exist in the part of the target that the product manages, page by page.

    Optional. Without it, the target's accounts can't be compared with what the product knows.

    Args:

        request: Empty at present.

    Returns:

        An iterator of pages with up to some thousand accounts each, in any order. The last one, and no other, has
        ``is_last``; set it only if the target itself declared the end. The caller may stop earlier.

    Raises:

        TransientError: The target can't answer now. It can be raised for each page.

        MisconfiguredError: The product's credentials or settings are wrong, or don't allow a complete list.

    Called: by ``provisioner reconcile``, once for each run. It changes nothing and logs in to no account. Memory must
    not grow with the number of accounts. Each page counts as one call, with the target's timeout.
    """


@hookspec(firstresult=True)
def account_compare(request: CompareAccount) -> AccountComparison:
    """Return what ``account_update`` would change in an account that this target has listed.

    Optional. Without it, attributes and entitlements are not compared.

    Args:

        request: The listed account, and its account, unit, holder and entitlements as they should be.

    Returns:

        The changes. Values that others wrote are no change.

    Raises:

        TransientError: Something that is needed besides the list can't be read now.

    Called: by ``provisioner reconcile``, for each listed account that is open. It only compares: it should send no
    request.
    """


@hookspec(firstresult=True)
def target_check(request: CheckTarget) -> TargetReport:
    """Check that one target can be reached and that the credentials are valid, and return what it can do.

    Args:

        request: Empty at present.

    Returns:

        The capabilities, and warnings for administrators.

    Raises:

        UnavailableError: The target can't be reached, or doesn't answer in time.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: before the first change of every run, and by ``provisioner check``. It changes nothing and must return
    within seconds in every case.
    """


@hookspec(firstresult=True)
def credential_set(request: SetCredential) -> Receipt:
    """Set a new secret for the product's own account on one target, and make every former secret invalid.

    Optional. A target that has it also has ``credential_probe``, and registers with the key of its settings that refers
    to the secret: ``register.target(name, plugin, credential="bind_password")``.

    Args:

        request: The new secret.

    Returns:

        ``APPLIED``.

    Raises:

        SecretRefusedError: The target doesn't accept this secret, and nothing was changed. Another one is generated.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer arrived.

        RefusedError: The target refuses the change permanently.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: by ``provisioner target rotate-credential`` and ``provisioner resume``, once for each attempt; must be safe
    to repeat with the same secret. At every moment, the former or the new secret must log in. The plug-in logs in with
    its setting or, if that is refused, with ``Secret.valid_instead``: the former or the new one, whichever is valid.
    """


@hookspec(firstresult=True)
def credential_probe(request: ProbeCredential) -> CredentialReport:
    """Return which servers of one target accept a secret of the product's own account.

    Optional; see ``credential_set``.

    Args:

        request: The secret.

    Returns:

        The servers that accept it, and those that refuse it. A refused secret is a result, not an error.

    Raises:

        TransientError: A server can't answer now.

        MisconfiguredError: The product's settings are wrong.

    Called: before and after ``credential_set``, with the former and with the new secret. It changes nothing, and makes
    at most one log-in at each server.
    """


@hookspec(firstresult=True)
def secret_deliver(request: DeliverSecret) -> DeliveryReceipt:
    """Send the secret to its owner, per channel.

    Args:

        request: The receiver, the secret, the account, and the ID of the message.

    Returns:

        ``ACCEPTED``, ``DELIVERED``, ``REJECTED``, or ``UNKNOWN`` if the message was sent and no usable answer arrived.
        ``will_report`` says whether more becomes known after ``ACCEPTED``.

    Raises:

        TransientError: Nothing was sent and it may work later.

        MisconfiguredError: The product's credentials or settings are wrong.

        SystemMisconfiguredError: The answer concerns every message, for example: no credit is left.

    Called: once for each message and attempt, after the password was tested on every target. After ``UNKNOWN`` it is
    not repeated: the engine calls ``delivery_probe`` and, without an answer, generates a new secret and a new message.
    """


@hookspec(firstresult=True)
def notice_deliver(request: DeliverNotice) -> DeliveryReceipt:
    """Send a message without any secret to a person, per channel: a warning or a reminder.

    Args:

        request: The receiver, the text, and the ID of the message.

    Returns:

        ``ACCEPTED``, ``DELIVERED``, ``REJECTED``, or ``UNKNOWN`` if the message was sent and no usable answer arrived.

    Raises:

        TransientError: Nothing was sent and it may work later.

        RefusedError: Nothing was sent, and this message never will be.

        UnknownOutcomeError: The message was sent and no usable answer arrived; the same as the answer ``UNKNOWN``.

        MisconfiguredError: The product's credentials or settings are wrong.

        SystemMisconfiguredError: The answer concerns every message, for example: no credit is left.

    Called: once for each message and attempt. After a crash it can be called again with the same ID; a gateway that
    supports IDs sends the message once.
    """


@hookspec(firstresult=True)
def notice_batch_deliver(request: DeliverNoticeBatch) -> NoticeBatchReceipt:
    """Send several notices in one request, per channel. It is optional.

    Args:

        request: The notices.

    Returns:

        A receipt for the ID of each notice, and for no other ID: what the gateway said about this notice. ``MISSING``
        for one that it certainly didn't take; it is then sent by itself, with ``notice_deliver``. If the answer of the
        gateway doesn't name exactly the notices of the request, the outcome of all of them is unknown.

    Raises:

        UnknownOutcomeError: The request was sent and no usable answer arrived, so each notice may have been sent.

        TargetError: Nothing was sent, not even a single notice. Each is then sent by itself: what is refused about all
            may be accepted about most.

    Called: once for several notices to different persons that are due at the same time, instead of ``notice_deliver``,
    if the channel was registered with ``largest_batch``. It is never called with passwords. Later attempts and probes
    concern each notice by itself.
    """


@hookspec(firstresult=True)
def delivery_probe(request: ProbeDelivery) -> DeliveryReceipt:
    """Return the state of a message, per channel.

    Args:

        request: The ID that ``secret_deliver`` or ``notice_deliver`` received, and the gateway and the reference of the
            receipt, if there is one.

    Returns:

        What is known; ``MISSING`` if the gateway never received the message, ``UNKNOWN`` if it can't be asked about
        single messages.

    Raises:

        TransientError: The gateway can't answer now.

    Called: after ``secret_deliver`` or ``notice_deliver`` returned ``UNKNOWN`` or raised ``UnknownOutcomeError``;
    repeatedly if necessary. Also by ``provisioner resume`` and each sweep, at growing intervals, about a message whose
    receipt had ``will_report``, until the answer is ``DELIVERED`` or ``REJECTED`` or the deadline has passed. It
    changes nothing.
    """


@hookspec(firstresult=True)
def channel_check(request: CheckChannel) -> ChannelReport:
    """Check that one channel works and can reach these people.

    Args:

        request: The people who will receive a message in this run.

    Returns:

        Who can't be reached and why, for example because the number is a landline.

    Raises:

        UnavailableError: The gateway can't be reached, or doesn't answer in time.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: before the first change of every run, and by ``provisioner check``. It sends no message.
    """


@hookspec(firstresult=True)
def person_find(request: FindPerson) -> Person | None:
    """Return a person's name, unit and registered mobile number (001 ¶5).

    Args:

        request: The staff number.

    Returns:

        The person, or ``None`` to call the next plug-in; the store is used last.

    Raises:

        TransientError: The personnel system can't answer now.

        MisconfiguredError: The product's credentials or settings are wrong.

    Called: for each operation that delivers something, when it is planned and again when it is resumed.
    """


@hookspec(firstresult=True)
def account_login(request: ChooseLogin) -> str | None:
    """Choose the login of a new account.

    Args:

        request: The unit, and the person if it is a personal account.

    Returns:

        The login without a domain, or ``None`` to call the next plug-in. If the list names a login, this hook is not
        called.

    Raises:

        ConfigurationError: The rule can't name this account.

    Called: once when an account is planned; must return the same login for the same request.
    """


@hookspec
def password_policy() -> PasswordPolicy:
    """Declare password requirements. All policies apply together (000 m.4/g).

    Returns:

        The requirements, from which passwords can be generated as well as checked.

    Raises:

        ConfigurationError: The plug-in's settings contradict each other.

    Called: once at start. If policies contradict each other, the program stops.
    """


@hookspec
def policy_rules() -> Sequence[Rule | Monitor]:
    """Return the rules of one rule set.

    Returns:

        Rules, which return the deadlines of one account; and monitors, which observe things that have a date but are
        not accounts.

    Raises:

        ConfigurationError: The rule set's settings contradict each other.

    Called: once at start, for each object that was registered as a rule set.
    """


@hookspec
def operation_authorize(request: AuthorizeOperation) -> Denial | None:
    """Decide whether an actor may do something to an account. One denial is enough.

    Args:

        request: The actor, the operation, the account, and the time.

    Returns:

        The reason and who is allowed, or ``None`` to abstain.

    Raises:

        TransientError: The answer isn't available now. The operation is not permitted.

    Called: once for each planned operation, before anything is written; and again, with ``asked_by``, if the operation
    was held with its run and an actor wants to release it. It changes nothing.
    """


@hookspec
def clearance_blocks(request: AskClearance) -> Sequence[ClearanceBlock]:
    """Return what prevents a person from leaving or starting (000 m.5/f, m.6/f; 003 m.12/4).

    Args:

        request: The person, and whether they leave or start.

    Returns:

        One entry for each thing that has to be done first; an empty sequence if there is none.

    Raises:

        TransientError: There is no answer now. This doesn't count as a permission.

    Called: once for each ``provisioner clearance``; it changes nothing.
    """


@hookspec
def operation_event(event: Event) -> None:
    """Observe events: one for each operation and step that starts or ends, for each quarantine, and so on.

    Args:

        event: What happened. It contains no secret.

    Returns:

        Nothing.

    Raises:

        Exception: Exceptions are logged by class and otherwise ignored: an observer can't stop the work.

    Called: once for each event, after it is stored, by the thread that did the work; so it must be quick.
    """


@hookspec
def cli_commands() -> Sequence[CliCommand]:
    """Add commands to the command line.

    Returns:

        The commands, by name and location. A name of the product's own commands is an error.

    Raises:

        ConfigurationError: Nothing else.

    Called: when a user enters a command that is not the product's own, and by ``provisioner plugins``. It must not
    import large libraries.
    """
