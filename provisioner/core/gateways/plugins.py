"""Loads plug-ins and manages their registered objects."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from datetime import timedelta
from difflib import get_close_matches
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar, cast

import attrs
import pluggy

from provisioner.core.api import hookspecs
from provisioner.core.api.errors import (
    Denial,
    MisconfiguredError,
    PluginDefectError,
    PluginError,
    ProvisionerError,
    StoreError,
)
from provisioner.core.api.events import Event
from provisioner.core.api.logs import Logger
from provisioner.core.api.messages import (
    AskClearance,
    AuthorizeOperation,
    ChooseLogin,
    ClearanceBlock,
    CliCommand,
    FindPerson,
    PasswordPolicy,
    TargetReport,
)
from provisioner.core.api.registration import LONGEST_CALL, PluginSettings
from provisioner.core.api.rules import Monitor, Rule
from provisioner.core.gateways import tracing
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Channel, Gateway, PluginOrigin, Target, discreet
from provisioner.core.gateways.plugin_code import ForeignError, contained, entered
from provisioner.core.model import MessageState, Person
from provisioner.core.model.masking import guard_logs, mask, masked
from provisioner.core.model.text import Text

ENTRY_POINT_GROUP = "provisioner.plugins"

#: The default for the maximum number of simultaneous calls of a target or channel.
DEFAULT_PARALLEL = 8

#: What the names of the core's own plug-ins begin with.
_CORE = "core:"

log = Logger(__name__)

GatewayT = TypeVar("GatewayT", bound=Gateway)
ResultT = TypeVar("ResultT")


@attrs.define(eq=False, kw_only=True)
class _Registrar:
    """Collects what one plug-in registers."""

    _plugins: Plugins
    _origin: PluginOrigin
    _settings: PluginSettings

    def target(
        self, name: str, plugin: object, /, *, longest_call: timedelta = LONGEST_CALL, credential: str = ""
    ) -> None:
        self._expect(name, [section.name for section in self._settings.targets])
        self._plugins.add_target(name, plugin, self._origin, longest_call).credential = credential

    def channel(
        self,
        name: str,
        plugin: object,
        /,
        *,
        longest_call: timedelta = LONGEST_CALL,
        uses_number: bool = True,
        largest_batch: int = 1,
    ) -> None:
        self._expect(name, [section.name for section in self._settings.channels])
        channel = self._plugins.add_channel(name, plugin, self._origin, longest_call)
        channel.uses_number, channel.largest_batch = uses_number, largest_batch

    def rule_set(self, name: str, plugin: object, /) -> None:
        self._expect(name, [section.name for section in self._settings.rule_sets])
        self._plugins.add_rule_set(name, plugin)

    def report(self, channel: str, part: str, state: MessageState, /) -> bool:
        return self._plugins.report_part(channel, part, state)

    def on_close(self, callback: Callable[[], object], /) -> None:
        self._plugins.on_close(callback)

    def _expect(self, name: str, configured: Sequence[str]) -> None:
        if name not in configured:
            raise PluginError(
                "plug-in {plugin} registered {name}, which is not configured for it",
                plugin=self._origin.plugin,
                name=name,
            )


class HookManager(pluggy.PluginManager):
    """Looks for hooks only among the names that a plug-in chose, not among those of Python, such as ``__init__``."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Return the options of a hook, or ``None`` if the attribute *name* is none."""
        return None if name.startswith("__") else super().parse_hookimpl_opts(plugin, name)


def _unstored(*_: object) -> bool:
    raise StoreError("there is no store for delivery reports yet")


@attrs.define(eq=False, kw_only=True)
class Plugins:
    """The plug-ins of one run: their targets, their channels and the hooks that all of them are called for.

    Only configured plug-ins are loaded, and a plug-in that can't be loaded stops the program: installed packages must
    not get an administrator's credentials by default.

    Args:

        make_breaker: Creates the breaker of the target or channel with this name.

        parallel: The maximum number of simultaneous calls of each target and channel, by name, if it is not the
            default.

        cannot: The hooks that a target or channel doesn't have according to the configuration, by name.
    """

    make_breaker: Callable[[str], Breaker]
    parallel: Mapping[str, int] = attrs.field(factory=dict)
    cannot: dict[str, Collection[str]] = attrs.field(factory=dict)
    dry_run: bool = False
    #: Stores what a gateway reports on a part of a message. The application sets it after the plug-ins are loaded.
    report_part: Callable[[str, str, MessageState], bool] = attrs.field(default=_unstored, init=False)
    targets: dict[str, Target] = attrs.field(factory=dict, init=False)
    channels: dict[str, Channel] = attrs.field(factory=dict, init=False)
    #: The rules and monitors of each rule set.
    rule_sets: dict[str, Sequence[Rule | Monitor]] = attrs.field(factory=dict, init=False)
    _gateways: dict[str, Gateway] = attrs.field(factory=dict, init=False, repr=False)
    _manager: pluggy.PluginManager = attrs.field(init=False, repr=False)
    _traces_calls: bool = attrs.field(init=False, repr=False)
    _exit: ExitStack = attrs.field(factory=ExitStack, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._manager = HookManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        guard_logs()
        self._traces_calls = tracing.trace(self._manager)

    def load(self, settings: Sequence[PluginSettings]) -> None:
        """Load the configured plug-ins and let each create its targets and channels. Called once.

        Raises:

            PluginError: A plug-in is not installed, can't be imported, violates the hooks, or didn't create a
                configured object.

            ConfigurationError: A plug-in refuses its settings.
        """
        for setting in settings:
            self.cannot.update({section.name: section.cannot for section in (*setting.targets, *setting.channels)})
            entry, origin = _named_by(setting)
            self._register(f"plugin:{setting.plugin}", _load(entry))
            register = self._manager.subset_hook_caller(
                "provisioner_register", self._all_but(f"plugin:{setting.plugin}")
            )
            registrar = _Registrar(plugins=self, origin=origin, settings=setting)
            _set_up(partial(register, settings=setting, register=registrar), setting.plugin)
            wanted = {section.name for section in (*setting.targets, *setting.channels, *setting.rule_sets)}
            if missing := wanted - self.targets.keys() - self.channels.keys() - self.rule_sets.keys():
                raise PluginError(
                    "plug-in {plugin} did not create {missing}",
                    plugin=setting.plugin,
                    missing=", ".join(sorted(missing)),
                )

    @property
    def account_targets(self) -> list[Target]:
        """The targets that hold accounts."""
        return [target for target in self.targets.values() if target.holds_accounts]

    @property
    def longest_call(self) -> timedelta:
        """The longest timeout of a request to any target or channel."""
        return max((gateway.longest_call for gateway in self._gateways.values()), default=timedelta(0))

    def add_target(
        self, name: str, plugin: object, origin: PluginOrigin, longest_call: timedelta = LONGEST_CALL
    ) -> Target:
        """Register *plugin* as the target *name* and return its gateway."""
        target = self._gateway(Target, f"target:{name}", name, plugin, origin, longest_call=longest_call)
        self.targets[name] = target
        return target

    def add_channel(
        self, name: str, plugin: object, origin: PluginOrigin, longest_call: timedelta = LONGEST_CALL
    ) -> Channel:
        """Register *plugin* as the channel *name* and return its gateway."""
        channel = self._gateway(Channel, f"channel:{name}", name, plugin, origin, longest_call=longest_call)
        self.channels[name] = channel
        return channel

    def add_rule_set(self, name: str, plugin: object) -> None:
        """Register *plugin* as the rule set *name*, and store its rules."""
        self._register(f"rules:{name}", plugin)
        answers = _set_up(
            self._manager.subset_hook_caller("policy_rules", self._all_but(f"rules:{name}")), f"rule set {name}"
        )
        if not answers:
            raise PluginError("rule set {name} has no policy_rules", name=name)
        [rules] = answers
        for rule in rules:
            if not isinstance(rule, Rule | Monitor):
                found = type(rule).__name__
                raise PluginError("rule set {name} returned a {found} as a rule", name=name, found=found)
        self.rule_sets[name] = rules

    def report(self, name: str) -> TargetReport:
        """Return the report of the target *name*.

        Raises:

            TargetError: There is no report, or no such target.
        """
        if name not in self.targets:
            raise MisconfiguredError(
                "there is no target {name}; the targets are {known}",
                cure="correct its name",
                name=name,
                known=", ".join(self.targets),
            )
        return self.targets[name].check()

    def add(self, name: str, plugin: object) -> None:
        """Register an object that is neither target nor channel, for example a rule of the product."""
        self._register(name, plugin)

    @property
    def find_persons(self) -> bool:
        """Whether any plug-in has ``person_find``."""
        return bool(self._manager.hook.person_find.get_hookimpls())

    def find_person(self, request: FindPerson) -> Person | None:
        """Call ``person_find`` until a plug-in answers. A target with this hook is called as for any other hook.

        Raises:

            TargetError: The personnel system can't answer.
        """
        for implementation in reversed(self._manager.hook.person_find.get_hookimpls()):
            name = implementation.plugin_name
            gateway = self._gateways.get(name)
            found = gateway.find_person(request) if gateway else self._ask("person_find", request, name)
            if found is not None:
                return cast("Person", found)
        return None

    def choose_login(self, request: ChooseLogin) -> str | None:
        """Call ``account_login`` until a plug-in answers."""
        return cast("str | None", self._ask("account_login", request))

    def password_policies(self) -> list[PasswordPolicy]:
        """Collect ``password_policy`` from all plug-ins."""
        return list(_set_up(self._manager.hook.password_policy, "password_policy"))

    def clearance_blocks(self, request: AskClearance) -> list[ClearanceBlock]:
        """Collect ``clearance_blocks`` from all plug-ins.

        Raises:

            TargetError: One of them can't answer, so there is no answer.
        """
        found = cast("list[Sequence[ClearanceBlock]]", self._ask("clearance_blocks", request))
        return masked([block for blocks in found for block in blocks])

    def denials(self, request: AuthorizeOperation) -> list[Denial]:
        """Collect ``operation_authorize`` from all plug-ins.

        Raises:

            TargetError: One of them can't answer, which is not a permission.
        """
        return masked(cast("list[Denial]", self._ask("operation_authorize", request)))

    def cli_commands(self) -> list[CliCommand]:
        """Collect ``cli_commands`` from all plug-ins."""
        found = _set_up(self._manager.hook.cli_commands, "cli_commands")
        return [command for commands in found for command in commands]

    @property
    def observe_lists(self) -> bool:
        """Whether anybody observes the events of lists. The core's own observers only wait for operations."""
        observers = self._manager.hook.operation_event.get_hookimpls()
        return any(not observer.plugin_name.startswith(_CORE) for observer in observers)

    def observe(self, *events: Event) -> None:
        """Call every observer with each event, and continue after errors."""
        for implementation in self._manager.hook.operation_event.get_hookimpls():
            for event in events:
                try:
                    contained(partial(implementation.function, event))
                except ForeignError as error:
                    log.error("observer_failed", observer=implementation.plugin_name, error=error.name)
                except ProvisionerError as error:
                    log.error("observer_failed", observer=implementation.plugin_name, error=type(error).__name__)

    def on_close(self, callback: Callable[[], object]) -> None:
        """Call *callback* in :meth:`close`."""
        self._exit.callback(partial(_closed, callback))

    def close(self) -> None:
        """Release the resources of the plug-ins: connections, threads, embedded services. Can be called twice."""
        self._exit.close()

    def _gateway(
        self,
        cls: type[GatewayT],
        full_name: str,
        name: str,
        plugin: object,
        origin: PluginOrigin,
        *,
        longest_call: timedelta,
    ) -> GatewayT:
        if name in self.targets or name in self.channels:
            raise PluginError("there is a target or channel {name} already", name=name)
        self._register(full_name, plugin)
        implemented = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        gateway = cls(
            name=name,
            origin=origin,
            hooks=frozenset(implemented),
            cannot=frozenset(self.cannot.get(name, ())),
            parallel=self.parallel.get(name, DEFAULT_PARALLEL),
            breaker=self.make_breaker(name),
            longest_call=longest_call,
            dry_run=self.dry_run,
        )
        if contradictions := gateway.cannot & gateway.hooks:
            raise PluginError(
                "'cannot' lists {hooks} for {name}, but plug-in {plugin} has it",
                cure="remove it from cannot under [{family}.{name}]",
                name=name,
                hooks=", ".join(sorted(contradictions)),
                plugin=origin.plugin,
                family=gateway.family,
            )
        self._gateways[full_name] = gateway
        self._aim()
        return gateway

    def _aim(self) -> None:
        """Make each gateway reach only its own object. Call it after every registration."""
        for full_name, gateway in self._gateways.items():
            others = self._all_but(full_name)
            gateway.callers = {hook: self._manager.subset_hook_caller(hook, others) for hook in gateway.hooks}
            gateway.calls = {hook: self._call_of(caller) for hook, caller in gateway.callers.items()}

    def _call_of(self, caller: pluggy.HookCaller) -> Callable[[object], object]:
        """Return what calls a hook of one object: its method, unless pluggy has more to do than to call it."""
        implementations = caller.get_hookimpls()
        is_first_result = caller.spec is not None and caller.spec.opts.get("firstresult", False)
        if self._traces_calls or not is_first_result or len(implementations) != 1 or _wraps(implementations[0]):
            return lambda request: caller(request=request)
        function = implementations[0].function
        return function if implementations[0].argnames else lambda _: function()

    def _register(self, name: str, plugin: object) -> None:
        if inspect.isclass(plugin):
            raise PluginError("{name} is a class; register an instance of it", name=name)
        if type(plugin).__eq__ is not object.__eq__:
            raise PluginError(
                "{name} compares by value, so two objects of its kind cannot be distinguished",
                cure="define the class with @attrs.define(eq=False)",
                name=name,
            )
        try:
            self._manager.register(plugin, name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError("{name} does not match the hooks: {error}", name=name, error=error) from error
        self._require_known_hooks(name, plugin)
        self._require_marked_hooks(name, plugin)
        self._aim()

    def _require_marked_hooks(self, name: str, plugin: object) -> None:
        """Check that every attribute with the name of a hook is a hook. Otherwise, unregister the object.

        Raises:

            PluginError: An attribute has the name of a hook and is not marked as one, so it would never be called.
        """
        marked = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        known = {caller.name for caller in vars(self._manager.hook).values() if caller.has_spec()}
        for hook in sorted((known - marked).intersection(dir(plugin))):
            if inspect.getattr_static(plugin, hook, None) is not None:
                self._manager.unregister(plugin)
                raise PluginError(
                    "{name} has {hook}, which is not marked as a hook",
                    cure="write @hookimpl above the method {hook}, or give it another name",
                    name=name,
                    hook=hook,
                )

    def _require_known_hooks(self, name: str, plugin: object) -> None:
        """Check that an object has no unknown hook. Otherwise, unregister it.

        Raises:

            PluginError: It has unknown hooks; the error names all of them.
        """
        callers = self._manager.get_hookcallers(plugin) or ()
        unknown = sorted(
            caller.name
            for caller in callers
            if not caller.has_spec() and not all(hookimpl.optionalhook for hookimpl in caller.get_hookimpls())
        )
        if unknown:
            self._manager.unregister(plugin)
            known = [caller.name for caller in vars(self._manager.hook).values() if caller.has_spec()]
            meant = {match for hook in unknown for match in get_close_matches(hook, known, n=1)}
            raise PluginError(
                "{name} has an unknown hook: {hooks}",
                cure="correct its name; similar names: {meant}",
                name=name,
                hooks=", ".join(unknown),
                meant=", ".join(sorted(meant)) or "-",
            )

    def _all_but(self, name: str) -> list[object]:
        return [plugin for other, plugin in self._manager.list_name_plugin() if other != name and plugin is not None]

    def _ask(self, hook: str, request: object, plugin: str | None = None) -> object:
        """Call a hook of every plug-in, or of the plug-in with this name."""
        caller = self._manager.subset_hook_caller(hook, self._all_but(plugin) if plugin else ())
        try:
            return contained(partial(caller, request=request))
        except ProvisionerError as error:
            failure = discreet(error)
        except ForeignError as error:
            log.error("plugin_defect", hook=hook, error=error.name, at=error.place)
            failure = PluginDefectError("a plug-in raised {error} in {hook}", error=error.name, hook=hook)
        raise failure


def _wraps(implementation: pluggy.HookImpl) -> bool:
    return implementation.wrapper or implementation.hookwrapper


def _named_by(setting: PluginSettings) -> tuple[EntryPoint, PluginOrigin]:
    """Return the entry point of a configured plug-in, and its origin.

    Raises:

        PluginError: No plug-in has this name; the error says which tables name it.
    """
    try:
        return find_entry_point(setting.plugin)
    except PluginError as error:
        sections = (*setting.targets, *setting.channels, *setting.rule_sets)
        keys = ", ".join(f"{section.place}.plugin" for section in sections)
        raise PluginError(Text("{keys}: {problem}", {"keys": keys, "problem": error.text}), cure=error.cure) from None


def find_entry_point(plugin: str) -> tuple[EntryPoint, PluginOrigin]:
    """Return the entry point of an installed plug-in, and its origin.

    Raises:

        PluginError: No plug-in has this name.
    """
    installed = installed_on(tuple(sys.path))
    if plugin not in installed:
        raise PluginError(
            "plug-in {plugin} is not installed; the installed plug-ins are {installed}",
            cure="install the distribution that ships it, or correct the name",
            plugin=plugin,
            installed=", ".join(sorted(installed)),
        )
    entry = installed[plugin]
    metadata = entry.dist.metadata if entry.dist else {"Name": "unknown", "Version": "unknown"}
    return entry, PluginOrigin(plugin=plugin, distribution=metadata["Name"], version=metadata["Version"])


@cache
def installed_on(path: tuple[str, ...]) -> Mapping[str, EntryPoint]:  # noqa: ARG001 - what the result depends on
    """Return all installed plug-ins by name. To find them, the data of every installed distribution is read.

    Args:

        path: The folders in which Python looks for modules.
    """
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def _load(entry: EntryPoint) -> object:
    try:
        with entered(), redirect_stdout(sys.stderr):
            return entry.load()
    except (Exception, SystemExit) as error:
        raise PluginError(
            "plug-in {plugin} cannot be imported from {module}: {error}",
            cure="install what it needs, or remove it from the configuration",
            plugin=entry.name,
            module=entry.module,
            error=mask(f"{type(error).__name__}: {error}"),
        ) from error


def _set_up(function: Callable[[], ResultT], name: str) -> ResultT:
    """Run the registration of a plug-in.

    Raises:

        PluginError: It raised an exception that is not an error of the product.
    """
    try:
        with redirect_stdout(sys.stderr):
            return contained(function)
    except ProvisionerError as error:
        failure = discreet(error)
    except ForeignError as error:
        failure = PluginError(
            "{plugin} raised {error} at {place}",
            cure="correct the plug-in, or remove it from the configuration",
            plugin=name,
            error=error.name,
            place=error.place,
        )
    raise failure


def _closed(callback: Callable[[], object]) -> None:
    """Let a plug-in release its resources. If it fails, the others still do."""
    try:
        contained(callback)
    except ForeignError as error:
        log.error("plugin_defect", hook="on_close", error=error.name, at=error.place)
    except ProvisionerError as error:
        log.error("plugin_defect", hook="on_close", error=type(error).__name__)
