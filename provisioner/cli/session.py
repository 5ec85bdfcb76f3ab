"""What holds for one run of the command line. Commands, also those of plug-ins, get it as click's ``obj``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from provisioner.config.early import (
    DEFAULT_FILE,
    ENVIRONMENT_VARIABLE,
    LANGUAGES,
    configuration_file,
    configured_language,
)

if TYPE_CHECKING:
    import threading
    from datetime import datetime
    from pathlib import Path

    from provisioner.catalogue import Catalogue
    from provisioner.cli.output import Output
    from provisioner.config.load import LoadedConfiguration
    from provisioner.core.engine.plan import Initiator
    from provisioner.core.governance.privacy import Privacy
    from provisioner.services.account_lookup import KnownAccounts
    from provisioner.services.application import Application
    from provisioner.store import Store


class Session:
    """The options before the command, and what follows from them."""

    def __init__(self) -> None:
        #: The file of ``--config``, if it was given.
        self.config_file: Path | None = None
        self._given_file: str | None = None
        #: Whether stdout gets one JSON document and nothing else.
        self.json = False
        #: Whether stdout gets JSON documents in lines instead, each as soon as it is known.
        self.json_lines = False
        #: The id of ``--actor``, if it was given.
        self.given_actor: str | None = None
        #: ``tr`` or ``en`` of ``--lang``, if it was given.
        self.given_language: str | None = None
        #: Whether everything is logged.
        self.verbose = False
        #: Whether each call of a hook is logged.
        self.trace_hooks = False
        #: The plug-in whose command is run, if it is one of a plug-in.
        self.plugin_of_command: str | None = None

    def look_ahead(self, args: Sequence[str]) -> None:
        """Find out what decides in which form and language an error is told, before the command line is parsed."""
        self.json = "--json" in args
        language = _option("--lang", args)
        self.given_language = language if language in LANGUAGES else None
        self._given_file = _option("--config", args)

    @cached_property
    def configuration(self) -> LoadedConfiguration:
        """The configuration.

        Raises:

            ConfigurationError: There is none, or something in it is wrong.
        """
        from provisioner.config.load import find_file, load

        return load(find_file(self.config_file))

    @property
    def has_configuration(self) -> bool:
        """Whether a configuration is named, or lies where it is looked for."""
        return bool(self.config_file or os.environ.get(ENVIRONMENT_VARIABLE)) or os.path.isfile(DEFAULT_FILE)  # noqa: PTH113

    @property
    def language(self) -> str:
        """The language of messages: the one asked for, the configuration's, or the system's."""
        if self.given_language:
            return self.given_language
        if self._is_configured:
            return self.configuration.content.language
        return self._early_language

    @cached_property
    def _early_language(self) -> str:
        """The language of a configuration that is not loaded yet, or cannot be; without one, the system's."""
        file = str(self.config_file) if self.config_file else self._given_file
        if language := configured_language(configuration_file(file)):
            return language
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
        return "tr" if locale.startswith("tr") else "en"

    def help_text(self, english: str) -> str:
        """Return a text of help, or of click, in that language."""
        if self.language == "en":
            return english
        said = self._help_texts.gettext(english)
        return self.catalogue.gettext(english) if said == english and self.plugin_of_command else said

    def counted_help_text(self, singular: str, plural: str, count: int) -> str:
        """Return the text of click, in that language, that fits a number."""
        return self._help_texts.ngettext(singular, plural, count)

    @property
    def _help_texts(self) -> Catalogue:
        from provisioner.catalogue import Catalogue

        return Catalogue.of_help(self.language)

    @property
    def _is_configured(self) -> bool:
        return "configuration" in self.__dict__

    @property
    def catalogue(self) -> Catalogue:
        """The messages in that language, those of the configured plug-ins included."""
        from provisioner.catalogue import Catalogue

        named = self.named_plugins() if self._is_configured else []
        own = [self.plugin_of_command] if self.plugin_of_command else []
        return Catalogue.of(self.language, [*named, *own])

    def named_plugins(self) -> list[str]:
        """Return the plug-ins that the configuration names, in its order.

        Raises:

            ConfigurationError: There is no configuration, or something in it is wrong.
        """
        content = self.configuration.content
        tables = [*content.targets.values(), *content.channels.values(), *content.rules.values()]
        return list(dict.fromkeys(name for table in tables if isinstance(name := table.get("plugin"), str)))

    @cached_property
    def output(self) -> Output:
        """Where answers go."""
        from provisioner.cli.output import Output

        return Output(is_json=lambda: self.json, catalogue=lambda: self.catalogue, time=self.time)

    @property
    def actor(self) -> str:
        """Who asks: the one named by ``--actor``, or the user of the operating system, whatever the environment says.

        Raises:

            InputError: The one named cannot be an actor.

            UsageError: It is a policy that is named.
        """
        from provisioner.core.engine.plan import POLICY_ACTOR

        actor = _user() if self.given_actor is None else _named_actor(self.given_actor)
        if actor.startswith(POLICY_ACTOR):
            import click

            raise click.UsageError(self.output.text("--actor must be the ID of a person, not of a policy."))
        return actor

    def initiator(self, reason: str) -> Initiator:
        """Return who asks, and why."""
        from provisioner.core.engine.plan import Initiator

        return Initiator(actor=self.actor, reason=reason)

    def local_day(self, time: datetime | None) -> str:
        """Return the day of a time where the configuration says that people are."""
        return time.astimezone(self.configuration.content.time_zone).date().isoformat() if time else ""

    def local_time(self, time: datetime | None) -> str:
        """Return a time, to the second, as it is where the configuration says that people are."""
        from provisioner.core.model.text import in_zone

        return in_zone(time, self.configuration.content.time_zone) if time else ""

    def time(self, time: datetime) -> str:
        """Return a time in a message: where people are, and in UTC for scripts or without a configuration."""
        from provisioner.core.model.text import in_zone

        return self.local_time(time) if self._zone_is_known and not self.json else in_zone(time)

    @property
    def _zone_is_known(self) -> bool:
        from provisioner.core.api.errors import ConfigurationError

        if not self._is_configured and self.has_configuration:
            with suppress(ConfigurationError):
                _ = self.configuration
        return self._is_configured

    def start_of(self, day: datetime) -> datetime:
        """Return when a day begins where the configuration says that people are, in UTC."""
        from datetime import UTC

        return day.replace(tzinfo=self.configuration.content.time_zone).astimezone(UTC)

    def set_up_logs(self) -> None:
        """Send all logs to stderr: before anything is done of which somebody may want to be told."""
        from provisioner.cli import logs

        logs.set_up(verbose=self.verbose, trace_hooks=self.trace_hooks)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store alone, for commands that need no plug-in.

        Raises:

            ConfigurationError: The configuration is wrong.

            StoreError: The store cannot be opened.
        """
        from provisioner.core.api import logs
        from provisioner.services.parts import open_store

        if self.verbose:
            self.set_up_logs()
        else:
            logs.set_up_later(self.set_up_logs)
        with open_store(self.configuration) as store:
            yield store

    @contextmanager
    def known_accounts(self) -> Iterator[KnownAccounts]:
        """Open what reads single accounts: quickly, unless roles say which of their data the actor may read.

        Raises:

            ConfigurationError: The configuration is wrong.

            StoreError: The store cannot be opened.
        """
        from provisioner.services.account_lookup import opened

        with opened(self.configuration) if self.reads_everything else self.store() as store:
            yield store

    @property
    def reads_everything(self) -> bool:
        """Whether no role has to be looked up, because the actor may read all personal data."""
        authority = self.configuration.content.authority
        return authority is None or self.actor in authority.administrators

    def privacy(self, store: Store) -> Privacy:
        """Return what masks personal data that the actor may not read."""
        from provisioner.core.governance.privacy import Privacy
        from provisioner.services.parts import authority_of

        return Privacy(authority_of(self.configuration, store), self.actor)

    @contextmanager
    def application(self, *, dry_run: bool = False, stop: threading.Event | None = None) -> Iterator[Application]:
        """Open the store, load the plug-ins and join everything, for as long as the command runs.

        Raises:

            ConfigurationError: Something in the configuration is wrong.

            StoreError: The store cannot be opened.
        """
        from provisioner.cli.stdio import away_from_stdout
        from provisioner.services.bootstrap import application

        config = self.configuration
        self.set_up_logs()
        with away_from_stdout(), application(config, dry_run=dry_run, stop=stop) as app:
            yield app


def _named_actor(given: str) -> str:
    from provisioner.core.api.errors import InputError, Problem
    from provisioner.core.model.identifiers import name_objection

    if objection := name_objection(given):
        raise InputError([Problem(field="--actor", message=objection)])
    return given


def _user() -> str:
    """Return the name of the user who runs this process; the number if there is no name that can be an actor."""
    import pwd

    from provisioner.core.model.identifiers import name_objection

    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number without a name
        return str(number)
    return str(number) if name_objection(name) else name


def _option(name: str, args: Sequence[str]) -> str | None:
    """Return the value that an option has on a command line, as far as can be told before it is parsed."""
    for place, arg in enumerate(args):
        if arg == name:
            return next(iter(args[place + 1 :]), None)
        if arg.startswith(f"{name}="):
            return arg.partition("=")[2]
    return None
