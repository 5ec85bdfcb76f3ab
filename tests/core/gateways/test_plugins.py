from __future__ import annotations

import logging
import sys
import types
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.core.api.errors import (
    ConfigurationError,
    Denial,
    MisconfiguredError,
    PluginDefectError,
    PluginError,
    UnavailableError,
)
from provisioner.core.api.events import Event
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AskClearance,
    AuthorizeOperation,
    CheckTarget,
    ClearanceBlock,
    FindPerson,
    Passage,
    TargetReport,
)
from provisioner.core.api.registration import PluginSettings, Registrar, Section
from provisioner.core.api.rules import Monitor, Observation, Reports, Rule
from provisioner.core.gateways import plugins as plugins_module
from provisioner.core.gateways import tracing
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import OperationKind, Person
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import seen
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.memory import MemoryTarget
from tests.core.conftest import ORIGIN


def section(name: str) -> Section:
    return Section(name=name, place=f"targets.{name}", folder=Path(), table={}, structure=lambda *_: None)  # type: ignore[arg-type]


def settings(plugin: str, *targets: str) -> PluginSettings:
    return PluginSettings(plugin=plugin, targets=tuple(map(section, targets)))


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    """Forget which plug-ins are installed, before and after others seem to be."""
    plugins_module.installed_on.cache_clear()
    yield
    plugins_module.installed_on.cache_clear()


@pytest.fixture(name="install")
def _install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, object]], None]:
    """Pretend that a plug-in is installed whose module has these names."""
    installed: list[EntryPoint] = []
    monkeypatch.setattr(plugins_module, "entry_points", lambda **_: installed)

    def install(name: str, content: dict[str, object]) -> None:
        module = types.ModuleType(f"fake_{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        installed.append(EntryPoint(name, module.__name__, "provisioner.plugins"))
        plugins_module.installed_on.cache_clear()

    return install


Install = Callable[[str, dict[str, object]], None]


def registering(*objects: tuple[str, object]) -> dict[str, object]:
    @hookimpl
    def provisioner_register(register: Registrar) -> None:
        for name, plugin in objects:
            register.target(name, plugin)

    return {"provisioner_register": provisioner_register}


def test_two_targets_of_one_plug_in_come_free(plugins: Plugins, install: Install) -> None:
    @hookimpl
    def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
        for target in settings.targets:
            register.target(target.name, MemoryTarget())

    install("memory", {"provisioner_register": provisioner_register})
    plugins.load([settings("memory", "staff", "guests")])

    plugins.targets["staff"].change(samples.create())
    assert plugins.targets["guests"].probe(samples.probe()).presence == "absent"


def test_a_plug_in_sees_its_own_settings_only(plugins: Plugins, install: Install) -> None:
    """Another plug-in's settings may hold an administrator's password."""
    seen: dict[str, list[PluginSettings]] = {"one": [], "other": []}
    for name, calls in seen.items():

        def provisioner_register(
            settings: PluginSettings, register: Registrar, calls: list[PluginSettings] = calls
        ) -> None:
            calls.append(settings)
            register.target(settings.targets[0].name, MemoryTarget())

        install(name, {"provisioner_register": hookimpl(provisioner_register)})
    plugins.load([settings("one", "a"), settings("other", "b")])

    assert {name: [call.plugin for call in calls] for name, calls in seen.items()} == {
        "one": ["one"],
        "other": ["other"],
    }


def test_a_plug_in_that_is_not_installed_stops_the_program(plugins: Plugins, install: Install) -> None:
    install("memory", {})

    with pytest.raises(PluginError, match=r"^targets\.a\.plugin: plug-in nosuch is not installed; .* are memory$"):
        plugins.load([settings("nosuch", "a")])


def test_what_is_installed_is_read_once_for_all_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """All installed distributions are read for it: some hundred files."""
    reads: list[str] = []

    def read(*, group: str) -> list[EntryPoint]:
        reads.append(group)
        return [EntryPoint(name, "any", group) for name in ("one", "other")]

    monkeypatch.setattr(plugins_module, "entry_points", read)

    plugins_module.find_entry_point("one")
    plugins_module.find_entry_point("other")

    assert len(reads) == 1


def test_a_plug_in_that_cannot_be_imported_stops_the_program(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "no_such_module_at_all", "provisioner.plugins")
    monkeypatch.setattr(plugins_module, "entry_points", lambda **_: [entry])

    with pytest.raises(PluginError, match="cannot be imported from no_such_module_at_all: ModuleNotFoundError"):
        plugins.load([settings("broken")])


def test_why_a_plug_in_cannot_be_imported_is_said_without_its_password(
    plugins: Plugins, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module may log in while it is imported, and quote what it sent."""
    key = Secret("api-key-4f81c2")
    install("eager", {})

    def load(_: EntryPoint) -> object:
        msg = f"cannot log in with {key.reveal().upper()}"
        raise OSError(msg)

    monkeypatch.setattr(EntryPoint, "load", load)

    with pytest.raises(PluginError, match="OSError: cannot log in with <secret>"):
        plugins.load([settings("eager")])


def test_a_misspelt_hook_stops_the_program(plugins: Plugins, install: Install) -> None:
    """pluggy itself says nothing of it until somebody asks."""

    @attrs.define(eq=False)
    class Misspelt:
        @hookimpl
        def acount_create(self) -> None: ...

    install("misspelt", registering(("posta", Misspelt())))

    with pytest.raises(ConfigurationError, match="acount_create") as caught:
        plugins.load([settings("misspelt", "posta")])
    assert "account_create" in str(caught.value.cure)


def test_a_misspelt_hook_is_reported_once(plugins: Plugins, install: Install) -> None:
    """``check`` loads one plug-in after the other; each later one was blamed for the hook of an earlier one."""

    @attrs.define(eq=False)
    class Misspelt:
        @hookimpl
        def acount_create(self) -> None: ...

    install("misspelt", registering(("posta", Misspelt())))
    with pytest.raises(PluginError, match="target:posta has an unknown hook: acount_create"):
        plugins.load([settings("misspelt", "posta")])

    install("right", registering(("pys", MemoryTarget())))
    plugins.load([settings("right", "pys")])


def test_a_hook_with_an_unknown_argument_stops_the_program(plugins: Plugins, install: Install) -> None:
    @attrs.define(eq=False)
    class Wrong:
        @hookimpl
        def account_create(self, account: object) -> None: ...

    install("wrong", registering(("posta", Wrong())))

    with pytest.raises(PluginError, match="does not match the hooks"):
        plugins.load([settings("wrong", "posta")])


def test_a_class_in_place_of_an_object_stops_the_program(plugins: Plugins, install: Install) -> None:
    install("classy", registering(("posta", MemoryTarget)))

    with pytest.raises(PluginError, match="is a class"):
        plugins.load([settings("classy", "posta")])


def test_an_attrs_class_with_equality_stops_the_program_with_the_cure(plugins: Plugins, install: Install) -> None:
    """Such objects cannot be told apart, or not be hashed, and pluggy fails on them later and more darkly."""

    @attrs.define
    class Equal:
        @hookimpl
        def account_create(self) -> None: ...

    install("equal", registering(("posta", Equal())))

    with pytest.raises(PluginError, match="compares by value") as caught:
        plugins.load([settings("equal", "posta")])
    assert "eq=False" in str(caught.value.cure)


def test_a_target_that_was_configured_and_not_made_stops_the_program(plugins: Plugins, install: Install) -> None:
    install("lazy", registering())

    with pytest.raises(PluginError, match="plug-in lazy did not create posta"):
        plugins.load([settings("lazy", "posta")])


def test_a_target_that_was_made_and_not_configured_stops_the_program(plugins: Plugins, install: Install) -> None:
    install("eager", registering(("posta", MemoryTarget()), ("more", MemoryTarget())))

    with pytest.raises(PluginError, match="registered more"):
        plugins.load([settings("eager", "posta")])


def test_a_name_is_given_once(plugins: Plugins) -> None:
    plugins.add_target("posta", MemoryTarget(), ORIGIN)

    with pytest.raises(PluginError, match="posta already"):
        plugins.add_channel("posta", MemoryTarget(), ORIGIN)


def test_what_a_plug_in_opened_is_closed_in_reverse_and_once(plugins: Plugins) -> None:
    closed: list[str] = []
    plugins.on_close(lambda: closed.append("first"))
    plugins.on_close(lambda: closed.append("second"))

    plugins.close()
    plugins.close()

    assert closed == ["second", "first"]


class Finder:
    def __init__(self, answer: Person | Exception | None) -> None:
        self.answer = answer

    @hookimpl
    def person_find(self, request: FindPerson) -> Person | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_next_plug_in_is_asked_when_one_does_not_know(plugins: Plugins) -> None:
    plugins.add("knows", Finder(samples.HOLDER))
    plugins.add("does not", Finder(None))

    assert plugins.find_person(FindPerson(person_id="1001")) == samples.HOLDER


class Quoting:
    """Says in each answer what it logs in with."""

    def __init__(self, key: Secret) -> None:
        self.said = Text("the server refused {key}", {"key": key.reveal()})

    @hookimpl
    def clearance_blocks(self, request: AskClearance) -> list[ClearanceBlock]:
        return [ClearanceBlock(subject=request.person_id, reason=self.said, cure=self.said)]

    @hookimpl
    def operation_authorize(self, request: AuthorizeOperation) -> Denial:
        assert request.actor
        return Denial(reason=self.said, cure=self.said)


def test_no_reason_of_a_plug_in_brings_its_password_out(plugins: Plugins) -> None:
    """Reasons are shown to the person who asks, and a denial is written down."""
    key = Secret("api-key-4f81c2")
    plugins.add("quotes", Quoting(key))
    asked = AuthorizeOperation(
        kind=OperationKind.CLOSE,
        account=samples.ACCOUNT,
        unit=samples.UNIT,
        actor="1001",
        by_policy=False,
        at=datetime(2026, 1, 5, tzinfo=UTC),
    )

    [block] = plugins.clearance_blocks(AskClearance(person_id="1001", passage=Passage.LEAVING))
    [denial] = plugins.denials(asked)

    texts = (block.reason, block.cure, denial.reason, denial.cure)
    assert set(map(str, texts)) == {"the server refused <secret>"}


class QuotingWatch(Monitor):
    def __init__(self, key: Secret) -> None:
        self.said = Text("the server refused {key}", {"key": key.reveal()})

    def look(self, reports: Reports, time_zone: ZoneInfo) -> list[Observation]:
        assert reports("posta")
        return [Observation(subject=f"clock in {time_zone}", message=self.said)]


def test_no_sight_of_a_watch_brings_its_password_out() -> None:
    key = Secret("api-key-4f81c2")

    [observation] = seen(QuotingWatch(key), lambda _: TargetReport(), ZoneInfo("Europe/Istanbul"), "clocks")

    assert str(observation.message) == "the server refused <secret>"


def test_nobody_knows(plugins: Plugins) -> None:
    plugins.add("does not", Finder(None))

    assert plugins.find_person(FindPerson(person_id="1001")) is None


@pytest.mark.parametrize(
    ("raised", "expected"), [(UnavailableError("down"), UnavailableError), (KeyError("x"), PluginDefectError)]
)
def test_a_personnel_system_that_fails_is_not_passed_over(
    plugins: Plugins, raised: Exception, expected: type[Exception]
) -> None:
    """Asking the next one would answer with a number that may be out of date."""
    plugins.add("knows", Finder(samples.HOLDER))
    plugins.add("fails", Finder(raised))

    with pytest.raises(expected):
        plugins.find_person(FindPerson(person_id="1001"))


def test_an_observer_cannot_stop_the_work(plugins: Plugins, clock: FakeClock) -> None:
    seen: list[Event] = []

    class Bad:
        @hookimpl
        def operation_event(self, event: Event) -> None:
            raise RuntimeError

    class Good:
        @hookimpl
        def operation_event(self, event: Event) -> None:
            seen.append(event)

    plugins.add("good", Good())
    plugins.add("bad", Bad())
    plugins.add("bad too", Bad())
    event = Event(at=clock(), operation_id="1", login="x", actor="y")
    plugins.observe(event)

    assert seen == [event]


def test_rules_are_kept_by_the_name_of_their_rule_set(plugins: Plugins, install: Install) -> None:
    rule = Rule()

    class Good:
        @hookimpl
        def policy_rules(self) -> list[Rule]:
            return [rule]

    @hookimpl
    def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
        for one in settings.rule_sets:
            register.rule_set(one.name, Good())

    install("third", {"provisioner_register": provisioner_register})
    plugins.load([PluginSettings(plugin="third", rule_sets=(section("one"), section("other")))])

    assert plugins.rule_sets == {"one": [rule], "other": [rule]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param([Rule], "rule set one returned a type as a rule", id="a class"),
        pytest.param([None], "rule set one returned a NoneType as a rule", id="nothing"),
        pytest.param(None, "rule set one has no policy_rules", id="no answer"),
    ],
)
def test_what_is_no_rule_stops_the_program(plugins: Plugins, answer: object, words: str) -> None:
    """Otherwise it would fail in the middle of a sweep, or want nothing of anybody for ever."""

    class Wrong:
        @hookimpl
        def policy_rules(self) -> object:
            return answer

    with pytest.raises(PluginError, match=words):
        plugins.add_rule_set("one", Wrong())


def test_a_target_is_asked_by_its_name(plugins: Plugins) -> None:
    plugins.add_target("posta", MemoryTarget(), ORIGIN)

    assert plugins.report("posta").warnings == ()
    with pytest.raises(MisconfiguredError, match="there is no target post; the targets are posta"):
        plugins.report("post")


def test_records_of_all_loggers_are_masked_before_a_plug_in_is_loaded(make_plugins: Callable[..., Plugins]) -> None:
    """A library of a plug-in may log to a file of its own, where nothing else looks for secrets."""
    former = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    try:
        make_plugins()
        args = (samples.SECRET.reveal(),)
        record = logging.getLogRecordFactory()("library", logging.INFO, "library.py", 1, "sent %s", args, None)
    finally:
        logging.setLogRecordFactory(former)

    assert record.getMessage() == "sent <secret>"


def test_what_a_plug_in_prints_before_its_first_call_stays_off_stdout(
    plugins: Plugins, install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that uses the package without the command line has no other guard."""
    load = EntryPoint.load

    def printing_load(entry: EntryPoint) -> object:
        print("import")
        return load(entry)

    @hookimpl
    def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
        print("register")

    install("noisy", {"provisioner_register": provisioner_register})
    monkeypatch.setattr(EntryPoint, "load", printing_load)
    plugins.load([settings("noisy")])

    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "import\nregister\n")


class Incurious:
    """A target that needs no request to answer."""

    @hookimpl
    def target_check(self) -> TargetReport:
        return TargetReport()


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
@pytest.mark.parametrize("target", [MemoryTarget(), Incurious()])
def test_a_hook_is_called_alike_whether_calls_are_logged_or_not(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    clock: FakeClock,
    level: int,
    target: object,
) -> None:
    """A call that is not logged goes past pluggy to the method."""
    caplog.set_level(level, tracing.LOGGER)
    plugins = Plugins(make_breaker=lambda name: Breaker(name=name, now=clock))
    gateway = plugins.add_target("posta", target, ORIGIN)

    assert gateway.check() == gateway.callers["target_check"](request=CheckTarget())
    assert ("hook_called" in f"{caplog.text} {capsys.readouterr()}") is (level == logging.DEBUG)


def test_a_hook_with_a_wrapper_of_its_own_is_left_to_pluggy(plugins: Plugins) -> None:
    @attrs.define(eq=False)
    class Wrapping:
        @hookimpl(wrapper=True)
        def target_check(self) -> Generator[None, TargetReport, TargetReport]:
            yield
            return TargetReport()

    assert plugins.add_target("posta", Wrapping(), ORIGIN).check() == TargetReport()
