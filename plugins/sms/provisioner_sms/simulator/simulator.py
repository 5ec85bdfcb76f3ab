"""A running simulator: an inbox with an HTTP service in front of it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import attrs

from provisioner.core.model.secret import Secret
from provisioner.net.http_service import HttpService
from provisioner_sms.simulator.api import Api
from provisioner_sms.simulator.faults import SmsFault
from provisioner_sms.simulator.inbox import Inbox, ReceivedMessage


@attrs.define(eq=False, kw_only=True)
class SmsSimulator:
    """A simulated phone network that is running. :meth:`stop` ends it."""

    _api: Api
    _service: HttpService

    @classmethod
    def start(cls, database: Path, *, host: str = "127.0.0.1", port: int = 0, api_key: Secret | None = None) -> Self:
        """Start one.

        Args:

            database: The file of the inbox; several simulators may share it.

            host: The address to listen on.

            port: The port; 0 takes a free one.

            api_key: What every request must carry.

        Raises:

            OSError: The address cannot be used.
        """
        api = Api(inbox=Inbox(database), api_key=api_key)
        service = HttpService.start(api.answer, name="sms-simulator", host=host, port=port)
        api.inbox.hold_open()
        return cls(api=api, service=service)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Run one with an inbox and an API key of its own, for as long as the ``with`` block."""
        with tempfile.TemporaryDirectory(prefix="sms-simulator-") as folder:
            simulator = cls.start(Path(folder, "sms.sqlite"), api_key=Secret(secrets.token_urlsafe(24)))
            try:
                yield simulator
            finally:
                simulator.stop()

    def stop(self) -> None:
        """Stop. Messages under way arrive at once."""
        self._api.stopping.set()
        self._service.stop()
        self._api.inbox.close()

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._service.url

    def settings(self) -> dict[str, Any]:
        """Return a table ``[channels.NAME]`` that sends to this simulator, for tests: it holds the key."""
        key = {"api_key": f"plain:{self._api.api_key.reveal()}"} if self._api.api_key else {}
        return {
            "plugin": "sms",
            "gateway": "simulator",
            "help_desk": "0344 000 00 00",
            "simulator": {"url": self.url, **key},
        }

    def inbox(self, number: str | None = None) -> list[ReceivedMessage]:
        """Return what arrived, the oldest first: on one phone, or on all."""
        return self._api.inbox.messages(number)

    def last_password(self, number: str) -> str:
        """Return the password in the newest message on a phone that has one.

        Raises:

            LookupError: The phone received no password.
        """
        for message in reversed(self.inbox(number)):
            with suppress(LookupError):
                return message.password
        msg = "this phone received no password"
        raise LookupError(msg)

    def misbehave(self, fault: SmsFault, *, calls: Iterable[int] = (), seconds: float = 1) -> None:
        """Make the service fail for the next messages.

        Args:

            fault: What goes wrong.

            calls: With which of the messages that come from now on, counted from 1; none for all.

            seconds: The length of the delay, or what ``Retry-After`` says.
        """
        self._api.misbehave(fault, calls=calls, seconds=seconds)

    def behave(self) -> None:
        """Make the service work again."""
        self._api.faults.clear()

    @property
    def calls(self) -> int:
        """How many messages this simulator has received, including those that failed."""
        return self._api.calls()
