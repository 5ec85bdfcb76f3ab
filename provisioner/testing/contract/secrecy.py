"""No password in errors, logs, representations, receipts or reports."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast

import attrs
import pytest
import structlog

from provisioner.core.api.errors import TargetError
from provisioner.core.api.kinds import HOOKS
from provisioner.core.api.messages import AccountChange, DeliverSecret, ProbeAccount, Receipt
from provisioner.core.gateways.gateway import Gateway
from provisioner.core.model import spellings
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.cases import PLAIN, prepared
from provisioner.testing.contract.hostile import SECRETS
from provisioner.testing.contract.sandbox import Sandbox, target_gateway
from provisioner.testing.contract.tags import Tag, tagged

#: What leads from an object to the rest of the program.
CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)

#: Passwords that many a system refuses.
REFUSABLE = ("blank", "NUL inside", "lines", "64 KB")


@attrs.define(eq=False)
class Listener:
    """Hears everything that a check's calls say, as it is before the product masks it."""

    _caplog: pytest.LogCaptureFixture
    _capfd: pytest.CaptureFixture[str]

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Fill a list with everything that is logged, warned of or printed meanwhile, by threads too."""
        heard: list[str] = []
        self._capfd.readouterr()
        self._caplog.clear()
        with (
            _bare_records(),
            self._caplog.at_level("DEBUG"),
            structlog.testing.capture_logs() as events,
            warnings.catch_warnings(record=True) as warned,
            _hearing_threads(heard),
        ):
            warnings.simplefilter("always")
            yield heard
        heard += [
            repr(events),
            self._caplog.text,
            *(str(warning.message) for warning in warned),
            *self._capfd.readouterr(),
        ]

    def printed(self, call: Callable[[], object]) -> str:
        """Return what a call prints on stdout, whatever else comes of it."""
        self._capfd.readouterr()
        # Where nobody has set structlog up, it prints; the product does set it up.
        with suppress(TargetError), structlog.testing.capture_logs():
            call()
        return self._capfd.readouterr().out


@contextmanager
def _bare_records() -> Iterator[None]:
    """Make records of logs as they are; the product makes them without secrets."""
    former = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    try:
        yield
    finally:
        logging.setLogRecordFactory(former)


@contextmanager
def _hearing_threads(heard: list[str]) -> Iterator[None]:
    """Hear how threads end that were not waited for, and what is raised where nobody can catch it."""
    former = threading.excepthook, sys.unraisablehook

    def hear(error: threading.ExceptHookArgs | sys.UnraisableHookArgs) -> None:
        heard.extend(traceback.format_exception(error.exc_value) if error.exc_value else ())

    threading.excepthook = sys.unraisablehook = hear
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = former


class ListenerFixtures:
    """What the checks of secrecy are given."""

    @pytest.fixture
    def listener(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Listener:
        """Hears what is logged and printed."""
        return Listener(caplog, capfd)


@tagged(Tag.SECRECY)
class SecrecyChecks(ListenerFixtures):
    """Checks that nobody but its owner sees a password (001 ¶5; 000 m.5/j)."""

    @pytest.mark.parametrize("change", PLAIN)
    def test_no_secret_in_receipts_and_logs(self, sandbox: Sandbox, listener: Listener, change: str) -> None:
        """Receipts are stored in the journal, and many people read logs."""
        case = prepared(change, sandbox)

        with listener.listening() as heard:
            receipt = call_past_masking(sandbox.target, case.request)

        assert isinstance(receipt, Receipt), f"{change} answers {type(receipt).__name__} instead of a Receipt"
        said = (repr(receipt), receipt.reference, receipt.detail)
        expect_unsaid(secrets_of(case.before.secret, case.after.secret), "a receipt", *said)
        expect_unsaid(secrets_of(case.before.secret, case.after.secret), "what was logged or printed", *heard)

    @pytest.mark.parametrize("change", PLAIN)
    def test_prints_nothing(self, sandbox: Sandbox, listener: Listener, change: str) -> None:
        """Stdout is for the output of a command, which may be one JSON document. Log everything else."""
        case = prepared(change, sandbox)
        probe = ProbeAccount(account=case.request.account, secret=sandbox.make_secret())

        printed = listener.printed(partial(call_past_masking, sandbox.target, case.request))
        if "account_probe" in sandbox.target.hooks:
            printed += listener.printed(partial(call_past_masking, sandbox.target, probe))

        is_silent = not printed  # outside of what is explained: it may have a password
        assert is_silent, f"{change} prints on stdout"

    def test_no_secret_in_reports_and_logs(self, sandbox: Sandbox, listener: Listener) -> None:
        """The result of the probe is for people and for reconciliation, so it contains no password."""
        sandbox.needs("account_probe")
        account, secret = sandbox.opened()
        wrong = sandbox.make_secret()

        with listener.listening() as heard:
            probes = [ProbeAccount(account=account, secret=candidate) for candidate in (None, secret, wrong)]
            reports = [call_past_masking(sandbox.target, probe) for probe in probes]

        expect_unsaid((secret, wrong), "a report", *map(repr, reports))
        expect_unsaid((secret, wrong), "what was logged or printed", *heard)

    def test_no_secret_in_the_representation(self, sandbox: Sandbox, target: object) -> None:
        """The representation of the plug-in's object may be printed, for example by a failing test."""
        account, secret = sandbox.opened()
        sandbox.probe(account, secret)

        expect_unsaid((secret,), "repr() or str() of the plug-in's object", repr(target), str(target))

    def test_no_secret_is_kept(self, sandbox: Sandbox, target: object) -> None:
        """After a call, no object of the plug-in contains the password. Clients keep their last request."""
        account, secret = sandbox.opened()
        sandbox.probe(account, secret)

        is_held = _is_held(target, secret)  # outside of what is explained: the target's representation may have it too
        assert not is_held, "the plug-in's object still holds a password after the calls with it"

    def test_no_secret_in_errors(self, sandbox: Sandbox, listener: Listener) -> None:
        """Errors are stored and shown. The core masks secrets in them; this check looks at them before."""
        secret = sandbox.make_secret()
        requests: list[AccountChange] = [
            request
            for request in (
                sandbox.rotating(sandbox.account(), secret),
                sandbox.handing_over(sandbox.account(), secret),
            )
            if HOOKS[type(request)] in sandbox.target.hooks
        ]
        for request in requests:
            _expect_discreet(sandbox.target, request, listener)

    @pytest.mark.parametrize("kind", REFUSABLE)
    def test_no_secret_in_refusals(self, sandbox: Sandbox, listener: Listener, kind: str) -> None:
        """A refusal must not quote the refused password."""
        sandbox.needs("account_rotate")
        account, _ = sandbox.opened()

        _expect_discreet(sandbox.target, sandbox.rotating(account, Secret(SECRETS[kind])), listener)

    def test_no_secret_in_the_refusal_of_a_secret(
        self, sandbox: Sandbox, listener: Listener, refused_secret: Secret
    ) -> None:
        """The same for a password that the system refuses: it may be valid elsewhere."""
        request = sandbox.creating(sandbox.account(), refused_secret)

        _expect_discreet(sandbox.target, request, listener)

    def test_no_secret_in_errors_of_wrong_credentials(
        self, sandbox: Sandbox, listener: Listener, target_with_wrong_credentials: object
    ) -> None:
        """The message about wrong credentials quotes neither the credentials nor the password."""
        target = target_gateway(target_with_wrong_credentials)

        _expect_discreet(target, sandbox.creating(sandbox.account(), sandbox.make_secret()), listener)

    def test_no_secret_in_errors_of_an_unreachable_system(
        self, sandbox: Sandbox, listener: Listener, unreachable_target: object
    ) -> None:
        """The message about a broken network doesn't quote the password."""
        target = target_gateway(unreachable_target)

        _expect_discreet(target, sandbox.creating(sandbox.account(), sandbox.make_secret()), listener)


def _expect_discreet(target: Gateway, request: AccountChange, listener: Listener) -> None:
    """Make a call past the core's masking, and see that what it raises and says is fit to be seen."""
    __tracebackhide__ = True
    expect_discreet(lambda: call_past_masking(target, request), request, listener)


def call_past_masking(gateway: Gateway, request: AccountChange | ProbeAccount | DeliverSecret) -> object:
    """Call a hook without what the core does to its answers and errors."""
    hook = _HOOKS.get(type(request)) or HOOKS[cast("type[AccountChange]", type(request))]
    return gateway.callers[hook](request=request)


#: The hooks of what is no change of an account.
_HOOKS: Mapping[type, str] = {ProbeAccount: "account_probe", DeliverSecret: "secret_deliver"}


def expect_discreet(call: Callable[[], object], request: object, listener: Listener) -> None:
    """Make a call, and see that what it raises and says does not quote the secret of its request."""
    __tracebackhide__ = True
    secret = getattr(request, "secret", None)
    with listener.listening() as heard:
        said = _raised(call)
    expect_unsaid(secrets_of(secret), "an error, or one that it is chained to", *said)
    expect_unsaid(secrets_of(secret), "what was logged or printed", *heard)


def _is_held(root: object, secret: Secret) -> bool:
    """Return whether the clear text of *secret* is in anything that can be reached from an object, code aside."""
    clear, seen, waiting = secret.reveal(), {id(root)}, [root]
    while waiting:
        one = waiting.pop()
        if clear in one if isinstance(one, str) else isinstance(one, bytes) and clear.encode() in one:
            return True
        new = [other for other in gc.get_referents(one) if id(other) not in seen and not isinstance(other, CODE)]
        seen.update(map(id, new))
        waiting += new
    return False


def _raised(call: Callable[[], object]) -> list[str]:
    """Return all that a call's error says, by itself and in a traceback; nothing if there is none."""
    try:
        call()
    except TargetError as error:
        return [repr(error), str(error.cure), repr(error.__dict__), *traceback.format_exception(error)]
    except (Exception, SystemExit) as error:
        return [repr(error), *traceback.format_exception(error)]
    return []


def secrets_of(*secrets: Secret | None) -> tuple[Secret, ...]:
    """Return those that are there."""
    return tuple(secret for secret in secrets if secret is not None)


def expect_unsaid(secrets: tuple[Secret, ...], place: str, *said: str | None) -> None:
    """Check that none of these secrets is in a text, in whatever spelling. A very short one is in every text."""
    __tracebackhide__ = True  # pytest would show the arguments
    data = "\n".join(text for text in said if text).encode(errors="surrogatepass")
    for secret in secrets:
        is_quoted = bool(spellings.find(secret.reveal(), data))
        assert not is_quoted, f"{place} quotes a password"
