"""Failing systems, lost answers, and the resulting state of the account."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import attrs
import pytest

from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CreateAccount, HandOver, Presence, ProbeAccount, RotateSecret
from provisioner.core.gateways.gateway import LIST
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.cases import PLAIN, Case, prepared
from provisioner.testing.contract.inventory import listed, of
from provisioner.testing.contract.load import expect_no_growth
from provisioner.testing.contract.sandbox import Sandbox, expecting_no_defect, target_gateway
from provisioner.testing.contract.secrecy import Listener, ListenerFixtures, call_past_masking, expect_discreet
from provisioner.testing.contract.tags import Tag, tagged
from provisioner.testing.proxy import TcpProxy, WireFault

#: The faults that hit one request and are noticed at once.
LOSSES = (WireFault.LOSE_REQUEST, WireFault.LOSE_ANSWER, WireFault.CUT_ANSWER)

#: More requests than any call sends, handshakes included.
MOST_REQUESTS = 50

#: The first requests of a call, in which a password is on its way.
FEW_REQUESTS = 5


@tagged(Tag.WIRE)
class WireChecks(ListenerFixtures):
    """Checks of what goes wrong on the way, and that its class says what may have happened."""

    @pytest.mark.parametrize("change", PLAIN)
    def test_wrong_credentials_are_misconfigured(
        self, sandbox: Sandbox, target_with_wrong_credentials: object, change: str
    ) -> None:
        """Wrong credentials of the product stop the run for this target. A retry would lock the service account."""
        case = prepared(change, sandbox)
        target = target_gateway(target_with_wrong_credentials)

        with pytest.raises(MisconfiguredError):
            expecting_no_defect(lambda: target.change(case.request))

        sandbox.expect(case.account, case.before, f"{change} with wrong credentials")

    def test_wrong_credentials_show_in_check_and_probe(
        self, sandbox: Sandbox, target_with_wrong_credentials: object
    ) -> None:
        """Neither the check nor the probe succeeds, and the probe doesn't report an account as absent that it can't
        see.
        """
        account, _ = sandbox.opened()
        target = target_gateway(target_with_wrong_credentials)

        with pytest.raises(MisconfiguredError):
            expecting_no_defect(lambda: target.probe(ProbeAccount(account=account)))
        if "target_check" in target.hooks:
            with pytest.raises(MisconfiguredError):
                expecting_no_defect(target.check)

    @pytest.mark.parametrize("change", PLAIN)
    def test_an_unreachable_system_is_unavailable(
        self, sandbox: Sandbox, unreachable_target: object, patience: float, change: str
    ) -> None:
        """If nothing was sent, the error says so: the engine then doesn't need a probe."""
        case = prepared(change, sandbox)
        target = target_gateway(unreachable_target)

        with pytest.raises(UnavailableError), in_time(patience):
            expecting_no_defect(lambda: target.change(case.request))

        sandbox.expect(case.account, case.before, f"{change} on a system that cannot be reached")

    def test_an_unreachable_system_shows_in_check_and_probe(
        self, sandbox: Sandbox, unreachable_target: object, patience: float
    ) -> None:
        """A system that doesn't answer is not a system without the account."""
        account, _ = sandbox.opened()
        target = target_gateway(unreachable_target)

        with pytest.raises(TransientError), in_time(patience):
            expecting_no_defect(lambda: target.probe(ProbeAccount(account=account)))
        if "target_check" in target.hooks:
            with pytest.raises(UnavailableError), in_time(patience):
                expecting_no_defect(target.check)

    @pytest.mark.parametrize("change", PLAIN)
    def test_throttling_is_said(self, sandbox: Sandbox, throttled_target: object, change: str) -> None:
        """Rate limiting has its own error class, and nothing was changed. The engine waits as requested."""
        case = prepared(change, sandbox)

        with pytest.raises(ThrottledError):
            expecting_no_defect(lambda: target_gateway(throttled_target).change(case.request))

        sandbox.expect(case.account, case.before, f"{change} on a system that limits the rate")

    @pytest.mark.parametrize("change", ["create", "create again", "rotate", "handover"])
    def test_a_refused_secret_changes_nothing(self, sandbox: Sandbox, refused_secret: Secret, change: str) -> None:
        """A password that the system refuses is a refusal, and the account is unchanged."""
        case = _with_secret(prepared(change, sandbox), refused_secret)

        with pytest.raises(RefusedError):
            sandbox.do(case.request)

        sandbox.expect(case.account, case.before, f"{change} with a password that is refused")

    @pytest.mark.parametrize("fault", LOSSES)
    @pytest.mark.parametrize("change", PLAIN)
    def test_a_lost_answer_is_told_as_it_is(
        self, wired: Sandbox, wire: TcpProxy, change: str, fault: WireFault
    ) -> None:
        """Whichever message of a call is lost, the class of the error is correct, and a repeated request succeeds.

        An error that says "nothing was changed" is right about that; one that says "nobody knows" leaves one or the
        other, which the probe then tells; and a receipt is right about the change.
        """
        for case, error in swept(wire, fault, wired, change):
            _expect_true(wired, case, error, f"{change} and {fault}")
            wired.patiently(partial(wired.do, case.request))
            wired.expect(case.account, case.after, f"{change}, {fault}, and {change} again")

    @pytest.mark.parametrize("fault", LOSSES)
    def test_a_probe_whose_answer_is_lost_says_nothing(self, wired: Sandbox, wire: TcpProxy, fault: WireFault) -> None:
        """A probe without an answer raises a TransientError, and never invents a result."""
        account, secret = wired.opened()
        for answer in _swept_probes(wired, wire, fault, ProbeAccount(account=account, secret=secret)):
            assert answer in {(Presence.ENABLED, True), None}, f"a probe answers {answer} after {fault}"

    @pytest.mark.parametrize("fault", LOSSES)
    def test_list_whose_answer_is_lost_is_an_error(self, wired: Sandbox, wire: TcpProxy, fault: WireFault) -> None:
        """Whichever answer of a list is lost, the list is complete or an error, and nobody is missing because of it."""
        wired.needs(LIST)
        account, _ = wired.opened()
        for number in range(MOST_REQUESTS):
            with struck(wire, fault, number) as hit:
                try:
                    found = listed(wired)
                except TargetError:
                    assert hit(), "the list fails, although every answer arrived"
                else:
                    assert of(account, found), f"a list that says that it is complete lacks an account after {fault}"
            if not hit():
                return

    def test_nothing_is_left_open_after_lost_answers(self, wired: Sandbox, wire: TcpProxy) -> None:
        """A broken connection is closed, so that an unreliable network doesn't exhaust the connections of the
        process.
        """
        account, _ = wired.opened()

        def lose() -> None:
            with struck(wire, WireFault.LOSE_ANSWER, 0), suppress(TargetError):
                wired.do(wired.creating(account, wired.make_secret()))

        lose()
        expect_no_growth(lose)

    @pytest.mark.parametrize("fault", LOSSES)
    def test_no_secret_in_errors_of_a_lost_answer(
        self, wired: Sandbox, wire: TcpProxy, listener: Listener, fault: WireFault
    ) -> None:
        """The message about a lost answer doesn't quote the password, which libraries put into their exceptions."""
        for number in range(FEW_REQUESTS):
            request = wired.creating(wired.account(), wired.make_secret())
            with struck(wire, fault, number) as hit:
                expect_discreet(partial(call_past_masking, wired.target, request), request, listener)
            if not hit():
                return

    @pytest.mark.parametrize("change", PLAIN)
    def test_time_outs_end(self, wired: Sandbox, wire: TcpProxy, patience: float, change: str) -> None:
        """A system that stops answering doesn't block a worker permanently, and works again afterwards."""
        case = prepared(change, wired)
        wire.fail(WireFault.BLACK_HOLE)

        with pytest.raises((UnknownOutcomeError, TransientError)), in_time(patience):
            wired.do(case.request)

        wire.heal()
        wired.expect(case.account, case.before, f"{change} into silence")
        wired.patiently(lambda: wired.do(case.request))
        wired.expect(case.account, case.after, f"{change} after a silence")

    def test_time_outs_end_for_check_and_probe(self, wired: Sandbox, wire: TcpProxy, patience: float) -> None:
        """A check or probe of a system that doesn't answer ends too, and returns no result."""
        account, secret = wired.opened()
        wire.fail(WireFault.BLACK_HOLE)

        with pytest.raises(TransientError), in_time(patience):
            expecting_no_defect(lambda: wired.target.probe(ProbeAccount(account=account, secret=secret)))
        if "target_check" in wired.target.hooks:
            with pytest.raises(UnavailableError), in_time(patience):
                expecting_no_defect(wired.target.check)

    def test_a_system_that_comes_back_is_used_again(self, wired: Sandbox, wire: TcpProxy) -> None:
        """After a restart of the system, the same object works without a restart of the program."""
        account, secret = wired.opened()
        wire.fail(WireFault.REFUSE)
        with pytest.raises(TransientError):
            expecting_no_defect(lambda: wired.target.probe(ProbeAccount(account=account)))

        wire.heal()

        wired.expect_open(account, secret, "an outage")


@contextmanager
def in_time(patience: float) -> Iterator[None]:
    """Check that something ends in time, whether it raises or not."""
    began = time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - began
        assert taken < patience, f"it took {taken:.0f} seconds to end, and 'patience' is {patience:g}"


def swept(wire: TcpProxy, fault: WireFault, sandbox: Sandbox, change: str) -> Iterator[tuple[Case, TargetError | None]]:
    """Make a change again and again, each time hitting another one of its requests, until there are no more.

    Yields each case and what was raised, with the network whole again.
    """
    for number in range(MOST_REQUESTS):
        case = prepared(change, sandbox)
        with struck(wire, fault, number) as hit:
            error = _error_of(partial(sandbox.do, case.request))
        yield case, error
        if not hit():
            return
    pytest.fail(f"one {change} sends more than {MOST_REQUESTS} requests, or repeats what is lost by itself")


def _swept_probes(
    sandbox: Sandbox, wire: TcpProxy, fault: WireFault, request: ProbeAccount
) -> Iterator[tuple[Presence, bool | None] | None]:
    """Do the same with a probe. Yields its answers, and ``None`` for a TransientError."""
    for number in range(MOST_REQUESTS):
        with struck(wire, fault, number) as hit:
            try:
                report = expecting_no_defect(lambda: sandbox.target.probe(request))
                answer = report.presence, report.secret_accepted
            except TransientError:
                answer = None
        yield answer
        if not hit():
            return


@contextmanager
def struck(wire: TcpProxy, fault: WireFault, number: int) -> Iterator[Callable[[], bool]]:
    """Let one request fail, counted from 0. Yields what tells whether it did."""
    before = wire.failures
    wire.fail(fault, requests=1, after=number)
    try:
        yield lambda: wire.failures > before
    finally:
        wire.heal()


def _error_of(call: Callable[[], object]) -> TargetError | None:
    try:
        call()
    except TargetError as error:
        return error
    return None


def _expect_true(sandbox: Sandbox, case: Case, error: TargetError | None, after: str) -> None:
    """Check that the account is in a state that this error allows."""
    if error is None:
        sandbox.expect(case.account, case.after, after)
    elif not isinstance(error, UnknownOutcomeError):
        sandbox.expect(case.account, case.before, f"{after}, with {type(error).__name__}")
    elif case.before.secret and case.after.secret:
        secrets = dict.fromkeys((case.before.secret, case.after.secret))
        works = [secret for secret in secrets if sandbox.takes(case.account, secret)]
        assert len(works) == 1, f"after {after}, of the former and the new password {len(works)} log in"


def _with_secret(case: Case, secret: Secret) -> Case:
    """Return the same change with another password."""
    assert isinstance(case.request, CreateAccount | RotateSecret | HandOver)
    before = attrs.evolve(case.before, dead=(secret,))
    return attrs.evolve(case, request=attrs.evolve(case.request, secret=secret), before=before)
