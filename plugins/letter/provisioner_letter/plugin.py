"""The hooks of the letter plug-in."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import Self

import attrs
import structlog

from provisioner import hookimpl
from provisioner.core.api.errors import ConfigurationError, RefusedError
from provisioner.core.api.messages import (
    ChannelReport,
    CheckChannel,
    CliCommand,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    ProbeDelivery,
)
from provisioner.core.api.registration import PluginSettings, Registrar, Section
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text
from provisioner_letter.commands import COMMANDS
from provisioner_letter.keys import Keys, OwnKeys, PrinterKey
from provisioner_letter.outbox import Outbox
from provisioner_letter.page import Paper
from provisioner_letter.settings import LetterSettings

log = structlog.stdlib.get_logger(__name__)

#: The libraries that the product needs only for letters.
LIBRARIES = ("pyrage", "reportlab")

#: Who else but the owner may write to a file or folder.
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

#: How long before its end the key of a printer is warned about.
SOON = timedelta(days=30)


@attrs.define(eq=False, kw_only=True)
class LetterChannel:
    """Writes encrypted letters. The password leaves the memory of the process only in them."""

    name: str
    keys: Keys
    outbox: Outbox
    paper: Paper

    @classmethod
    def configured(cls, section: Section, settings: PluginSettings) -> Self:
        """Return the channel that a section of the configuration describes."""
        table = section.settings(LetterSettings)
        return cls(
            name=section.name,
            keys=_keys(table),
            outbox=Outbox(table.outbox),
            paper=Paper(
                fonts=table.fonts, help_desk=table.help_desk, language=settings.language, zone=settings.time_zone
            ),
        )

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        """Write a letter that only its owner, or the printer, can open."""
        self.outbox.expect_usable()
        seal = self.keys.of(request.recipient)
        # No variable holds the letter: a traceback can show the variables of each frame.
        self.outbox.put(request.delivery_id, seal.suffix, seal.sealed(self.paper.letter(request)))
        log.info("letter_written", channel=self.name, delivery=request.delivery_id)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, will_report=True)

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Tell whether the letter is in the outbox."""
        self.outbox.expect_usable()
        if self.outbox.holds(request.delivery_id):
            return DeliveryReceipt(state=DeliveryState.ACCEPTED, will_report=True)
        return DeliveryReceipt(state=DeliveryState.MISSING)

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        """Look at the outbox, the fonts and every key."""
        self.outbox.expect_usable()
        self.paper.expect_usable()
        self.keys.expect_usable()
        return ChannelReport(unreachable=dict(self._unreachable(request)), warnings=tuple(_warnings(self.keys)))

    def _unreachable(self, request: CheckChannel) -> Iterator[tuple[str, Text]]:
        for person in request.recipients:
            try:
                self.keys.of(person)
            except RefusedError as error:
                yield person.id, error.text


def _keys(settings: LetterSettings) -> Keys:
    if settings.keys:
        return OwnKeys(settings.keys, utc_now)
    assert settings.printer_key  # noqa: S101 - the settings have one of them
    return PrinterKey(settings.printer_key, utc_now)


def _warnings(keys: Keys) -> Iterator[Text]:
    yield from (
        Text(
            "others may write to {path}, and a replaced key opens every later letter; run 'chmod go-w'", {"path": path}
        )
        for path in keys.places()
        if path.stat().st_mode & OTHERS_WRITE
    )
    yield from (
        Text("{file} is not used as a key: the name doesn't end in .pub or .pem", {"file": file})
        for file in keys.unused()
    )
    if isinstance(keys, PrinterKey) and (end := keys.seal().expires_at) and end < utc_now() + SOON:
        yield Text("the certificate {file} expires on {end}; replace it", {"file": keys.file, "end": end.date()})


def _require_libraries(sections: Sequence[Section]) -> None:
    """Check that the libraries of the extra are there, before the first letter needs them."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing and sections:
        raise ConfigurationError(
            "{place}: the letter plug-in needs {libraries}",
            cure="run \"pip install 'unit-provisioner[letter]'\"",
            place=sections[0].place,
            libraries=", ".join(missing),
        )


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one channel for each section."""
    if settings.targets:
        raise ConfigurationError(
            "{place}: the letter plug-in provides channels, not targets", place=settings.targets[0].place
        )
    _require_libraries(settings.channels)
    for section in settings.channels:
        register.channel(section.name, LetterChannel.configured(section, settings), uses_number=False)


@hookimpl
def cli_commands() -> Sequence[CliCommand]:
    """Add ``letter``."""
    return COMMANDS
