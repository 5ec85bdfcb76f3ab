"""Receives the reports of an operator for as long as a program runs, whichever process sent the messages."""

from __future__ import annotations

import threading
from typing import Self

import attrs
import structlog

from provisioner.core.api.errors import UnavailableError
from provisioner_sms.gateway import Report
from provisioner_sms.settings import BindKind, SmppSettings
from provisioner_sms.smpp.link import Link
from provisioner_sms.smpp.reports import SmppReports

log = structlog.stdlib.get_logger(__name__)

#: How many seconds to wait before a connection is opened again: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

#: The bind of a connection that receives, by that of the connections that send.
_BINDS = {BindKind.TRANSCEIVER: "bind_transceiver", BindKind.TRANSMITTER: "bind_receiver"}


@attrs.define(eq=False, kw_only=True)
class SmppReceiver:
    """A connection that is opened again whenever it is lost. :meth:`stop` ends it."""

    _settings: SmppSettings
    _reports: SmppReports
    _link: Link = attrs.field(init=False)
    _stop: threading.Event = attrs.field(factory=threading.Event, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def start(cls, settings: SmppSettings, report: Report) -> Self:
        """Connect. If the operator can't be reached, go on trying.

        Args:

            settings: The operator.

            report: Stores a report on a part of a message, and returns whether the message is known.

        Raises:

            MisconfiguredError: The operator refuses the credentials or settings.
        """
        receiver = cls(settings=settings, reports=SmppReports(settings=settings, report=report))
        receiver._connect()
        try:
            receiver._link.bound.result()
        except UnavailableError as error:
            log.warning("smpp_not_connected", host=settings.host, reason=str(error))
        threading.Thread(target=receiver._stay, name="smpp-receiver", daemon=True).start()
        return receiver

    @property
    def url(self) -> str:
        """The address of the operator."""
        return f"smpp://{self._settings.host}:{self._settings.port}"

    def stop(self) -> None:
        """Store the reports that have arrived, and disconnect."""
        with self._lock:
            self._stop.set()
        self._link.close()

    def _connect(self) -> None:
        with self._lock:
            if not self._stop.is_set():
                self._link = Link.start(self._settings, _BINDS[self._settings.bind], self._reports.take)

    def _stay(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            self._link.ended.wait()
            was_bound = self._link.bound.exception() is None
            pause = FIRST_PAUSE if was_bound else min(2 * pause, LONGEST_PAUSE)
            self._stop.wait(pause)
            self._connect()
