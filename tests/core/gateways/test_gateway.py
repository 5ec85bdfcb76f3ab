from __future__ import annotations

import base64
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from provisioner.core.api.errors import (
    CircuitOpenError,
    DryRunError,
    PluginDefectError,
    RefusedError,
    TargetError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountReport,
    CheckChannel,
    CreateAccount,
    DeliverNotice,
    Presence,
    ProbeAccount,
    Receipt,
)
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.conftest import ORIGIN

CLEAR = samples.SECRET.reveal()
SPELLED: list[Callable[[str], str]] = [
    str,
    str.upper,
    quote,
    lambda clear: base64.b64encode(f"u:{clear}".encode()).decode(),
    lambda clear: clear.encode().hex(),
]


@attrs.define(eq=False)
class Scripted:
    """A target that does what the test says."""

    behave: Callable[[Any], Any]

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        result: Receipt = self.behave(request)
        return result


def scripted(plugins: Plugins, behave: Callable[[Any], Any]) -> Target:
    return plugins.add_target("posta", Scripted(behave), ORIGIN)


def raising(error: BaseException) -> Callable[[Any], Any]:
    def behave(_: object) -> None:
        raise error

    return behave


def text_of(error: BaseException) -> str:
    """Return everything of an error that anybody might print, its causes included."""
    parts = [repr(error), str(error), repr(error.__dict__)]
    if isinstance(error, TargetError):
        parts += [str(error.cure), repr(error.text), repr(error.cure)]
    chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join([*parts, text_of(chained)]) if chained else "\n".join(parts)


@pytest.mark.parametrize(
    "error",
    [
        RefusedError(f"no {CLEAR} here"),
        RefusedError("no {word} here", word=CLEAR, cure="not {word}"),
        UnknownOutcomeError("{reply}", reply=f"<xml>{CLEAR}</xml>"),
        ThrottledError("later, {word}", word=CLEAR, retry_after=3),
        KeyError(CLEAR),
        ValueError(f"cannot parse {CLEAR}"),
        type("OwnError", (Exception,), {"__str__": lambda _: CLEAR})(),
    ],
)
def test_no_error_brings_the_secret_out(plugins: Plugins, error: Exception) -> None:
    with pytest.raises(TargetError) as caught:
        scripted(plugins, raising(error)).change(samples.create())

    assert CLEAR not in text_of(caught.value)


class PickyError(RefusedError):
    """An error of a plug-in's own, made from other arguments, which carries what it was made from."""

    def __init__(self, request: object, body: bytes) -> None:
        super().__init__("refused")
        self.request = request
        self.body = body


@pytest.mark.parametrize("spell", SPELLED)
@pytest.mark.parametrize(
    "make",
    [
        lambda said: RefusedError(f"no {said} here"),
        lambda said: RefusedError("no", cure="not {word}", word=said),
        lambda said: UnknownOutcomeError("{reply}", reply=Exception(said)),
        lambda said: PickyError(object(), said.encode()),
    ],
)
def test_no_error_brings_the_secret_out_in_any_spelling(
    plugins: Plugins, spell: Callable[[str], str], make: Callable[[str], Exception]
) -> None:
    said = spell(CLEAR)
    with pytest.raises(TargetError) as caught:
        scripted(plugins, raising(make(said))).change(samples.create())

    assert said not in text_of(caught.value)
    assert caught.value.target == "posta"


def test_no_error_brings_out_a_secret_that_passes(plugins: Plugins) -> None:
    """Passwords that are made here are among many others, and go with their operation."""
    secret = Secret("Qz7mWp3xKv9t", passing=True)
    said = secret.reveal()
    target = scripted(plugins, raising(PickyError(object(), said.encode())))

    with pytest.raises(TargetError) as caught:
        target.change(attrs.evolve(samples.create(), secret=secret))
    assert said not in text_of(caught.value)

    target = plugins.add_target("two", Scripted(raising(RefusedError("no {word}", word=said))), ORIGIN)
    with pytest.raises(TargetError, match="no <secret>") as caught:
        target.change(attrs.evolve(samples.create(), secret=secret))
    assert said not in text_of(caught.value)

    target = plugins.add_target("three", Scripted(lambda _: Receipt(outcome=Outcome.APPLIED, detail=said)), ORIGIN)
    assert target.change(attrs.evolve(samples.create(), secret=secret)).detail == "<secret>"


def test_an_error_leads_to_nothing_that_the_plug_in_held(plugins: Plugins) -> None:
    """Errors are kept, and the person who looks at their frames, as tools for crashes do, finds the variables there."""

    def behave(request: CreateAccount) -> Receipt:
        body = request.secret.reveal().encode()
        try:
            body.decode("utf-16")
            int(body)
        except ValueError as error:
            raise RefusedError("no") from error
        raise AssertionError

    with pytest.raises(RefusedError) as caught:
        scripted(plugins, behave).change(samples.create())

    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame.f_code.co_name != "test_an_error_leads_to_nothing_that_the_plug_in_held"]
    assert ours
    assert not any(CLEAR in repr(frame.f_locals) for frame in ours)
    assert not any(frame.f_code.co_name == "behave" for frame in ours)


@pytest.mark.parametrize("error", [SystemExit(CLEAR), GeneratorExit(CLEAR), BaseException(CLEAR)])
def test_a_plug_in_cannot_end_the_program(plugins: Plugins, error: BaseException) -> None:
    """``sys.exit("cannot set ...")`` would print its text and end the run for all other accounts."""
    with pytest.raises(PluginDefectError) as caught:
        scripted(plugins, raising(error)).change(samples.create())

    assert CLEAR not in text_of(caught.value)


def test_an_interruption_says_nothing(plugins: Plugins) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        scripted(plugins, raising(KeyboardInterrupt(CLEAR))).change(samples.create())

    assert CLEAR not in text_of(caught.value)


def test_an_interruption_in_a_thread_is_the_plug_ins_own(plugins: Plugins) -> None:
    """Users interrupt the main thread only."""
    target = scripted(plugins, raising(KeyboardInterrupt(CLEAR)))
    with ThreadPoolExecutor(1) as pool, pytest.raises(PluginDefectError):
        pool.submit(target.change, samples.create()).result()


@pytest.mark.parametrize("spell", SPELLED)
def test_no_answer_brings_a_secret_out(plugins: Plugins, spell: Callable[[str], str]) -> None:
    """A receipt is written into the store and the audit log."""
    said = spell(CLEAR)
    target = scripted(plugins, lambda _: Receipt(outcome=Outcome.APPLIED, reference=f"id={said}", detail=said))

    receipt = target.change(samples.create())

    assert said not in repr(receipt)
    assert receipt.reference


def test_no_answer_brings_out_the_credentials_of_the_plug_in(plugins: Plugins) -> None:
    """Nor the password of another account, which a plug-in has by mistake."""
    key = Secret("api-key-4f81c2")
    target = scripted(plugins, lambda _: Receipt(outcome=Outcome.APPLIED, detail=f"with {key.reveal()}"))

    assert target.change(samples.create()).detail == "with <secret>"


def test_no_log_line_brings_the_secret_out(
    plugins: Plugins, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whether logs are printed or handed to handlers depends on what configured them before."""
    with pytest.raises(PluginDefectError):
        scripted(plugins, raising(KeyError(CLEAR))).change(samples.create())
    printed = "".join((*capsys.readouterr(), caplog.text))

    assert "plugin_defect" in printed
    assert CLEAR not in printed


def test_scrubbing_keeps_what_the_error_knows(plugins: Plugins) -> None:
    error = ThrottledError("later, {word}", word=CLEAR, retry_after=3)

    with pytest.raises(ThrottledError) as caught:
        scripted(plugins, raising(error)).change(samples.create())
    assert caught.value.retry_after == 3
    assert caught.value.target == "posta"


def test_an_error_names_the_target(plugins: Plugins) -> None:
    with pytest.raises(UnavailableError) as caught:
        scripted(plugins, raising(UnavailableError("down"))).change(samples.create())
    assert caught.value.target == "posta"


def test_a_defect_of_a_plug_in_is_an_unknown_outcome_that_names_the_plug_in(plugins: Plugins) -> None:
    """The plug-in may have made the change before it failed."""
    with pytest.raises(UnknownOutcomeError, match=r"test \(test-distribution 1.0\) raised KeyError"):
        scripted(plugins, raising(KeyError("x"))).change(samples.create())


@pytest.mark.parametrize("answer", [None, True, "done", AccountReport(presence=Presence.ENABLED)])
def test_anything_but_a_receipt_is_a_defect(plugins: Plugins, answer: object) -> None:
    """``None`` must never mean success."""
    with pytest.raises(PluginDefectError):
        scripted(plugins, lambda _: answer).change(samples.create())


def test_a_hook_that_is_not_there_is_unsupported(plugins: Plugins) -> None:
    with pytest.raises(UnsupportedError, match="posta has no account_close"):
        scripted(plugins, lambda _: None).change(samples.close())


def test_a_call_reaches_its_own_target_only(plugins: Plugins) -> None:
    """pluggy's plain call would reach all of them, and stop at the first error."""
    first, second, third = MemoryTarget(), MemoryTarget(), MemoryTarget()
    plugins.add_target("first", first, ORIGIN)
    plugins.add_target("second", second, ORIGIN)
    plugins.add_target("third", third, ORIGIN)

    plugins.targets["second"].change(samples.create())

    reached = [one.logs_in("temelegitim46", CLEAR) for one in (first, second, third)]
    assert reached == [False, True, False]


@pytest.mark.parametrize("request_", [samples.create(), samples.close(), samples.rotate(), samples.handover()])
def test_a_dry_run_changes_nothing(make_plugins: Callable[..., Plugins], request_: Any) -> None:
    target = make_plugins(dry_run=True).add_target("posta", MemoryTarget(), ORIGIN)

    with pytest.raises(DryRunError):
        target.change(request_)


def test_a_dry_run_sends_nothing_and_may_look(make_plugins: Callable[..., Plugins]) -> None:
    plugins = make_plugins(dry_run=True)
    phones = MemoryChannel()
    channel = plugins.add_channel("sms", phones, ORIGIN)
    target = plugins.add_target("posta", MemoryTarget(), ORIGIN)

    with pytest.raises(DryRunError):
        channel.deliver(samples.deliver())
    assert phones.inbox("+905321234567") == []
    assert target.probe(samples.probe()).presence is Presence.ABSENT


def test_no_more_calls_run_at_once_than_the_target_allows(make_plugins: Callable[..., Plugins]) -> None:
    running, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3, timeout=60)

    def behave(_: object) -> Receipt:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait()
        time.sleep(0.01)
        with lock:
            running -= 1
        return Receipt(outcome=Outcome.APPLIED)

    target = scripted(make_plugins(parallel={"posta": 3}), behave)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: target.change(samples.create()), range(36)))

    assert most == 3


def test_a_target_that_is_down_is_left_alone(plugins: Plugins) -> None:
    calls = []

    def behave(request: object) -> Receipt:
        calls.append(request)
        raise UnavailableError("connection refused")

    target = scripted(plugins, behave)
    for _ in range(20):
        with pytest.raises(UnavailableError):
            target.change(samples.create())

    assert len(calls) == target.breaker.threshold
    with pytest.raises(CircuitOpenError) as caught:
        target.change(samples.create())
    assert caught.value.target == "posta"


def test_an_undo_is_guarded_like_a_call(plugins: Plugins) -> None:
    target = plugins.add_target("posta", MemoryTarget(), ORIGIN)

    def undo() -> None:
        raise KeyError(CLEAR)

    with pytest.raises(PluginDefectError) as caught:
        target.undo(undo, samples.create())
    assert CLEAR not in text_of(caught.value)


def test_a_memory_target_can_be_probed_through_the_gateway(plugins: Plugins) -> None:
    target = plugins.add_target("posta", MemoryTarget(), ORIGIN)
    target.change(samples.create())

    report = target.probe(ProbeAccount(account=samples.ACCOUNT, secret=samples.SECRET))
    assert (report.presence, report.secret_accepted) == (Presence.ENABLED, True)


@pytest.mark.parametrize("number", ["532123456.0", "0532 123 45 67 / 0533 123 45 67", "5.32E+09", "0532 123 45 6x"])
def test_no_channel_is_given_an_entry_that_is_not_one_phone_number(plugins: Plugins, number: str) -> None:
    """A third party's channel may read the digits of a decimal number as those of a stranger's phone."""
    phones = MemoryChannel()
    channel = plugins.add_channel("sms", phones, ORIGIN)
    person = attrs.evolve(samples.HOLDER, mobile=number)

    with pytest.raises(RefusedError, match="the registered number of 1001 is refused") as secret:
        channel.deliver(attrs.evolve(samples.deliver(), recipient=person))
    with pytest.raises(RefusedError):
        channel.notify(DeliverNotice(delivery_id="n", recipient=person, text="Merhaba"))

    assert number not in text_of(secret.value)
    assert (phones.inbox(number), phones.notices(number)) == ([], [])
    assert set(channel.check(CheckChannel(recipients=(person, samples.SUCCESSOR))).unreachable) == {person.id}
