"""A phone network that keeps messages waiting, so that a program is in the middle of its work for as long as needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import attrs

from provisioner.net.http_service import HttpAnswer, HttpCall, HttpService
from tests.cli.conftest import ONE_BY_ONE

#: How many seconds nothing in a test may take.
PATIENCE = 120


@attrs.define(eq=False)
class HeldPhones:
    """Speaks the protocol of the simulator. Answers some messages at once, and the rest when it is told to."""

    url: str = attrs.field(default="", init=False)
    _at_once: int = attrs.field(default=1, init=False)
    _taken: set[str] = attrs.field(factory=set, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _held: threading.Event = attrs.field(factory=threading.Event, init=False)
    _go_on: threading.Event = attrs.field(factory=threading.Event, init=False)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Be there for the length of the block."""
        phones = cls()
        service = HttpService.start(phones._answer, name="held-phones")
        phones.url = service.url
        try:
            yield phones
        finally:
            phones.release()
            service.stop()

    @property
    def configuration(self) -> str:
        """The configuration of an office that sends to these phones."""
        table = f"""plugin = "sms"
gateway = "simulator"
help_desk = "0344 000 00 00"
[channels.sms.simulator]
url = "{self.url}"
timeout = {PATIENCE}
"""
        return ONE_BY_ONE.replace('plugin = "memory"\n', table)

    def hold(self, *, after: int) -> None:
        """Answer so many more messages at once, and keep the others waiting."""
        with self._lock:
            self._at_once = len(self._taken) + after
            self._held.clear()
            self._go_on.clear()

    def wait(self) -> None:
        """Wait until a message waits."""
        assert self._held.wait(PATIENCE)

    def release(self) -> None:
        """Answer all that wait, and all that come."""
        self._go_on.set()

    def _answer(self, call: HttpCall) -> HttpAnswer:
        if call.method == "POST":
            return self._take(json.loads(call.body)["id"])
        if call.path == "/":
            return HttpAnswer.of_document({"service": "sms-simulator"})
        if call.path.rpartition("/")[2] in self._taken:
            return HttpAnswer.of_document({"state": "delivered"})
        return HttpAnswer.of_document({"error": "no such message"}, 404)

    def _take(self, message: str) -> HttpAnswer:
        with self._lock:
            self._taken.add(message)
            is_held = len(self._taken) > self._at_once and not self._go_on.is_set()
        if is_held:
            self._held.set()
            self._go_on.wait(PATIENCE)
        return HttpAnswer.of_document({"id": message, "state": "accepted"}, 202)
