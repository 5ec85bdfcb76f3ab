"""Calls of one target or one channel.

pluggy's plain call reaches every plug-in, the last registered first, and stops at the first exception. Therefore
accounts are changed through :class:`Target` and :class:`Channel`, each of which reaches one object. They also guarantee
the following for *every* call: errors are errors of the product and name the target, secrets are masked in errors and
answers, a dry run changes nothing, the number of simultaneous calls is limited, and calls to a failing target are
suspended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from typing import ClassVar, TypeVar, cast

import attrs
import pluggy

from provisioner.core.api.errors import (
    DryRunError,
    LeaseLostError,
    OmittedError,
    PartialListError,
    PluginDefectError,
    ProvisionerError,
    RefusedError,
    TargetError,
    UnsupportedError,
)
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.kinds import HOOKS
from provisioner.core.api.logs import Logger
from provisioner.core.api.messages import (
    AccountChange,
    AccountComparison,
    AccountPage,
    AccountReport,
    ChannelReport,
    CheckChannel,
    CheckTarget,
    CompareAccount,
    CredentialReport,
    DeliverNotice,
    DeliverNoticeBatch,
    DeliverSecret,
    DeliveryReceipt,
    EndSessions,
    FindPerson,
    ListAccounts,
    ListedAccount,
    NoticeBatchReceipt,
    ProbeAccount,
    ProbeCredential,
    ProbeDelivery,
    ProbeSessions,
    Receipt,
    SessionsReport,
    SetCredential,
    TargetReport,
)
from provisioner.core.api.registration import LONGEST_CALL
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.maintenance import Maintenance
from provisioner.core.gateways.plugin_code import ForeignError, contained
from provisioner.core.model import Account, Person, mobile
from provisioner.core.model.masking import mask, mask_all, masked
from provisioner.core.model.text import Text

log = Logger(__name__)

AnswerT = TypeVar("AnswerT")
GatewayT = TypeVar("GatewayT", bound="Gateway")
ErrorT = TypeVar("ErrorT", bound=ProvisionerError)
MessageT = TypeVar("MessageT", DeliverSecret, DeliverNotice)

#: The hook that shows what was done on a target, and the hook that sends a password to its owner.
PROBE, DELIVER = "account_probe", "secret_deliver"

#: The hook that lists the accounts of a target. A target without it works, and can't be compared.
LIST = "account_list"

#: The hook that brings attributes up to date, and the hook that compares them.
UPDATE, COMPARE = "account_update", "account_compare"

#: The hook that moves accounts to another container.
RENAME = "account_rename"

#: The hook that ends open sessions and empties caches.
SESSIONS = "sessions_end"

#: The hook that counts open sessions.
PROBE_SESSIONS = "sessions_probe"

#: The hooks that set and test the secret of the product's own account.
SET_CREDENTIAL, PROBE_CREDENTIAL = "credential_set", "credential_probe"

#: Hooks of a target that it can be without. Then what they do is not offered for it.
OPTIONAL = (LIST, UPDATE, COMPARE, RENAME, SESSIONS, PROBE_SESSIONS, SET_CREDENTIAL, PROBE_CREDENTIAL)

#: The hooks of a target without which something would not be done or verified. Each must exist or be listed in
#: ``cannot``.
TARGET_HOOKS = (*(hook for hook in HOOKS.values() if hook not in OPTIONAL), PROBE)

#: The same for a channel.
CHANNEL_HOOKS = (DELIVER, "notice_deliver")

#: The hook that sends several notices at once. A channel can be without it.
BATCH = "notice_batch_deliver"

#: Hooks that can be called while calls are suspended: they find out whether the target works again.
CHECKS = frozenset({"target_check", "channel_check"})

#: Hooks that change another system; a dry run must not call them.
MUTATING = frozenset({*HOOKS.values(), SESSIONS, SET_CREDENTIAL, "secret_deliver", "notice_deliver", BATCH})


@attrs.frozen(kw_only=True)
class PluginOrigin:
    """The origin of a plug-in."""

    #: The name of its entry point.
    plugin: str
    #: The distribution that contains it.
    distribution: str
    version: str


@attrs.define(eq=False, kw_only=True)
class Gateway:
    """One target or channel, and what applies to each call of it."""

    #: The hook that checks it, and its request.
    _check: ClassVar[tuple[str, object]]
    #: The name of its section in the configuration.
    family: ClassVar[str]
    #: The hooks that must exist or be listed in ``cannot``.
    expected: ClassVar[tuple[str, ...]]

    name: str
    origin: PluginOrigin
    hooks: frozenset[str]
    #: The hooks that it doesn't have, according to the configuration.
    cannot: frozenset[str] = frozenset()
    #: The maximum number of simultaneous calls.
    parallel: int
    breaker: Breaker
    #: The timeout of one request.
    longest_call: timedelta = LONGEST_CALL
    dry_run: bool = False
    #: The callers of this object, by hook; the plug-in manager updates them.
    callers: Mapping[str, pluggy.HookCaller] = attrs.field(factory=dict, init=False, repr=False)
    #: What calls them with a request; the plug-in manager chooses the shortest way.
    calls: Mapping[str, Callable[[object], object]] = attrs.field(factory=dict, init=False, repr=False)
    #: One entry for each call that may be made now. A semaphore would take five times as long.
    _free: SimpleQueue[None] = attrs.field(factory=SimpleQueue, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for _ in range(self.parallel):
            self._free.put(None)

    def call(self, hook: str, request: object, answer: type[AnswerT]) -> AnswerT:
        """Call one hook of this object, and accept only answers of this type.

        Args:

            hook: The hook's name.

            request: Its request.

            answer: The type of the answer.

        Raises:

            TargetError: What the plug-in raised, with the target's name and without secrets. Any other exception or
                answer becomes a :class:`~provisioner.core.api.errors.PluginDefectError`.

            DryRunError: The hook would change something during a dry run.

            LeaseLostError: The hook would change something, and another process may hold the account.
        """
        if lacking := self.lacks(hook):
            raise lacking
        if self.dry_run and hook in MUTATING:
            raise DryRunError("{hook} on {target} was not called: this is a dry run", hook=hook, target=self.name)
        call = partial(self.calls[hook], request)
        result = self._guarded(partial(_fenced, call) if hook in MUTATING else call, hook, request)
        return self._expected(result, hook, answer)

    def find_person(self, request: FindPerson) -> Person | None:
        """Call ``person_find``; ``None`` if this object doesn't know the person.

        Raises:

            TargetError: It can't answer; see :meth:`call`.
        """
        hook = "person_find"
        result = self._guarded(partial(self.calls[hook], request), hook, request)
        return None if result is None else self._expected(result, hook, Person)

    def _expected(self, result: object, hook: str, answer: type[AnswerT]) -> AnswerT:
        if not isinstance(result, answer):
            defect = PluginDefectError(
                "{plugin} returned {found} from {hook} instead of {expected}",
                plugin=self._plugin,
                found=type(result).__name__,
                hook=hook,
                expected=answer.__name__,
            )
            raise self._named(defect)
        return result

    @property
    def missing(self) -> list[UnsupportedError]:
        """The required hooks that it doesn't have and that ``cannot`` doesn't list, with the cure."""
        found = [error for hook in self.expected if (error := self.lacks(hook))]
        return [error for error in found if not isinstance(error, OmittedError)]

    def lacks(self, hook: str) -> UnsupportedError | None:
        """Return why a hook can't be called; ``None`` if it exists."""
        if hook in self.hooks:
            return None
        values = {"target": self.name, "hook": hook}
        error: UnsupportedError = OmittedError("{target} cannot do {hook}, as the configuration says", **values)
        if hook not in self.cannot:
            error = UnsupportedError(
                "{target} has no {hook}",
                cure='implement {hook} with @hookimpl in plug-in {plugin}, or write cannot = ["{hook}"] under'
                " [{family}.{target}]",
                plugin=self.origin.plugin,
                family=self.family,
                **values,
            )
        self._named(error)
        return error

    def expect_no_quarantine(self) -> None:
        """Check that it is not quarantined, without a call.

        Raises:

            QuarantinedError: A person has to resume it first.
        """
        try:
            self.breaker.expect_no_quarantine()
        except TargetError as error:
            raise self._named(error) from None

    def maintenance(self) -> Maintenance | None:
        """Return its current maintenance, if there is one. Calls are suspended during it."""
        return self.breaker.maintenance(self.name)

    def _guarded(self, function: Callable[[], object], hook: str, request: object) -> object:
        self._free.get()
        try:
            with self._admitted(hook, request):
                return self._translated(function, hook, request)
        except TargetError as error:
            raise self._named(error) from None
        finally:
            self._free.put(None)

    def _admitted(self, hook: str, request: object) -> AbstractContextManager[None]:
        if hook in CHECKS:
            return self.breaker.probe()
        return self.breaker.call(_item(request), self._confirm if self._check[0] in self.hooks else None)

    def _confirm(self) -> None:
        """Check the target as a part of the call that failed, which already counts as one of the simultaneous calls."""
        hook, request = self._check
        self._translated(partial(self.calls[hook], request), hook, request)

    def _translated(self, function: Callable[[], object], hook: str, request: object) -> object:
        """Call *function*, and convert every exception to an error of the product without secrets: the breaker stores
        it.
        """
        try:
            return masked(contained(function), getattr(request, "secret", None))
        except TargetError as error:
            failure = discreet(error)
        except LeaseLostError:
            raise
        except (ForeignError, ProvisionerError) as error:
            failure = self._defect(error, hook)
        # Raised here, so that the frames of the plug-in, which contain the secret, are not chained to it.
        raise failure

    def _defect(self, error: ForeignError | ProvisionerError, hook: str) -> PluginDefectError:
        foreign = ForeignError.of(error)
        log.error("plugin_defect", target=self.name, hook=hook, error=foreign.name, at=foreign.place)
        return PluginDefectError(
            "{plugin} raised {error} in {hook}", plugin=self._plugin, error=foreign.name, hook=hook
        )

    @property
    def _plugin(self) -> str:
        return f"{self.origin.plugin} ({self.origin.distribution} {self.origin.version})"

    def _named(self, error: TargetError) -> TargetError:
        error.target = self.name
        return error


@attrs.define(eq=False, kw_only=True)
class Target(Gateway):
    """One configured instance of a target plug-in, with a typed method for each hook."""

    #: The key of its settings that refers to the secret of the product's own account; empty if none can be replaced.
    credential: str = attrs.field(default="", init=False)
    #: The result of the last check.
    report: TargetReport | None = attrs.field(default=None, init=False, repr=False)

    _check = ("target_check", CheckTarget())
    family = "targets"
    expected = TARGET_HOOKS

    @property
    def holds_accounts(self) -> bool:
        """Whether it holds accounts. A mail server whose accounts are in a directory only ends their sessions."""
        return SESSIONS not in self.hooks or not self.hooks.isdisjoint((*HOOKS.values(), LIST))

    @property
    def missing(self) -> list[UnsupportedError]:
        """The same as for every gateway; a target that holds no accounts misses nothing."""
        return super().missing if self.holds_accounts else []

    @property
    def foresees(self) -> bool:
        """Whether its last check declared that a probe determines what a change would do to attributes."""
        return self.report is not None and self.report.foresees

    def moves(self) -> bool:
        """Return whether its accounts are in containers and it can move them. If no check has told that, check now.

        Raises:

            TargetError: It can't be checked.
        """
        return RENAME in self.hooks and (self.report or self.check()).capabilities.moves_accounts

    def change(self, request: AccountChange) -> Receipt:
        """Call the hook for the message: create, close, rotate, handover, update, rename or delete."""
        return self.call(HOOKS[type(request)], request, Receipt)

    def end_sessions(self, request: EndSessions) -> Receipt:
        """Call ``sessions_end``."""
        return self.call(SESSIONS, request, Receipt)

    def probe_sessions(self, request: ProbeSessions) -> SessionsReport:
        """Call ``sessions_probe``."""
        return self.call(PROBE_SESSIONS, request, SessionsReport)

    def undo(self, undo: Callable[[], None], request: AccountChange) -> None:
        """Undo what :meth:`change` did with *request*, with the undo of its receipt.

        Raises:

            TargetError: It was not undone, or the outcome is unknown.

            LeaseLostError: Another process may hold the account.
        """
        self._guarded(partial(_fenced, undo), "undo", request)

    def probe(self, request: ProbeAccount) -> AccountReport:
        """Call ``account_probe``."""
        return self.call("account_probe", request, AccountReport)

    def compare(self, request: CompareAccount) -> AccountComparison:
        """Call ``account_compare``."""
        return self.call(COMPARE, request, AccountComparison)

    def set_credential(self, request: SetCredential) -> Receipt:
        """Call ``credential_set``."""
        return self.call(SET_CREDENTIAL, request, Receipt)

    def probe_credential(self, request: ProbeCredential) -> CredentialReport:
        """Call ``credential_probe``."""
        return self.call(PROBE_CREDENTIAL, request, CredentialReport)

    def list_accounts(self) -> Iterator[tuple[ListedAccount, ...]]:
        """Call ``account_list``, and yield the accounts of each page. No page is read ahead.

        Raises:

            UnsupportedError: The target has no ``account_list``.

            TargetError: A page can't be read, or the list ended before the target declared its end: what was yielded so
                far is not the whole list.
        """
        hook, request = LIST, ListAccounts()
        if lacking := self.lacks(hook):
            raise lacking
        pages = self._guarded(lambda: iter(cast("Iterator[object]", self.calls[hook](request))), hook, request)
        page = self._next_page(pages, hook, request)
        while True:
            yield page.accounts
            if page.is_last:
                return
            page = self._next_page(pages, hook, request)

    def _next_page(self, pages: object, hook: str, request: ListAccounts) -> AccountPage:
        page = self._guarded(lambda: next(cast("Iterator[object]", pages), None), hook, request)
        if page is None:
            raise self._named(
                PartialListError(
                    "the list of accounts ended early",
                    cure="nothing was concluded from it; try again, and check the target if that recurs",
                )
            )
        return self._expected(page, hook, AccountPage)

    def check(self) -> TargetReport:
        """Call ``target_check``."""
        self.report = self.call("target_check", CheckTarget(), TargetReport)
        return self.report


@attrs.define(eq=False, kw_only=True)
class Channel(Gateway):
    """One configured channel, with a typed method for each hook.

    No channel that uses numbers receives an entry with digits that is not a single phone number. It is unclear which
    of the digits it would use, and the password could reach another person.
    """

    #: Whether it sends to a number.
    uses_number: bool = True
    #: Which number of a person it sends to.
    number: mobile.NumberKind = attrs.field(default=mobile.NumberKind.MOBILE, init=False)

    #: How many notices it takes at once.
    largest_batch: int = attrs.field(default=1, init=False)

    _check = ("channel_check", CheckChannel())
    family = "channels"
    expected = CHANNEL_HOOKS

    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        """Call ``secret_deliver``."""
        return self.call("secret_deliver", self._addressed(request), DeliveryReceipt)

    def notify(self, request: DeliverNotice) -> DeliveryReceipt:
        """Call ``notice_deliver``."""
        return self.call("notice_deliver", self._addressed(request), DeliveryReceipt)

    @property
    def takes_batches(self) -> bool:
        """Whether it takes several notices at once."""
        return self.largest_batch > 1 and BATCH in self.hooks

    def notify_all(self, requests: Sequence[DeliverNotice]) -> Mapping[str, DeliveryReceipt]:
        """Call ``notice_batch_deliver``, and return the receipts by the IDs of the notices.

        Raises:

            UnknownOutcomeError: Each notice may have been sent.

            PluginDefectError: The same: the receipts are not those of these notices.

            TargetError: Nothing was sent.

            LeaseLostError: Nothing was sent.
        """
        batch = DeliverNoticeBatch(notices=tuple(map(self._addressed, requests)))
        receipts = self.call(BATCH, batch, NoticeBatchReceipt).receipts
        if receipts.keys() != {request.delivery_id for request in requests}:
            raise self._named(
                PluginDefectError(
                    "{plugin} returned receipts of other notices from {hook}", plugin=self._plugin, hook=BATCH
                )
            )
        return receipts

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Call ``delivery_probe``."""
        return self.call("delivery_probe", request, DeliveryReceipt)

    def check(self, request: CheckChannel) -> ChannelReport:
        """Call ``channel_check``, and add the persons without a single phone number to those who can't be reached."""
        recipients = tuple(map(self.addressed, request.recipients))
        report = self.call("channel_check", attrs.evolve(request, recipients=recipients), ChannelReport)
        reasons = {person.id: self.obstacle(person) for person in request.recipients}
        unusable = {person_id: why for person_id, why in reasons.items() if why}
        return attrs.evolve(report, unreachable={**report.unreachable, **unusable})

    def addressed(self, person: Person) -> Person:
        """Return a person as the plug-in sees one: the mobile number is the number to which the channel sends."""
        other = (person.other_mobile, person.other_mobile_confirmed_by, person.other_mobile_confirmed_at)
        if other == (None, None, None) and self.number is mobile.NumberKind.MOBILE:
            return person
        return attrs.evolve(
            person,
            mobile=self.number_of(person),
            other_mobile=None,
            other_mobile_confirmed_by=None,
            other_mobile_confirmed_at=None,
        )

    def _addressed(self, request: MessageT) -> MessageT:
        """Return a request with the recipient as the plug-in sees one.

        Raises:

            RefusedError: The channel may not send to this person.
        """
        self._require_number(request.recipient)
        recipient = self.addressed(request.recipient)
        return request if recipient is request.recipient else attrs.evolve(request, recipient=recipient)

    def _require_number(self, recipient: Person) -> None:
        if why := self._missing_number(recipient):
            raise self._named(RefusedError("{reason}", reason=why))
        if why := self._number_objection(recipient):
            raise self._named(
                RefusedError(
                    "the registered number of {person} is refused: {reason}",
                    cure="have the number corrected where it is registered",
                    person=recipient.id,
                    reason=why,
                )
            )

    def number_of(self, person: Person) -> str | None:
        """Return the number to which the channel sends; ``None`` if the person has none."""
        return person.confirmed_mobile if self.number is mobile.NumberKind.OTHER else person.mobile

    def _number_objection(self, person: Person) -> Text | None:
        """Return why the channel may not use this person's number; ``None`` if it may, or needs none."""
        number = (self.number_of(person) or "") if self.uses_number else ""
        return mobile.objection(number) if any(map(str.isdigit, number)) else None

    def obstacle(self, person: Person) -> Text | None:
        """Return why it may not send to this person; ``None`` if it may."""
        return self._missing_number(person) or self._number_objection(person)

    def _missing_number(self, person: Person) -> Text | None:
        """Return why a channel for other numbers may not send to a person; ``None`` if it may."""
        if self.number is not mobile.NumberKind.OTHER or person.confirmed_mobile:
            return None
        if not person.other_mobile:
            return Text(
                "{person} has no other mobile number; import one with 'provisioner person import'",
                {"person": person.id},
            )
        return Text(
            "the other mobile number of {person} isn't confirmed; verify it, then run 'provisioner person "
            "confirm-number {person}'",
            {"person": person.id},
        )


def _item(request: object) -> str | None:
    """Return what a call concerns: a recipient, an account, a person or a message; the first one of several."""
    if isinstance(request, DeliverNoticeBatch):
        request = request.notices[0]
    recipient, account = getattr(request, "recipient", None), getattr(request, "account", None)
    if isinstance(recipient, Person):
        return recipient.id
    if isinstance(account, Account):
        return account.login
    return getattr(request, "person_id", None) or getattr(request, "delivery_id", None)


def _fenced(call: Callable[[], object]) -> object:
    """Make a call that changes something; it may have waited for a free slot."""
    require_lease()
    return call()


def able(gateways: Iterable[GatewayT], hook: str) -> list[GatewayT]:
    """Return those that have a hook, in their order."""
    return [gateway for gateway in gateways if hook in gateway.hooks]


def discreet(error: ErrorT) -> ErrorT:
    """Return *error* with masked secrets, and without access to its stack frames."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    said = "\n".join((str(error), str(error.cure), repr(error.args), repr(vars(error))))
    if mask(said) == said:
        return error
    # Not created by its class, which may need other arguments.
    clean = type(error).__new__(type(error), mask(error.text.template))
    clean.__dict__.update({name: mask_all(value) for name, value in vars(error).items() if _is_plain(value)})
    return clean


def _is_plain(value: object) -> bool:
    """Whether a value contains only what can be masked."""
    return value is None or isinstance(value, (bool, int, float, datetime, str, Text, list, tuple, dict))
