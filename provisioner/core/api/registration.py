"""What a plug-in can use while it registers its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.model import MessageState

#: The timeout of a request, for plug-ins that name none.
LONGEST_CALL = timedelta(seconds=30)

SettingsT = TypeVar("SettingsT")


class Structure(Protocol):
    """Converts a table of the configuration into a settings class, strictly."""

    def __call__(self, table: Mapping[str, object], cls: type[SettingsT], place: str, /) -> SettingsT:
        """Return an instance of *cls*, or raise ConfigurationError with the file and the path of each problem."""


@attrs.frozen(kw_only=True)
class Section:
    """One configured target, channel or rule set: the table ``[targets.NAME]``, and so on."""

    #: The name of the target, channel or rule set.
    name: str
    #: Its path in the file, for messages.
    place: str
    #: The folder of the configuration file; relative paths start there.
    folder: Path
    table: Mapping[str, object] = attrs.field(repr=False)
    #: The hooks that the plug-in of a target or channel doesn't have, according to ``cannot`` in the table.
    cannot: frozenset[str] = frozenset()
    _structure: Structure = attrs.field(repr=False, eq=False)

    def settings(self, cls: type[SettingsT]) -> SettingsT:
        """Return the table as an instance of the attrs class *cls*.

        Fields of type :class:`~provisioner.core.model.secret.Secret` are references in the file: ``env:NAME``,
        ``file:PATH`` or ``keyring:SERVICE/USER``. Fields of type :class:`~pathlib.Path` start at :attr:`folder`.

        Raises:

            ConfigurationError: A key is unknown or missing, or a value has the wrong type; one line for each, with the
                file, the path in it, the expected type and the cure.
        """
        return self._structure(self.table, cls, self.place)


@attrs.frozen(kw_only=True)
class PluginSettings:
    """The configuration of one plug-in."""

    #: The name of the plug-in's entry point.
    plugin: str
    targets: tuple[Section, ...] = ()
    channels: tuple[Section, ...] = ()
    rule_sets: tuple[Section, ...] = ()
    #: ``tr`` or ``en``: the language of messages to people.
    language: str = "tr"
    #: The time zone of days and dates.
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))


class Registrar(Protocol):
    """Registers the objects of a plug-in."""

    def target(
        self, name: str, plugin: object, /, *, longest_call: timedelta = LONGEST_CALL, credential: str = ""
    ) -> None:
        """Register the object that implements the account hooks for the target *name*.

        Args:

            name: The name of the target.

            plugin: The object.

            longest_call: The timeout of one request. A process that takes over an operation from one that may still run
                waits this long before its first request, because the last request of the other process may still
                arrive.

            credential: The key of the target's settings that refers to the secret of the product's own account, if the
                object implements ``credential_set`` and ``credential_probe``.

        Raises:

            PluginError: The name isn't configured for this plug-in or is registered already, or the object doesn't
                match the hooks.
        """

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
        """Register the object that implements the channel hooks for the channel *name*.

        Args:

            name: The name of the channel.

            plugin: The object.

            longest_call: The timeout of one request; see :meth:`target`.

            uses_number: Whether it sends to the registered number. If so, a person whose entry is not a single phone
                number is refused before the channel is called.

            largest_batch: The largest number of notices with which ``notice_batch_deliver`` is called. With 1, it is
                never called, and the object needs no such hook.

        Raises:

            PluginError: As in :meth:`target`.
        """

    def rule_set(self, name: str, plugin: object, /) -> None:
        """Register the object that implements ``policy_rules`` for the rule set *name*.

        Args:

            name: The name of the rule set.

            plugin: The object. The hook is called at once.

        Raises:

            PluginError: The name isn't configured for this plug-in, or the object has no such hook or returns something
                else than rules.
        """

    def report(self, channel: str, part: str, state: MessageState, /) -> bool:
        """Store what a gateway reports on a part of a message that a channel has sent.

        Threads can call it after the registration until the program ends. It is stored when this returns. A report that
        is weaker than what is known, or known already, changes nothing. A report can be quicker than the receipt of
        the message; it is kept until that is known.

        Args:

            channel: The name of the channel.

            part: The gateway's ID of the part, as in :attr:`DeliveryReceipt.parts
                <provisioner.core.api.messages.DeliveryReceipt.parts>`.

            state: What was reported.

        Returns:

            Whether the message is known.

        Raises:

            StoreError: The store failed; the report was not stored.
        """

    def on_close(self, callback: Callable[[], object], /) -> None:
        """Call *callback* once when the program ends; the last registered callback is called first.

        Args:

            callback: Closes what the plug-in has opened. It may run although the plug-in was never used.
        """
