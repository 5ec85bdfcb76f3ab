"""A target and a channel that fail on demand: per hook, per call, in every way a real system does.

They wrap another target or channel, by default one in memory, and count every call::

    faults = Faults()
    faults.on("account_create", Fault.APPLY_AND_LOSE_ANSWER, calls={1})
    target = FaultTarget(MemoryTarget(), faults)

In a configuration they are the plug-in ``faults`` around another plug-in, so that a script that runs in processes of
its own can be tested against systems that fail. Every key but ``inner`` and ``faults`` is for the plug-in inside::

    [targets.directory]
    plugin = "faults"
    inner = "local"
    database = "directory.sqlite"
    faults = [{ hook = "account_create", fault = "apply_and_lose_answer", calls = [1] }]
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any

import attrs

from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountComparison,
    AccountPage,
    AccountReport,
    ChannelReport,
    CheckChannel,
    CheckTarget,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    DeliverNotice,
    DeliverSecret,
    DeliveryReceipt,
    EndSessions,
    HandOver,
    ProbeAccount,
    ProbeDelivery,
    ProbeSessions,
    Receipt,
    RenameAccount,
    RotateSecret,
    SessionsReport,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.api.registration import LONGEST_CALL, PluginSettings, Registrar, Section
from provisioner.core.gateways.gateway import MUTATING
from provisioner.core.gateways.plugins import find_entry_point
from provisioner.core.model import MessageState


class Fault(StrEnum):
    """How a call fails."""

    #: It says no permanently.
    REFUSE = "refuse"
    #: It does not like the password.
    REFUSE_SECRET = "refuse_secret"  # noqa: S105 - the name of a fault
    #: The system limits the rate.
    THROTTLE = "throttle"
    #: It cannot be reached; nothing is sent.
    CANNOT_CONNECT = "cannot_connect"
    #: The request is sent and lost; nothing happens and no answer comes.
    LOSE_REQUEST = "lose_request"
    #: The change is made and no answer comes.
    APPLY_AND_LOSE_ANSWER = "apply_and_lose_answer"
    #: The change is made and the answer breaks off in the middle.
    CUT_ANSWER = "cut_answer"
    #: The change is made and the answer comes late, but in time.
    DELAY = "delay"
    #: Our credentials are wrong.
    MISCONFIGURED = "misconfigured"
    #: The plug-in has a defect: nothing happens, and it raises an unknown exception whose text quotes the secret.
    DEFECT = "defect"
    #: The plug-in has a defect: the change is made, and then it raises such an exception.
    APPLY_AND_DEFECT = "apply_and_defect"
    #: A list ends before its last page. In any other call, an unknown exception is raised.
    END_EARLY = "end_early"
    #: The process is stopped before the request is sent, and goes on later: :attr:`Faults.pause` is called in between.
    PAUSE = "pause"


#: The faults after which the change has been made.
APPLIED = frozenset({Fault.APPLY_AND_LOSE_ANSWER, Fault.CUT_ANSWER, Fault.DELAY, Fault.APPLY_AND_DEFECT})


class _EveryCall:
    def __contains__(self, number: object) -> bool:
        return True


EVERY_CALL = _EveryCall()


@attrs.define(eq=False)
class Faults:
    """Says which calls fail and how, and counts all of them. Safe to share between threads."""

    #: What THROTTLE asks for, in seconds.
    retry_after: float = 0.01
    #: How long DELAY takes, in seconds.
    delay: float = 0.01
    #: What happens while PAUSE stops the process.
    pause: Callable[[], object] = attrs.field(default=lambda: None)
    #: How often each hook was called.
    calls: Counter[str] = attrs.field(factory=Counter, init=False)
    _rules: list[tuple[str, Fault, Container[int], str | None]] = attrs.field(factory=list, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def on(self, hook: str, fault: Fault, calls: Container[int] = EVERY_CALL, *, item: str | None = None) -> None:
        """Let calls of *hook* fail.

        Args:

            hook: The hook's name, or ``undo`` for the undo of a receipt.

            fault: How.

            calls: The numbers of the calls that fail, counted from 1 since the beginning; all by default.

            item: The login of the account, or the id of the person, that the calls are about; any by default.
        """
        with self._lock:
            self._rules.append((hook, fault, calls, item))

    def clear(self) -> None:
        """Let everything work again. The counts stay."""
        with self._lock:
            self._rules.clear()

    def run(self, hook: str, call: Callable[[], Any], request: object) -> Any:
        """Make the call, or fail as told."""
        with self._lock:
            self.calls[hook] += 1
            number, items = self.calls[hook], {None, *_items(request)}
            fault = next(
                (
                    fault
                    for name, fault, calls, item in self._rules
                    if name == hook and number in calls and item in items
                ),
                None,
            )
        if fault is Fault.PAUSE:
            self.pause()
        if fault in {None, Fault.PAUSE}:
            return self._sent(hook, call)
        result = self._sent(hook, call) if fault in APPLIED else None
        if fault is Fault.DELAY:
            time.sleep(self.delay)
            return result
        raise self._error(fault, request)

    def _sent(self, hook: str, call: Callable[[], Any]) -> Any:
        if hook in MUTATING | {"undo"}:
            require_lease()
        return call()

    def _error(self, fault: Fault, request: object) -> Exception:
        if fault in {Fault.DEFECT, Fault.APPLY_AND_DEFECT}:
            secret = getattr(request, "secret", None)
            return KeyError(f"unexpected {secret.reveal() if secret else 'nothing'}")
        if fault is Fault.END_EARLY:
            return EOFError("there is no more")
        if fault is Fault.THROTTLE:
            return ThrottledError("too many requests", retry_after=self.retry_after)
        return {
            Fault.REFUSE: RefusedError("it is against the rules here"),
            Fault.REFUSE_SECRET: SecretRefusedError("the password is in the history"),
            Fault.CANNOT_CONNECT: UnavailableError("connection refused"),
            Fault.LOSE_REQUEST: UnknownOutcomeError("no answer within the timeout"),
            Fault.APPLY_AND_LOSE_ANSWER: UnknownOutcomeError("no answer within the timeout"),
            Fault.CUT_ANSWER: UnknownOutcomeError("the answer is incomplete"),
            Fault.MISCONFIGURED: MisconfiguredError("wrong credentials"),
        }[fault]


def _items(request: object) -> list[str]:
    """Return what a request is about: the login of an account, the ids of a person and of a message."""
    account, person = getattr(request, "account", None), getattr(request, "recipient", None)
    ids = [getattr(request, name, None) for name in ("person_id", "delivery_id")]
    return [item for item in (account and account.login, person and person.id, *ids) if item]


@attrs.define(eq=False)
class FaultTarget:
    """A target that fails on demand and otherwise does what the one inside it does.

    Args:

        inner: An object with all the account hooks, for example a
            :class:`~provisioner.testing.memory.MemoryTarget`.

        faults: What fails.

        undoes: Whether its receipts carry an undo.
    """

    inner: Any
    faults: Faults = attrs.field(factory=Faults)
    undoes: bool = True

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Create, or fail."""
        return self._change("account_create", request)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Close, or fail."""
        return self._change("account_close", request)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Rotate, or fail."""
        return self._change("account_rotate", request)

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Hand over, or fail."""
        return self._change("account_handover", request)

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        """Delete, or fail."""
        return self._change("account_delete", request)

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        """Update, or fail."""
        return self._change("account_update", request)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        """Move, or fail."""
        return self._change("account_rename", request)

    @hookimpl
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        """Compare, or fail."""
        comparison: AccountComparison = self.faults.run(
            "account_compare", lambda: self.inner.account_compare(request), request
        )
        return comparison

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        """Probe, or fail."""
        report: AccountReport = self.faults.run("account_probe", lambda: self.inner.account_probe(request), request)
        return report

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        """List page by page, or fail at a page."""
        pages: Iterator[AccountPage] = self.inner.account_list()
        with suppress(EOFError):
            while page := self.faults.run("account_list", lambda: next(pages, None), None):
                yield page

    @hookimpl
    def target_check(self, request: CheckTarget) -> TargetReport:
        """Check, or fail."""
        report: TargetReport = self.faults.run("target_check", self.inner.target_check, request)
        return report

    def _change(self, hook: str, request: object) -> Receipt:
        receipt: Receipt = self.faults.run(hook, lambda: getattr(self.inner, hook)(request), request)
        undo = receipt.undo
        if undo is None or not self.undoes:
            return attrs.evolve(receipt, undo=None)
        return attrs.evolve(receipt, undo=lambda: self.faults.run("undo", undo, request))


@attrs.define(eq=False)
class FaultSessionTarget(FaultTarget):
    """A target that holds accounts and ends their sessions, and fails on demand."""

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        """End sessions, or fail."""
        return self._change("sessions_end", request)

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        """Count sessions, or fail."""
        report: SessionsReport = self.faults.run("sessions_probe", lambda: self.inner.sessions_probe(request), request)
        return report


@attrs.define(eq=False)
class FaultSessions:
    """A target that holds no accounts, and fails on demand to end their sessions.

    Args:

        inner: An object with ``sessions_end``, for example a :class:`~provisioner.testing.memory_mail.MemoryMail`.

        faults: What fails.
    """

    inner: Any
    faults: Faults = attrs.field(factory=Faults)

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        """End sessions, or fail."""
        receipt: Receipt = self.faults.run("sessions_end", lambda: self.inner.sessions_end(request), request)
        return receipt

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        """Count sessions, or fail."""
        report: SessionsReport = self.faults.run("sessions_probe", lambda: self.inner.sessions_probe(request), request)
        return report

    @hookimpl
    def target_check(self, request: CheckTarget) -> TargetReport:
        """Check, or fail."""
        report: TargetReport = self.faults.run("target_check", self.inner.target_check, request)
        return report


@attrs.define(eq=False)
class FaultChannel:
    """A channel that fails on demand and otherwise does what the one inside it does.

    Args:

        inner: An object with the channel hooks, for example a
            :class:`~provisioner.testing.memory.MemoryChannel`.

        faults: What fails.
    """

    inner: Any
    faults: Faults = attrs.field(factory=Faults)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        """Deliver, or fail."""
        return self._call("secret_deliver", request)

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        """Deliver, or fail."""
        return self._call("notice_deliver", request)

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Probe, or fail."""
        return self._call("delivery_probe", request)

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        """Check, or fail."""
        report: ChannelReport = self.faults.run("channel_check", lambda: self.inner.channel_check(request), request)
        return report

    def _call(self, hook: str, request: object) -> DeliveryReceipt:
        receipt: DeliveryReceipt = self.faults.run(hook, lambda: getattr(self.inner, hook)(request), request)
        return receipt


@attrs.frozen(kw_only=True)
class FaultRule:
    """One entry of ``faults``: which calls of a hook fail, and how."""

    #: The name of the hook, or ``undo``.
    hook: str
    fault: Fault
    #: The numbers of the calls that fail, counted from 1 since the process started; all if there are none.
    calls: tuple[int, ...] = ()
    #: The login of the account, or the id of the person, that the calls are about; any by default.
    item: str | None = None


@attrs.frozen(kw_only=True)
class FaultSettings:
    """The keys of a table with ``plugin = "faults"`` that are not for the plug-in inside."""

    #: The name of the plug-in inside.
    inner: str = "memory"
    faults: tuple[FaultRule, ...] = ()

    def make_faults(self) -> Faults:
        """Return faults that follow the rules."""
        faults = Faults()
        for rule in self.faults:
            faults.on(rule.hook, rule.fault, rule.calls or EVERY_CALL, item=rule.item)
        return faults


_OWN = frozenset(field.name for field in attrs.fields(FaultSettings))


@attrs.frozen
class _FaultRegistrar:
    """Takes what the plug-in inside registers, and registers it with faults around it."""

    register: Registrar
    faults: Faults

    def target(
        self, name: str, plugin: object, /, *, longest_call: timedelta = LONGEST_CALL, credential: str = ""
    ) -> None:
        faulty = _wrapper(plugin)(plugin, self.faults)
        self.register.target(name, faulty, longest_call=longest_call, credential=credential)

    def channel(
        self,
        name: str,
        plugin: object,
        /,
        *,
        longest_call: timedelta = LONGEST_CALL,
        uses_number: bool = True,
        largest_batch: int = 1,  # noqa: ARG002
    ) -> None:
        """Register a channel that gets each notice by itself, so that each can fail by itself."""
        faulty = FaultChannel(plugin, self.faults)
        self.register.channel(name, faulty, longest_call=longest_call, uses_number=uses_number)

    def rule_set(self, name: str, plugin: object, /) -> None:
        self.register.rule_set(name, plugin)

    def report(self, channel: str, part: str, state: MessageState, /) -> bool:
        return self.register.report(channel, part, state)

    def on_close(self, callback: Callable[[], object], /) -> None:
        self.register.on_close(callback)


def _wrapper(plugin: object) -> Callable[[object, Faults], object]:
    """Return what fails in place of a target with the hooks of this one."""
    if not hasattr(plugin, "sessions_end"):
        return FaultTarget
    return FaultSessionTarget if hasattr(plugin, "account_create") else FaultSessions


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Register the targets and channels of the plug-ins inside, with faults around them."""
    for section in settings.targets:
        _register_inner(attrs.evolve(settings, targets=(_inner(section),), channels=()), section, register)
    for section in settings.channels:
        _register_inner(attrs.evolve(settings, targets=(), channels=(_inner(section),)), section, register)


def _register_inner(settings: PluginSettings, section: Section, register: Registrar) -> None:
    own = attrs.evolve(section, table=_part(section.table, own=True)).settings(FaultSettings)
    entry, _ = find_entry_point(own.inner)
    entry.load().provisioner_register(
        attrs.evolve(settings, plugin=own.inner), _FaultRegistrar(register, own.make_faults())
    )


def _inner(section: Section) -> Section:
    return attrs.evolve(section, table=_part(section.table, own=False))


def _part(table: Mapping[str, object], *, own: bool) -> dict[str, object]:
    return {key: value for key, value in table.items() if (key in _OWN) is own}
