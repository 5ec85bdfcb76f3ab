"""The hooks: everything a plug-in can do.

A plug-in is a module named by an entry point in the group ``provisioner.plugins``. It implements
``provisioner_register`` and makes one object for each configured target or channel; the other hooks are methods of
these objects (or functions of the module, where there is nothing to configure)::

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

Something that has the name of a hook and is not marked with ``@hookimpl`` is refused when it is registered. A target
needs all hooks that change or probe an account, and a channel ``secret_deliver`` and ``notice_deliver``. What one of
them cannot do, the configuration names: ``cannot = ["account_close"]`` under ``[targets.NAME]``. A hook that is missing
without that is never taken for done.

Hooks marked *per target* or *per channel* are called for one object at a time, with the journal, the retry and the
redaction around each call. They may be called from several threads at once, for different accounts.

A process may be stopped at any moment and go on later, when another one has taken its operation over. So a hook that
changes something calls `provisioner.require_lease()` right before the bytes of each request leave, and lets the error
that this raises pass; `provisioner.net.http` does so by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from provisioner.core.api.errors import Denial
    from provisioner.core.api.events import Event
    from provisioner.core.api.messages import (
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
        CreateAccount,
        DeleteAccount,
        DeliverNotice,
        DeliverSecret,
        DeliveryReceipt,
        FindPerson,
        HandOver,
        PasswordPolicy,
        ProbeAccount,
        ProbeDelivery,
        Receipt,
        RotateSecret,
        TargetReport,
    )
    from provisioner.core.api.registration import PluginSettings, Registrar
    from provisioner.core.api.rules import Monitor, Rule
    from provisioner.core.model import Person

#: The name under which pluggy knows the project.
PROJECT = "provisioner"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make and register one object for each configured target, channel and rule set of this plug-in.

    Args:

        settings: The plug-in's own sections of the configuration, and nothing of any other plug-in.

        register: Takes the objects.

    Returns:

        Nothing.

    Raises:

        ConfigurationError: A setting is wrong.

    Called: once for each plug-in and process, before any other hook, with its own settings. It must not connect to
    anything: a target that is down must not keep the program from starting.
    """


@hookspec(firstresult=True)
def account_create(request: CreateAccount) -> Receipt:
    """Ensure, per target, that the account exists, is enabled and takes this secret. So it also reopens.

    Args:

        request: The account, its unit, its holder and the secret.

    Returns:

        ``APPLIED``; never ``UNCHANGED``, because the secret is new.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer came.

        RefusedError: The target will not do it, now or later.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: once for each target and attempt. It must be safe to repeat, with the same secret or another one,
    whatever an earlier attempt left behind.
    """


@hookspec(firstresult=True)
def account_close(request: CloseAccount) -> Receipt:
    """Ensure, per target, that nobody can log in to the account. Disable it and keep what it holds.

    Args:

        request: The account and its unit.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if it was closed already or is not there.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer came.

        RefusedError: The target will not do it, now or later.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat. Deleting is no part of it: that is a rule's
    business, after a grace period.
    """


@hookspec(firstresult=True)
def account_rotate(request: RotateSecret) -> Receipt:
    """Set a new secret, per target. A closed account stays closed, and nothing else is touched.

    Args:

        request: The account and its new secret.

    Returns:

        ``APPLIED``, if possible with an undo that brings the former secret back.

    Raises:

        MissingError: The account is not there.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer came.

        RefusedError: The target will not do it, now or later.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat, with the same secret or another one.
    """


@hookspec(firstresult=True)
def account_handover(request: HandOver) -> Receipt:
    """Give the account a new holder and a new secret in one step, per target.

    The outgoing holder's secret must not log in any more when this returns (000 m.5/e).

    Args:

        request: The account, the outgoing and the incoming holder and the new secret.

    Returns:

        ``APPLIED``, if possible with an undo that brings the former holder and secret back.

    Raises:

        MissingError: The account is not there.

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer came.

        RefusedError: The target will not do it, now or later.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: once for each target and attempt; must be safe to repeat, with the same secret or another one.
    """


@hookspec(firstresult=True)
def account_delete(request: DeleteAccount) -> Receipt:
    """Ensure, per target, that nothing is left of the account. It cannot be taken back.

    Args:

        request: The account, which is closed, and its unit.

    Returns:

        ``APPLIED``, or ``UNCHANGED`` if it was not there.

    Raises:

        TransientError: Nothing was changed and it may work later.

        UnknownOutcomeError: The change was sent and no answer came.

        RefusedError: The target will not do it, now or later.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: once for each target and attempt, when a retention rule says that the grace period is over; must be safe to
    repeat. A target that keeps its closed accounts says ``cannot = ["account_delete"]`` in the configuration.
    """


@hookspec(firstresult=True)
def account_probe(request: ProbeAccount) -> AccountReport:
    """Tell what one target has of an account and, if a secret is given, whether it logs in.

    Args:

        request: The account, and the secret to try.

    Returns:

        What was found. A secret that is refused is an answer, not an error.

    Raises:

        TransientError: The target cannot tell now.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: after every change, to prove it, and whenever an answer was lost; as often as it takes. It changes
    nothing and must not lock the account: at most one log-in for each call.
    """


@hookspec(firstresult=True)
def target_check(request: CheckTarget) -> TargetReport:
    """Tell whether one target can be reached, our credentials are good, and what it can do.

    Args:

        request: Empty for now.

    Returns:

        The capabilities, and warnings worth an administrator's time.

    Raises:

        UnavailableError: It cannot be reached, or does not answer in time.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: before the first write of every run, and by ``provisioner check``. It changes nothing and must end
    within seconds, whatever the other side does.
    """


@hookspec(firstresult=True)
def secret_deliver(request: DeliverSecret) -> DeliveryReceipt:
    """Bring the secret to its owner, per channel.

    Args:

        request: Who gets which secret for which account, and the id of the message.

    Returns:

        ``ACCEPTED``, ``DELIVERED``, ``REJECTED``, or ``UNKNOWN`` if the message was sent and no usable answer came.

    Raises:

        TransientError: Nothing was sent and it may work later.

        MisconfiguredError: Our own credentials or settings are wrong.

        SystemMisconfiguredError: The answer says that this holds for every message: no credit is left, for example.

    Called: once for each message and attempt, after every target was proved. It is not repeated after ``UNKNOWN``;
    the engine asks ``delivery_probe`` and, without an answer, makes a new secret and a new message.
    """


@hookspec(firstresult=True)
def notice_deliver(request: DeliverNotice) -> DeliveryReceipt:
    """Bring a message without any secret to a person, per channel: a warning, or a reminder.

    Args:

        request: Who gets which text, and the id of the message.

    Returns:

        ``ACCEPTED``, ``DELIVERED``, ``REJECTED``, or ``UNKNOWN`` if the message was sent and no usable answer came.

    Raises:

        TransientError: Nothing was sent and it may work later.

        RefusedError: Nothing was sent, and this message never will be.

        UnknownOutcomeError: The message was sent and no usable answer came; the same as answering ``UNKNOWN``.

        MisconfiguredError: Our own credentials or settings are wrong.

        SystemMisconfiguredError: The answer says that this holds for every message: no credit is left, for example.

    Called: once for each message and attempt. After a crash it may be called again with the same id; a gateway that
    knows the id sends the message once.
    """


@hookspec(firstresult=True)
def delivery_probe(request: ProbeDelivery) -> DeliveryReceipt:
    """Tell what became of a message whose answer was lost, per channel.

    Args:

        request: The id that ``secret_deliver`` was given.

    Returns:

        What is known; ``MISSING`` if the gateway never got it, ``UNKNOWN`` if it cannot be asked about single
        messages.

    Raises:

        TransientError: The gateway cannot tell now.

    Called: after ``secret_deliver`` answered ``UNKNOWN`` or raised ``UnknownOutcomeError``; as often as it takes.
    """


@hookspec(firstresult=True)
def channel_check(request: CheckChannel) -> ChannelReport:
    """Tell whether one channel works and could reach these people.

    Args:

        request: The people who are to receive something in this run.

    Returns:

        Who cannot be reached and why, for example because the number is a landline.

    Raises:

        UnavailableError: The gateway cannot be reached, or does not answer in time.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: before the first write of every run, and by ``provisioner check``. It sends nothing to anybody.
    """


@hookspec(firstresult=True)
def person_find(request: FindPerson) -> Person | None:
    """Tell who a person is, which unit they work in and which mobile number is registered (001 ¶5).

    Args:

        request: The staff number.

    Returns:

        The person, or ``None`` to let the next plug-in answer; the store is asked last.

    Raises:

        TransientError: The personnel system cannot tell now.

        MisconfiguredError: Our own credentials or settings are wrong.

    Called: for each operation that delivers something, while it is planned and again when it is resumed.
    """


@hookspec(firstresult=True)
def account_login(request: ChooseLogin) -> str | None:
    """Choose the login of a new account.

    Args:

        request: The unit, and the person if it is a personal account.

    Returns:

        The login without a domain, or ``None`` to let the next plug-in answer. A login named in the manifest
        always wins, and then this is not called.

    Raises:

        ConfigurationError: The rule cannot name this account.

    Called: once when an account is planned; must give the same answer for the same request.
    """


@hookspec
def password_policy() -> PasswordPolicy:
    """Declare password requirements. All policies apply together (000 m.4/g).

    Returns:

        A declaration from which passwords can be generated as well as checked.

    Raises:

        ConfigurationError: The plug-in's settings contradict each other.

    Called: once at start; policies that contradict each other stop the program there.
    """


@hookspec
def policy_rules() -> Sequence[Rule | Monitor]:
    """Give the rules of one rule set.

    Returns:

        The rules, each of which answers for one account with its deadlines; and monitors, which look after what has
        a date and is no account.

    Raises:

        ConfigurationError: The rule set's settings contradict each other.

    Called: once at start, for each object that was registered as a rule set.
    """


@hookspec
def operation_authorize(request: AuthorizeOperation) -> Denial | None:
    """Say whether an actor may do something to an account. One denial is enough.

    Args:

        request: Who wants to do what to which account, and when.

    Returns:

        The reason and who is allowed, or ``None`` to abstain.

    Raises:

        TransientError: The answer isn't available now. The operation is not permitted.

    Called: once for each operation that is planned, before anything is written; and once more, with ``asked_by``, if
    the operation was held back with its run and somebody wants to release it. It changes nothing.
    """


@hookspec
def clearance_blocks(request: AskClearance) -> Sequence[ClearanceBlock]:
    """Say what keeps a person from leaving or from taking up a post (000 m.5/f, m.6/f; 003 m.12/4).

    Args:

        request: Who, and which of the two.

    Returns:

        One entry for each thing that has to be done first; an empty sequence if there is none.

    Raises:

        TransientError: It cannot be told now. The personnel office then has no answer, which is not a permission.

    Called: once for each ``provisioner clearance``; it changes nothing.
    """


@hookspec
def operation_event(event: Event) -> None:
    """Observe what happens: one event for each operation and step that begins or ends, and for each quarantine.

    Args:

        event: What happened. It carries no secret.

    Returns:

        Nothing.

    Raises:

        Exception: Whatever it raises is logged by class and otherwise ignored: an observer cannot stop the work.

    Called: once for each event, after it is durable, by the thread that did the work; so it must be quick.
    """


@hookspec
def cli_commands() -> Sequence[CliCommand]:
    """Add commands to the command line.

    Returns:

        The commands, by name and location; a name that the product itself uses is an error.

    Raises:

        ConfigurationError: Nothing else.

    Called: when a command is looked up that is not the product's own, and for ``provisioner plugins``. It must not
    import anything heavy.
    """
