"""A circuit breaker: a target that fails is not called until a single call has shown that it works again.

A failure that concerns one account, person or message doesn't mean that the target fails. Failures of the same item
count once. Unless there was no connection, the target's own check has to fail as well before the circuit opens.

A target that has failed for a long time is quarantined: nothing is sent to it until a person runs ``provisioner target
resume``.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from provisioner.core.api.errors import (
    CircuitOpenError,
    ForbiddenError,
    ItemMisconfiguredError,
    LeaseLostError,
    MisconfiguredError,
    ProvisionerError,
    QuarantinedError,
    RefusedError,
    StoreError,
    SystemMisconfiguredError,
    ThrottledError,
    UnavailableError,
    step_error,
)
from provisioner.core.api.events import TargetQuarantined
from provisioner.core.api.logs import Logger
from provisioner.core.gateways.health import Change, Health, MemoryHealth, TargetHealth
from provisioner.core.gateways.maintenance import Maintenance
from provisioner.core.model import StepError
from provisioner.core.model.text import Text

log = Logger(__name__)

#: For this number of seconds, a passed check also covers later failing calls, so that hundreds of refused items don't
#: cause hundreds of checks.
CHECK_HOLDS = 1.0


class BreakerState(StrEnum):
    """Whether calls are made."""

    #: They are made.
    CLOSED = "closed"
    #: They are suspended; the target failed repeatedly.
    OPEN = "open"
    #: One call is made as a probe.
    HALF_OPEN = "half_open"
    #: They are suspended until a person resumes the target.
    QUARANTINED = "quarantined"


@attrs.define(eq=False, kw_only=True)
class Breaker:
    """Wraps the calls to one target: :meth:`call` around each one. Threads can share it.

    A wrong credential or setting opens the circuit as soon as a check or the answer itself confirms it: more attempts
    don't help, and may lock the account.

    The lock is held while the state changes and never during a call, so parallel calls stay parallel. When the time for
    the next attempt has come, exactly one caller makes a call.

    Its state is stored when the circuit opens, when a probe fails and when the target works again, and read once in
    each pause. So a quarantine, and its end, reaches every process.
    """

    #: The name of the target, for messages.
    name: str
    now: Callable[[], datetime]
    #: After this number of consecutive failures at different items, calls are suspended. Without a connection, each
    #: call counts.
    threshold: int = 5
    #: How long calls are then suspended.
    pause: timedelta = timedelta(seconds=30)
    #: How long the target may fail, without a success in between, before it is quarantined.
    quarantine_after: timedelta = timedelta(hours=1)
    health: Health = attrs.field(factory=MemoryHealth)
    #: Returns the maintenance of the target, if there is one. During it, no call is made or counted.
    maintenance: Callable[[str], Maintenance | None] = lambda _: None
    #: Called for a quarantine, once for each reason.
    notify: Callable[[TargetQuarantined], None] = attrs.field(default=lambda _: None)
    state: BreakerState = attrs.field(default=BreakerState.CLOSED, init=False)
    #: The items at which calls failed since the last success.
    _failing: set[Hashable] = attrs.field(factory=set, init=False)
    _opened_at: datetime | None = attrs.field(default=None, init=False)
    _known: TargetHealth | None = attrs.field(default=None, init=False)
    _known_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    #: Held by the thread that checks the target; never inside the lock above.
    _checking: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    #: When a check last passed, by the monotonic clock.
    _good_at: float = attrs.field(default=-math.inf, init=False)

    @contextmanager
    def call(self, item: str | None = None, check: Callable[[], object] | None = None) -> Iterator[None]:
        """Wrap one call.

        Args:

            item: What the call concerns: an account, a person or a message. ``None`` if it concerns no single item.

            check: Checks the target, and raises an error if it doesn't work. ``None`` if the target has no check; then
                failures at different items decide.

        Raises:

            CircuitOpenError: Calls are suspended now.

            ItemMisconfiguredError: The call raised a :class:`~provisioner.core.api.errors.MisconfiguredError`, and the
                check passed: the error concerns this item.

            MisconfiguredError: The call raised a :class:`~provisioner.core.api.errors.ForbiddenError`, and the check
                failed as well: the error doesn't concern only this item.

            SystemMisconfiguredError: The call raised it, so it concerns all items; the check is not run.
        """
        self._admit()
        began = time.monotonic()
        try:
            yield
        except LeaseLostError as error:
            self._note(error)
            raise
        except SystemMisconfiguredError as error:
            self._note(error, item=item, confirmed=True)
            raise
        except Exception as error:
            if check is None or not self._is_suspicious(error, item):
                self._note(error, item=item)
                raise
            raise self._examined(error, item, check, began) from None
        except BaseException as error:
            self._note(error)
            raise
        self._note(None)

    @contextmanager
    def probe(self) -> Iterator[None]:
        """Wrap a call that tests whether the target works again. It doesn't wait for the end of the pause.

        Its failure is stored immediately, because a short program makes no second call.
        """
        with self._lock:
            if self.state is BreakerState.OPEN:
                self._opened_at = self.now() - self.pause
        self._admit()
        try:
            yield
        except Exception as error:
            found = _of_target(error)
            self._note(found, probing=True)
            if found is error:
                raise
            raise found from None
        except BaseException as error:
            self._note(error)
            raise
        self._note(None)

    @property
    def failing(self) -> bool:
        """Whether the last call failed, or calls are suspended."""
        return bool(self._failing) or self.state is not BreakerState.CLOSED or bool(self.maintenance(self.name))

    def expect_no_quarantine(self) -> None:
        """Check that the target is not quarantined.

        Raises:

            QuarantinedError: It is quarantined.
        """
        with self._lock:
            self._look()
            if self.state is BreakerState.QUARANTINED and self._known:
                raise QuarantinedError(
                    "{target} has not worked since {since} and is quarantined: {error}",
                    cure="fix the cause, then run 'provisioner target resume {target}'",
                    target=self.name,
                    since=self._known.failing_since,
                    error=self._known.error.message if self._known.error.message.template else self._known.error.name,
                )

    def _admit(self) -> None:
        if maintenance := self.maintenance(self.name):
            raise maintenance.error()
        if self._all_is_well and not self._is_outdated:
            return
        self.expect_no_quarantine()
        with self._lock:
            if self.state is BreakerState.OPEN and self._opened_at and self.now() >= self._opened_at + self.pause:
                self.state = BreakerState.HALF_OPEN
            elif self.state is not BreakerState.CLOSED:
                raise CircuitOpenError(
                    Text.counted(
                        "{target} failed {count} time; calls are suspended",
                        "{target} failed {count} consecutive times; calls are suspended",
                        count=len(self._failing),
                        target=self.name,
                    ),
                    cure="find the cause, then run 'provisioner resume'",
                )

    @property
    def _all_is_well(self) -> bool:
        """Whether there is nothing to decide, without the lock: no failure is known, in this process or another."""
        return self.state is BreakerState.CLOSED and not self._failing and self._known is None

    def _is_suspicious(self, error: Exception, item: str | None) -> bool:
        """Whether the target may be the cause of a failure, so that its check has to decide."""
        if isinstance(error, (MisconfiguredError, ForbiddenError)):
            return True
        if isinstance(error, (RefusedError, ThrottledError)) or _is_no_connection(error):
            return False
        with self._lock:
            return self.state is BreakerState.HALF_OPEN or len({*self._failing, item or object()}) >= self.threshold

    def _examined(self, error: Exception, item: str | None, check: Callable[[], object], began: float) -> Exception:
        """Let the check decide whether a failure concerns the target or the item, and return the resulting error.

        Threads whose calls failed at the same time share one check.
        """
        with self._checking:
            found = self._checked(check, error, began)
        if found is None:
            self._note(None)
            return _of_item(error, self.name, item)
        if isinstance(found, (RefusedError, ThrottledError)):  # not conclusive
            self._note(found)
            return error
        self._note(found, item=item, confirmed=True)
        return _of_target(error)

    def _checked(self, check: Callable[[], object], error: Exception, began: float) -> Exception | None:
        """Return how the check failed; ``None`` if it passed, now, or at or just before the start of the call."""
        if self._good_at >= began - CHECK_HOLDS:
            return None
        if self.state in {BreakerState.OPEN, BreakerState.QUARANTINED}:  # another thread has just found out
            return _of_target(error)
        try:
            check()
        except Exception as failure:
            return _of_target(failure)
        self._good_at = time.monotonic()
        return None

    def _note(
        self, error: BaseException | None, *, item: str | None = None, probing: bool = False, confirmed: bool = False
    ) -> None:
        """Update the state after a call, and notify if necessary."""
        if error is None and self._all_is_well:
            return
        notice = None
        with self._lock:
            if error is None or isinstance(error, (RefusedError, ThrottledError)):
                self._worked()
            elif isinstance(error, Exception) and not isinstance(error, LeaseLostError):
                notice = self._failed(error, item, probing=probing, confirmed=confirmed)
            elif self.state is BreakerState.HALF_OPEN:
                self._open()  # the probe was interrupted without a result
        if notice:
            log.warning(
                "target_quarantined", target=self.name, error=notice.error.name, reason=str(notice.error.message)
            )
            self.notify(notice)

    def _worked(self) -> None:
        self._failing.clear()
        if self.state is not BreakerState.QUARANTINED:
            self.state = BreakerState.CLOSED
            if self._known:
                self._remember(lambda known: known if known and known.quarantined_at else None)

    def _failed(
        self, error: Exception, item: str | None, *, probing: bool, confirmed: bool
    ) -> TargetQuarantined | None:
        if self.state is BreakerState.QUARANTINED:
            return None
        was = self.state
        self._failing.add(object() if item is None or _is_no_connection(error) else item)
        ours = isinstance(error, MisconfiguredError) and item is None
        if was is BreakerState.HALF_OPEN or len(self._failing) >= self.threshold or ours or confirmed:
            self._open()
        changed = self.state is not was
        return self._remember_failure(error) if changed or probing else None

    def _open(self) -> None:
        self.state = BreakerState.OPEN
        self._opened_at = self.now()

    # -- stored state, under the lock -------------------------------------------------------------------------------

    def _remember_failure(self, error: Exception) -> TargetQuarantined | None:
        """Store a failure. Return the event of a quarantine if there was none for this reason yet."""
        told = ""

        def change(known: TargetHealth | None) -> TargetHealth:
            nonlocal told
            told = known.noticed if known else ""
            return self._after_failure(known, error)

        after = self._remember(change)
        if after is None or after.noticed == told:
            return None
        return TargetQuarantined(at=self.now(), target=self.name, failing_since=after.failing_since, error=after.error)

    def _after_failure(self, known: TargetHealth | None, error: Exception) -> TargetHealth:
        now = self.now()
        since = min(known.failing_since, now) if known else now
        quarantined_at = known.quarantined_at if known else None
        if quarantined_at is None and now - since >= self.quarantine_after:
            quarantined_at = now
        return TargetHealth(
            name=self.name,
            failing_since=since,
            error=_described(error),
            quarantined_at=quarantined_at,
            noticed=_reason(error) if quarantined_at else "",
        )

    def _look(self) -> None:
        """Read the results of other processes, if this was not done recently."""
        if self._is_outdated:
            self._know(lambda: self.health.get(self.name))

    @property
    def _is_outdated(self) -> bool:
        return self._known_at is None or self.now() >= self._known_at + self.pause

    def _remember(self, change: Change) -> TargetHealth | None:
        self._know(lambda: self.health.change(self.name, change))
        return self._known

    def _know(self, ask: Callable[[], TargetHealth | None]) -> None:
        """Use the stored state. If it can't be read, this process decides by its own calls."""
        self._known_at = self.now()
        try:
            self._known = ask()
        except StoreError as error:
            log.warning("health_not_kept", target=self.name, reason=str(error))
            return
        if self._known and self._known.quarantined_at:
            self.state = BreakerState.QUARANTINED
        elif self.state is BreakerState.QUARANTINED:  # a person resumed it
            self.state = BreakerState.CLOSED
            self._failing.clear()


def _is_no_connection(error: Exception) -> bool:
    """Whether a call failed before anything was sent about its item."""
    return isinstance(error, UnavailableError) and not error.reached


def _of_item(error: Exception, target: str, item: str | None) -> Exception:
    """Return *error* as an error of the item that the call concerned."""
    if not isinstance(error, MisconfiguredError):
        return error
    refusal = ItemMisconfiguredError(
        "{target} works, but refuses {item}: {reason}",
        cure="check {item} on {target}, and the permission to read and change it",
        target=target,
        item=item or "this call",
        reason=error.text,
    )
    if error.cure.template:
        refusal.cure = error.cure
    return refusal


def _of_target(error: Exception) -> Exception:
    """Return *error* as an error of the whole target."""
    if not isinstance(error, ForbiddenError):
        return error
    found = MisconfiguredError(error.text, cure=error.cure)
    found.target = error.target
    return found


def _described(error: Exception) -> StepError:
    """Return *error* as it is stored; the text of an external one may quote a secret."""
    return (
        step_error(error) if isinstance(error, ProvisionerError) else StepError(name=type(error).__name__, message="")
    )


def _reason(error: Exception) -> str:
    """Return a key that is the same for equal failures, regardless of numbers in the text."""
    return (
        f"{type(error).__name__}: {error.text.template}"
        if isinstance(error, ProvisionerError)
        else type(error).__name__
    )
