from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import require_lease
from provisioner.core.api.errors import LeaseLostError, UnavailableError
from provisioner.core.api.events import Event
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AccountReport, CreateAccount, ProbeAccount, Receipt, RotateSecret
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.people import People
from provisioner.core.gateways.breaker import BreakerState
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model import OperationState, Outcome
from provisioner.core.model.text import Text
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier, Purpose
from provisioner.store import LEASE_TTL
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.conftest import ORIGIN

MINUTE = timedelta(minutes=1)
LOST = Lease(left=lambda: 0.0)


class TestRequiring:
    def test_outside_an_operation_nothing_is_required(self) -> None:
        require_lease()

    def test_a_lease_that_has_run_out_is_refused_and_names_the_account(self) -> None:
        clock = FakeClock()
        with fenced("temel@x", Lease.of(MINUTE, clock.elapsed)):
            clock.advance(MINUTE / 2)
            require_lease()
            clock.advance(MINUTE / 2)
            with pytest.raises(LeaseLostError, match="temel@x"):
                require_lease()
        require_lease()

    def test_other_threads_have_leases_of_their_own(self) -> None:
        failures: list[Exception] = []

        def require() -> None:
            try:
                require_lease()
            except LeaseLostError as error:
                failures.append(error)

        with fenced("temel@x", LOST):
            thread = threading.Thread(target=require)
            thread.start()
            thread.join()

        assert failures == []


class TestGateway:
    @pytest.fixture(name="target")
    def _target(self) -> MemoryTarget:
        target = MemoryTarget()
        target.account_create(samples.create())
        return target

    def test_no_change_and_no_message_goes_out_after_the_lease(self, plugins: Plugins, target: MemoryTarget) -> None:
        phones = MemoryChannel()
        gateway = plugins.add_target("posta", target, ORIGIN)
        channel = plugins.add_channel("sms", phones, ORIGIN)
        undo = gateway.change(samples.rotate()).undo
        assert undo is not None
        calls: list[Callable[[], object]] = [
            lambda: gateway.change(samples.rotate()),
            lambda: gateway.undo(undo, samples.rotate()),
            lambda: channel.deliver(samples.deliver()),
            lambda: channel.notify(samples.notice()),
        ]
        with fenced("temel@x", LOST):
            for call in calls:
                with pytest.raises(LeaseLostError):
                    call()
            gateway.probe(samples.probe())

        assert gateway.breaker.state is BreakerState.CLOSED
        assert phones.inbox(samples.HOLDER.mobile or "") == []
        assert phones.notices(samples.HOLDER.mobile or "") == []

    def test_each_retry_is_compared_with_the_lease(self, plugins: Plugins, target: MemoryTarget) -> None:
        faulty, left = FaultTarget(target), [1.0]
        faulty.faults.on("account_rotate", Fault.CANNOT_CONNECT, {1})
        gateway = plugins.add_target("posta", faulty, ORIGIN)
        retry = Retry(RetryPolicy(first_wait=timedelta(0)), threading.Event())

        def attempt(_: int) -> object:
            try:
                return gateway.change(samples.rotate())
            except UnavailableError:
                left[0] = 0.0  # the process is stopped while it waits for the next try
                raise

        with fenced("temel@x", Lease(left=lambda: left[0])), pytest.raises(LeaseLostError):
            retry.call(attempt)

        assert faulty.faults.calls["account_rotate"] == 1

    def test_a_lost_lease_is_no_failure_of_the_target(self, plugins: Plugins) -> None:
        gateway = plugins.add_target("posta", Losing(), ORIGIN)
        for _ in range(10):
            with pytest.raises(LeaseLostError):
                gateway.change(samples.rotate())

        assert gateway.breaker.state is BreakerState.CLOSED


@attrs.define(eq=False)
class Losing:
    """A target that finds out right before it sends."""

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Any:
        with fenced("temel@x", LOST):
            require_lease()


@attrs.define(eq=False)
class Slow:
    """A target at which the first renewal arrives late, because its process is stopped right after it sent it."""

    inner: MemoryTarget
    stopped: Callable[[], None]
    late: list[RotateSecret] = attrs.field(factory=list)

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        return self.inner.account_create(request)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        self.late.append(request)
        self.stopped()
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        return self.inner.account_probe(request)


def test_what_is_taken_from_a_process_that_may_live_waits_for_its_last_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call that the other process made right before its lease ended may still arrive."""
    clock, target, phones = FakeClock(), MemoryTarget(), MemoryChannel()
    waited: list[float] = []

    def take_over() -> None:
        clock.advance(2 * LEASE_TTL)
        with start(target, takeover_wait=MINUTE) as successor:
            monkeypatch.setattr(successor.stop, "wait", arrive)
            assert [one.state for one in successor.resume()] == [OperationState.DONE]

    def arrive(seconds: float) -> None:
        waited.append(seconds)
        target.account_rotate(slow.late[0])

    def start(posta: object, **options: Any) -> Harness:
        return Harness(
            tmp_path / "store.sqlite",
            targets={"posta": posta},
            channels={"sms": phones},
            clock=clock,
            elapsed=clock.elapsed,
            **options,
        )

    slow = Slow(target, take_over)
    with start(slow) as stopped:
        stopped.know(units=[samples.UNIT], persons=[samples.HOLDER])
        stopped.open([samples.UNIT.code])
        [operation] = stopped.rotate([samples.ACCOUNT.login])

    assert operation.error is not None
    assert operation.error.name == "LeaseLostError"
    assert waited == [MINUTE.total_seconds()]
    assert target.logs_in(samples.ACCOUNT.login, phones.inbox(samples.HOLDER.mobile or "")[-1].password)


class TestNotices:
    @pytest.mark.parametrize(("good_for", "due", "told"), [(1, True, 1), (1, False, 0), (0, True, 0)])
    def test_what_was_looked_up_too_long_ago_or_is_not_due_any_more_is_not_sent(
        self, plugins: Plugins, good_for: int, due: bool, told: int
    ) -> None:
        phones, noted = MemoryChannel(), list[Notice]()
        retry = Retry(RetryPolicy(), threading.Event())
        notifier = Notifier(
            people=People(lambda _: samples.HOLDER, lambda _: {}, retry),
            channels=[plugins.add_channel("sms", phones, ORIGIN)],
            retry=retry,
            say=str,
            record=lambda *_: None,
            earlier=lambda _: {},
            now=FakeClock(),
            good_for=good_for * MINUTE,
        )
        deadline = Deadline(at=FakeClock()(), action=Action.WARN, reason=Text("renew"), source="")
        notice = Notice(subject="temel@x", deadline=deadline, recipient=samples.HOLDER.id)

        def met(notice: Notice) -> Event:
            noted.append(notice)
            return Event(at=FakeClock()())

        answer = list(notifier.tell([notice], Purpose(met=met, still_due=lambda some: some if due else [])))

        assert len([one for one in answer if not one.error]) == told
        assert len(noted) == len(phones.notices(samples.HOLDER.mobile or "")) == told
