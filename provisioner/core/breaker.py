"""A circuit breaker: a target that is down is left alone until a single call has shown that it is back.

One that has not worked for a long time is quarantined: nothing is sent to it any more until somebody has looked at it
and says ``provisioner target resume``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Self

import attrs
import structlog

from provisioner.core.errors import (
    LeaseLostError,
    LeftAloneError,
    MisconfiguredError,
    ProvisionerError,
    QuarantinedError,
    RefusedError,
    StoreError,
    ThrottledError,
)
from provisioner.core.events import TargetQuarantined
from provisioner.core.health import Change, Health, MemoryHealth, TargetHealth
from provisioner.core.logbook import step_error
from provisioner.core.maintenance import Maintenance
from provisioner.core.model import StepError

log = structlog.stdlib.get_logger(__name__)


class BreakerState(StrEnum):
    """Whether calls go through."""

    #: They do.
    CLOSED = "closed"
    #: They do not; the target failed too often in a row.
    OPEN = "open"
    #: One does, as a probe.
    HALF_OPEN = "half_open"
    #: They do not, until somebody resumes the target.
    QUARANTINED = "quarantined"


@attrs.define(eq=False, kw_only=True)
class Breaker:
    """Wraps the calls to one target. Use it as a context manager around each call; threads may do so at once.

    A wrong credential or setting trips it at once: it will not get better, and more tries may lock the account.

    The lock is held while the state changes and never during a call, so parallel calls stay parallel; when the time
    to try again has come, exactly one caller gets through.

    What it remembers beyond the process is written when it opens, when a probe fails and when the target works again,
    and read once in each pause; so a quarantine, and its end, reach every process.
    """

    #: The name of the target, for messages.
    name: str
    now: Callable[[], datetime]
    #: How many calls must fail in a row before the target is left alone.
    threshold: int = 5
    #: How long it is then left alone.
    pause: timedelta = timedelta(seconds=30)
    #: How long it may fail, without a success in between, before it is quarantined.
    quarantine_after: timedelta = timedelta(hours=1)
    health: Health = attrs.field(factory=MemoryHealth)
    #: Tells whether somebody is working on the target. Then no call goes through, and none is counted.
    maintenance: Callable[[str], Maintenance | None] = lambda _: None
    #: Told of a quarantine, once for each reason.
    notify: Callable[[TargetQuarantined], None] = attrs.field(default=lambda _: None)
    state: BreakerState = attrs.field(default=BreakerState.CLOSED, init=False)
    _failures: int = attrs.field(default=0, init=False)
    #: The first failure in a row of which nothing was written yet.
    _failing_since: datetime | None = attrs.field(default=None, init=False)
    _opened_at: datetime | None = attrs.field(default=None, init=False)
    _known: TargetHealth | None = attrs.field(default=None, init=False)
    _known_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @contextmanager
    def probe(self) -> Iterator[None]:
        """Wrap a call that finds out whether the target is back. It need not wait for the end of the pause.

        Its failure is remembered at once: a program that runs for a moment makes no second call.
        """
        with self._lock:
            if self.state is BreakerState.OPEN:
                self._opened_at = self.now() - self.pause
        self._admit()
        try:
            yield
        except BaseException as error:
            self._note(error, probing=True)
            raise
        self._note(None, probing=True)

    @property
    def failing(self) -> bool:
        """Whether the last call failed, or none is let through."""
        return bool(self._failures) or self.state is not BreakerState.CLOSED or bool(self.maintenance(self.name))

    def expect_no_quarantine(self) -> None:
        """Make sure that somebody still wants the target to be called.

        Raises:

            QuarantinedError: Nobody does.
        """
        with self._lock:
            self._look()
            if self.state is BreakerState.QUARANTINED and self._known:
                raise QuarantinedError(
                    "{target} has not worked since {since} and is quarantined: {error}",
                    cure="mend it, then run 'provisioner target resume {target}'",
                    target=self.name,
                    since=self._known.failing_since,
                    error=self._known.error.message or self._known.error.name,
                )

    def __enter__(self) -> Self:
        self._admit()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._note(error, probing=False)

    def _admit(self) -> None:
        if maintenance := self.maintenance(self.name):
            raise maintenance.error()
        self.expect_no_quarantine()
        with self._lock:
            if self.state is BreakerState.OPEN and self._opened_at and self.now() >= self._opened_at + self.pause:
                self.state = BreakerState.HALF_OPEN
            elif self.state is not BreakerState.CLOSED:
                raise LeftAloneError(
                    "{target} failed {count} times in a row and is left alone for a while",
                    cure="see what is wrong with it, then run 'provisioner resume'",
                    target=self.name,
                    count=self._failures,
                )

    def _note(self, error: BaseException | None, *, probing: bool) -> None:
        """Draw the conclusion from how a call ended, and tell of it where that is due."""
        notice = None
        with self._lock:
            if error is None or isinstance(error, (RefusedError, ThrottledError)):
                self._worked()
            elif isinstance(error, Exception) and not isinstance(error, LeaseLostError):
                notice = self._failed(error, probing=probing)
            elif self.state is BreakerState.HALF_OPEN:
                self._open()  # the probe was interrupted and told nothing
        if notice:
            log.warning("target_quarantined", target=self.name, error=notice.error.name, reason=notice.error.message)
            self.notify(notice)

    def _worked(self) -> None:
        self._failures = 0
        self._failing_since = None
        if self.state is not BreakerState.QUARANTINED:
            self.state = BreakerState.CLOSED
            if self._known:
                self._remember(lambda known: known if known and known.quarantined_at else None)

    def _failed(self, error: Exception, *, probing: bool) -> TargetQuarantined | None:
        if self.state is BreakerState.QUARANTINED:
            return None
        was = self.state
        self._failures += 1
        if self._failures == 1:
            self._failing_since = self.now()
        if was is BreakerState.HALF_OPEN or self._failures >= self.threshold or isinstance(error, MisconfiguredError):
            self._open()
        changed = self.state is not was
        return self._remember_failure(error) if changed or probing else None

    def _open(self) -> None:
        self.state = BreakerState.OPEN
        self._opened_at = self.now()

    # -- what is remembered beyond the process, under the lock -----------------------------------------------------

    def _remember_failure(self, error: Exception) -> TargetQuarantined | None:
        """Write a failure down; returns the notice of a quarantine if nobody was told of this reason yet."""
        told = ""

        def change(known: TargetHealth | None) -> TargetHealth:
            nonlocal told
            told = known.noticed if known else ""
            return self._after_failure(known, error)

        after = self._remember(change)
        self._failing_since = None
        if after is None or after.noticed == told:
            return None
        return TargetQuarantined(at=self.now(), target=self.name, failing_since=after.failing_since, error=after.error)

    def _after_failure(self, known: TargetHealth | None, error: Exception) -> TargetHealth:
        now = self.now()
        since = known.failing_since if known else self._failing_since or now
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
        """See what other processes found out, if it was not done lately."""
        if self._known_at is None or self.now() >= self._known_at + self.pause:
            self._know(lambda: self.health.health(self.name))

    def _remember(self, change: Change) -> TargetHealth | None:
        self._know(lambda: self.health.change_health(self.name, change))
        return self._known

    def _know(self, ask: Callable[[], TargetHealth | None]) -> None:
        """Take over what is known now. If it cannot be told, the calls decide, as in a process of its own."""
        self._known_at = self.now()
        try:
            self._known = ask()
        except StoreError as error:
            log.warning("health_not_kept", target=self.name, reason=str(error))
            return
        if self._known and self._known.quarantined_at:
            self.state = BreakerState.QUARANTINED
        elif self.state is BreakerState.QUARANTINED:  # somebody resumed it
            self.state = BreakerState.CLOSED
            self._failures = 0


def _described(error: Exception) -> StepError:
    """Return *error* as it is kept; the text of one that is not ours may quote a secret."""
    return (
        step_error(error) if isinstance(error, ProvisionerError) else StepError(name=type(error).__name__, message="")
    )


def _reason(error: Exception) -> str:
    """Return what makes one failure the same as another, whatever numbers are in its text."""
    return (
        f"{type(error).__name__}: {error.text.template}"
        if isinstance(error, ProvisionerError)
        else type(error).__name__
    )
